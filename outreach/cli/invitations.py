"""`outreach audience invite` and `arrivals`: people asked to a channel on paper, and those who came unannounced."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Final
from urllib.parse import urlsplit

import typer

from outreach.cli.invitation_sheet import write_sheet
from outreach.cli.options import MOST_ID, As, Json, UnitCode
from outreach.cli.output import local, print_json, print_table, say, warn
from outreach.cli.session import Session, acting, session_of
from outreach.domain.errors import NotFound, OutreachError
from outreach.domain.frozen import EVERYBODY
from outreach.domain.invitation import VALID_FOR, Why
from outreach.domain.mistakes import unknown
from outreach.domain.scope import EVERYTHING, Scope
from outreach.domain.segment_file import load_segments
from outreach.domain.segments import Rule
from outreach.domain.words import Channel
from outreach.reach.sheets import Sheet, write_csv
from outreach.receipts import invitations
from outreach.receipts.invitations import Slip
from outreach.store import units

COLUMNS: Final = ("contact", "full_name", "unit", "link")
REASONS: Final = {
    Why.NOTHING: "brought neither token nor phone number",
    Why.NOT_OURS: "brought a token that is none of ours",
    Why.EXPIRED: "brought a token that has expired",
    Why.USED: "brought a token somebody else had used",
    Why.NOBODY: "the person the token was for is gone, or a child without a guardian",
    Why.GUESSING: "tried too many wrong tokens; none is looked at for a day",
    Why.OTHER_UNIT: "the person lives where this account does not write to",
    Why.CROWDED: "the address stands for a whole household already",
    Why.NO_SUCH_PHONE: "nobody has this phone number",
    Why.OTHER_NAME: "the phone number is known under another name",
    Why.SEVERAL: "several people have this phone number and name",
}
"""Why somebody waits, in words for staff."""


def invite(
    context: typer.Context,
    segment: Annotated[
        str | None, typer.Argument(metavar="[SEGMENT]", help="A name from campaigns/segments.yaml. Default: everybody.")
    ] = None,
    contact: Annotated[
        int | None, typer.Option("--contact", metavar="ID", min=1, max=MOST_ID, help="Only this person.")
    ] = None,
    unit: UnitCode = None,
    channel: Annotated[
        Channel | None,
        typer.Option("--channel", help="zalo_oa or telegram: those without an address on it. Default: on neither."),
    ] = None,
    csv: Annotated[Path | None, typer.Option("--csv", metavar="FILE", help="Write a table: name, unit, link.")] = None,
    sheet: Annotated[
        Path | None, typer.Option("--print", metavar="FILE.html", help="Write labels with QR codes, 24 on an A4 page.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Write invitations to Zalo and Telegram to hand out on paper: for each person a one-time link."""
    session = session_of(context)
    if (csv is None) == (sheet is None):
        raise OutreachError("name one file to write: --csv FILE or --print FILE.html")
    wanted = _wanted(channel)
    _check_doors(session, wanted)
    if urlsplit(session.settings().public_url).hostname in ("127.0.0.1", "localhost", "::1"):
        warn("the links lead to this machine alone: set OUTREACH_PUBLIC_URL to where citizens reach it")
    given = _slips(session, _rule(session, segment), wanted, unit, contact)
    counted = _Counted(given)
    if csv is not None:
        rows = ((one.contact, one.full_name, one.unit_name, one.link) for one in counted)
        write_csv(csv, Sheet("invitations", COLUMNS, rows))
    elif sheet is not None:
        write_sheet(sheet, counted)
    written = str(csv or sheet)
    if as_json:
        print_json({"invitations": counted.written, "without_channel": counted.nowhere, "file": written})
    how_many = "1 invitation" if counted.written == 1 else f"{counted.written:,} invitations"
    say(f"{how_many}, valid for {VALID_FOR.days} days, in {written}; keep the file to yourself")
    if counted.nowhere:
        say(f"{counted.nowhere:,} people were left out: no account serves where they live")


class _Counted:
    """The slips that lead somewhere, counted as they go by."""

    def __init__(self, slips: Iterator[Slip]) -> None:
        self._slips = slips
        self.written = 0
        self.nowhere = 0

    def __iter__(self) -> Iterator[Slip]:
        for slip in self._slips:
            if slip.ways:
                self.written += 1
                yield slip
            else:
                self.nowhere += 1


def _wanted(channel: Channel | None) -> list[Channel]:
    bound = [one for one in Channel if one.account_bound]
    if channel is not None and channel not in bound:
        raise OutreachError(f"nobody joins {channel}: invite to {' or '.join(bound)}")
    return bound if channel is None else [channel]


def _check_doors(session: Session, wanted: list[Channel]) -> None:
    accounts = session.runtime().accounts.values()
    if not any(account.public_name and account.serves(channel) for account in accounts for channel in wanted):
        raise OutreachError(
            f"no account of {' or '.join(wanted)} says how citizens find it: set oa_id (zalo) or username (telegram)"
            f" in {session.settings().accounts_file}"
        )


def _rule(session: Session, segment: str | None) -> Rule:
    if segment is None:
        return EVERYBODY
    file = session.settings().campaigns_dir / "segments.yaml"
    known = load_segments(file)
    if segment not in known:
        raise NotFound(f"{unknown('segment', segment, known)} (in {file})")
    return known[segment].where


def _slips(
    session: Session, rule: Rule, wanted: list[Channel], unit: str | None, contact: int | None
) -> Iterator[Slip]:
    runtime = session.runtime()
    below = ""
    if unit:
        with runtime.engine.connect() as connection:
            below = units.path_of(connection, unit)
    serving = {
        name: account for name, account in runtime.accounts.items() if any(account.serves(one) for one in wanted)
    }
    return invitations.slips(
        runtime.engine, runtime.keys, serving, rule, channels=wanted, public_url=session.settings().public_url,
        scope=EVERYTHING, today=session.today(), unit=below, contact=contact,
    )  # fmt: skip


def arrivals(
    context: typer.Context,
    link: Annotated[
        tuple[int, int] | None,
        typer.Option("--link", metavar="ARRIVAL CONTACT", help="Say who somebody is: number in this list, contact id."),
    ] = None,
    who: As = None,
    as_json: Json = False,
) -> None:
    """Those who came to Zalo or Telegram and whom nobody could be linked with; `--link` links one by hand."""
    session = session_of(context)
    runtime = session.runtime()
    scope = Scope(path="", who=acting(who))
    if link is not None:
        if not all(0 < number <= MOST_ID for number in link):
            raise OutreachError("--link takes the number of an arrival, as this list shows it, and that of a contact")
        name = invitations.link(runtime.receiver(), link[0], link[1], scope=scope)
        if as_json:
            print_json({"arrival": link[0], "contact": link[1]})
        say(f"linked with contact {link[1]} ({name})")
        return
    waiting = invitations.newcomers(runtime.engine, runtime.keys, scope=scope)
    if as_json:
        print_json({"arrivals": [asdict(one) for one in waiting]})
        return
    zone = session.settings().zone
    rows = [
        (str(one.id), local(one.came_at, zone), one.account, one.name, one.phone, REASONS[one.why]) for one in waiting
    ]
    columns = ("number", "came", "account", "name given", "phone given", "why")
    print_table(f"Not linked with anybody: {len(waiting)}", columns, rows)
