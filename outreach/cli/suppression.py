"""`outreach suppression`: which addresses are not written to, why, and how that ends."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Annotated, Final

import typer

from outreach.audience import barring
from outreach.audience.barring import Standing
from outreach.audience.tables import Choice
from outreach.cli.audience import File
from outreach.cli.lists import Encoding, Ignore, Map, Sheet, wishes
from outreach.cli.options import As, DryRun, Json, UnitCode, Yes
from outreach.cli.output import ask, local, print_json, print_table, say
from outreach.cli.progress import progress
from outreach.cli.session import Session, acting, session_of
from outreach.domain.addresses import channel_of, normal_address
from outreach.domain.errors import OutreachError
from outreach.domain.scope import EVERYTHING, Scope
from outreach.domain.states import DeliveryState, Reason
from outreach.domain.words import Channel
from outreach.reach.explanations import explain
from outreach.receipts import lifting
from outreach.receipts.lifting import Bar
from outreach.store import barred, units
from outreach.store.confirmations import State

app = typer.Typer(no_args_is_help=True)
_SHOWN = 100
_REASONS = (Reason.OPTED_OUT, Reason.HARD_BOUNCE, Reason.DO_NOT_CALL)
_MANY = 20
"""Addresses that are barred without asking back."""
_LEFT_OUT_SHOWN = 10
_LONGEST = 300
"""Characters of a line of stdin that may be an address."""

_TOLD: Final[Mapping[State, str]] = {
    State.PLANNED: "it leaves as soon as the account can send.",
    State.SENDING: "it is being sent right now.",
    State.ACCEPTED: "they were told once that it is done.",
    State.UNKNOWN: "it may have left: its sender was killed, or the answer never came. It is not sent again, so that"
    " they never get two; the refusal holds all the same.",
    State.FAILED: "they could not be told; the refusal holds all the same.",
    State.EXPIRED: "it could not leave within a day, and then says nothing any more; the refusal holds all the same.",
    State.CANCELLED: "they took the refusal back before it left.",
}

Address = Annotated[
    str | None,
    typer.Argument(
        metavar="[ADDRESS]",
        help="A phone number, e-mail address, user or chat id. Left out: the first line of stdin, so that it stands in"
        " no list of commands.",
        show_default=False,
    ),
]
OnChannel = Annotated[Channel | None, typer.Option("--channel", help="Only on this channel.")]
OfReason = Annotated[
    Reason | None, typer.Option("--reason", help="Only for this reason: opted_out, hard_bounce, do_not_call.")
]


@app.callback()
def group() -> None:
    """Addresses that are not written to: look why, take it back, bar a list."""


@app.command("list", epilog="Example: outreach suppression list --reason hard_bounce --unit 00454")
def list_(
    context: typer.Context,
    reason: OfReason = None,
    channel: OnChannel = None,
    unit: UnitCode = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=10_000, help="At most so many.")] = _SHOWN,
    as_json: Json = False,
) -> None:
    """The latest bars, addresses masked; how many there are of each kind."""
    session = session_of(context)
    runtime = session.runtime()
    found = lifting.listed(
        runtime.engine, runtime.keys, scope=_scope(session, unit), reason=_known(reason),
        channel="" if channel is None else str(channel), limit=limit,
    )  # fmt: skip
    with runtime.engine.connect() as connection:
        counted = [] if unit else [(*kind, n) for kind, n in barred.counts(connection).items()]
    if as_json:
        totals = [{"reason": why, "channel": where, "n": n} for why, where, n in counted]
        print_json({"suppressions": [one.to_json() for one in found], "totals": totals})
        return
    if counted:
        print_table("all of them", ("reason", "channel", "addresses"), counted)
    _tell(session, "the latest", found)
    if len(found) == limit:
        say(f"there may be more: --limit, up to {10_000:,}")


@app.command(epilog="Example: outreach suppression show 0912345678")
def show(context: typer.Context, address: Address = None, channel: OnChannel = None, as_json: Json = False) -> None:
    """What bars one address, since when, and how that ends."""
    session = session_of(context)
    runtime = session.runtime()
    value = _typed(address, channel)
    found = lifting.of_address(runtime.engine, runtime.keys, value, scope=EVERYTHING)
    told = lifting.confirmations_of(runtime.engine, runtime.keys, value)
    if as_json:
        confirmed = [{**asdict(one), "meaning": _TOLD[one.state]} for one in told]
        print_json({"suppressions": [one.to_json() for one in found], "confirmations": confirmed})
        return
    _tell(session, "", found)
    if not found:
        say("nothing bars this address")
    if found and all(one.of.message_class == "advertising" for one in found):
        say("that bars advertising only: everything else is sent to this address")
    for why in dict.fromkeys(one.of.reason for one in found):
        said = explain(DeliveryState.SUPPRESSED, str(why)).text(session.settings().language)
        say(f"{why}: {said}")
    for one in told:
        at = local(one.at, session.settings().zone)
        say(f"confirmation by {one.account} ({one.channel}), {one.state} {at}: {_TOLD[one.state]}")


@app.command(
    epilog='Example: outreach suppression lift 0912345678 --because "gọi điện xin nhận lại, 27/11, bà Lan nghe"'
)
def lift(
    context: typer.Context,
    address: Address = None,
    channel: OnChannel = None,
    reason: OfReason = None,
    because: Annotated[
        str, typer.Option("--because", metavar="TEXT", help="Who told whom, when and how; kept on the record.")
    ] = "",
    advertising: Annotated[
        bool, typer.Option("--advertising", help="Take back the refusal of advertising, too.")
    ] = False,
    who: As = None,
    as_json: Json = False,
) -> None:
    """Take bars away: a bounce freely, a refusal only with --because; that of advertising stays, as after START."""
    session = session_of(context)
    runtime = session.runtime()
    done = lifting.lift(
        runtime.engine, runtime.keys, _typed(address, channel), scope=EVERYTHING, who=acting(who),
        now=runtime.clock.now(), channel="" if channel is None else str(channel), reason=_known(reason),
        because=because, advertising=advertising,
    )  # fmt: skip
    if as_json:
        print_json({"lifted": [one.to_json() for one in done.gone], "left": [one.to_json() for one in done.left]})
        return
    _tell(session, "lifted", done.gone)
    if done.left:
        _tell(session, "still there", done.left)
    if not advertising and any(one.of.message_class == "advertising" for one in done.left):
        say("advertising stays refused; everything else is sent again (--advertising takes that back, too)")


@app.command("import", epilog="Example: outreach suppression import khong-quang-cao.csv --reason do_not_call")
def import_(
    context: typer.Context,
    file: File,
    reason: Annotated[Reason, typer.Option("--reason", help="opted_out, hard_bounce or do_not_call.")],
    source: Annotated[
        str, typer.Option("--source", metavar="NAME", help="What the list is called. Default: the file's name.")
    ] = "",
    dry_run: DryRun = False,
    encoding: Encoding = None,
    sheet: Sheet = None,
    ignore: Ignore = None,
    maps: Map = None,
    who: As = None,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Bar the phone numbers and e-mail addresses of a list; says first how many people that is."""
    session, why = session_of(context), _known(reason)
    assert why is not None
    runtime, choice = session.runtime(), Choice(encoding, sheet, wishes(ignore, maps))
    with progress("rows") as told:
        listed = barring.read_addresses(file, runtime.keys, choice, told=told)
    standing = barring.standing(runtime.engine, listed, why)
    new = 0
    if not dry_run and listed.addresses:
        _confirm(standing, why, yes=yes)
        name = " ".join((source or file.name).split())[:100]
        new = barring.bar(runtime.engine, listed, why, source=name, who=acting(who))
    figures = {
        "rows": listed.rows, "addresses": standing.addresses, "people": standing.people,
        "barred_before": standing.barred, "barred": new, "rejected": listed.rejected,
    }  # fmt: skip
    if as_json:
        print_json({**figures, "left_out": [asdict(one) for one in listed.left_out]})
        return
    title = f"{file.name} (dry run: nothing stored)" if dry_run else file.name
    print_table(title, list(figures), [list(figures.values())])
    for one in listed.left_out[:_LEFT_OUT_SHOWN]:
        say(f"line {one.line}{f', {one.column}' if one.column else ''}: {one.reason}")
    if listed.rejected > _LEFT_OUT_SHOWN:
        say(f"and {listed.rejected - _LEFT_OUT_SHOWN:,} more were left out; --json names up to 1,000")


