"""`outreach suppression`: which addresses are not written to, why, and how that ends."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Annotated, Final

import typer

from outreach.cli.options import As, Json, UnitCode
from outreach.cli.output import local, print_json, print_table, say
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
    """Addresses that are not written to: who refused, where nobody is; look, and take it back."""


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


def _typed(address: str | None, channel: Channel | None) -> str:
    """The address as it is stored; raises OutreachError, which never shows it."""
    if address is None:
        if sys.stdin.isatty():
            address = typer.prompt("Address", err=True)
        address = sys.stdin.readline(_LONGEST) if address is None else address
    try:
        return normal_address(channel or channel_of(address), address)
    except OutreachError:
        if channel is None:
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
    print_table(title, ("address", "contacts", "channel", "class", "reason", "codes", "source", "since"), rows)