def _confirm(standing: Standing, reason: Reason, *, yes: bool) -> None:
    """Ask before many are barred; whoever has no terminal says --yes."""
    what = f"{standing.addresses:,} addresses ({reason}), of {standing.people:,} people on our lists"
    if standing.addresses > _MANY and not yes and not sys.stdin.isatty():
        raise OutreachError(f"this would bar {what}; nothing was done. If that is meant: --yes")
    ask(f"Bar {what}?", yes=yes or standing.addresses <= _MANY)


def _typed(address: str | None, channel: Channel | None) -> str:
    """The address as it is stored; raises OutreachError, which never shows it."""
    if address is None:
        if sys.stdin.isatty():
            address = typer.prompt("Address", err=True)
        address = sys.stdin.readline(_LONGEST) if address is None else address
    try:
        return normal_address(channel or channel_of(address), address)
    except OutreachError:
        if channel is None and "@" not in address:
            return normal_address(Channel.TELEGRAM, address)  # all digits: a user's or a chat's number
        raise


def _known(reason: Reason | None) -> Reason | None:
    if reason is not None and reason not in _REASONS:
        raise OutreachError(f"--reason: addresses are barred for one of {', '.join(_REASONS)}")
    return reason


def _scope(session: Session, unit: str | None) -> Scope:
    if unit is None:
        return EVERYTHING
    with session.runtime().engine.connect() as connection:
        return Scope(units.path_of(connection, unit), EVERYTHING.who)


def _tell(session: Session, title: str, found: Sequence[Bar]) -> None:
    zone = session.settings().zone
    rows = [
        (
            one.address or "on no list", ", ".join(map(str, one.of.contacts)), one.of.channel, one.of.message_class,
            str(one.of.reason), ", ".join(one.of.codes), one.of.source, local(one.of.at, zone),
        )
        for one in found
    ]  # fmt: skip
    print_table(title, ("address", "contact ids", "channel", "class", "reason", "codes", "source", "since"), rows)
