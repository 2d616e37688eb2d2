"""`outreach bounces held`: bounces that bar nobody before a person has looked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import typer

from outreach.cli.options import As, Json, Yes
from outreach.cli.output import ask, local, print_json, print_table, say
from outreach.cli.session import Session, acting, session_of
from outreach.domain.bouncing import BounceState
from outreach.domain.errors import NotFound
from outreach.domain.mistakes import unknown
from outreach.domain.scope import EVERYTHING
from outreach.receipts.held import HeldBounces, held_bounces
from outreach.store import bounces

app = typer.Typer(no_args_is_help=True, epilog="Example: outreach bounces held list")
Account = Annotated[str, typer.Argument(metavar="ACCOUNT", help="The account whose bounces are meant.")]
Code = Annotated[str, typer.Option("--code", metavar="CODE", help="Only those with this code, as 5.1.2.")]


@app.callback()
def group() -> None:
    """Too much came back at once: look why, then have the addresses barred, or forget it."""


@app.command("list", epilog="Example: outreach bounces held list")
def list_(context: typer.Context, as_json: Json = False) -> None:
    """What is held, by account: codes, campaigns and the domains it came back from."""
    session = session_of(context)
    found = _found(session)
    if as_json:
        print_json({"held": [one.to_json() for one in found]})
        return
    zone = session.settings().zone
    rows = [
        (one.account, one.n, local(one.since, zone), _coded(session, one), _told(one.campaigns), _told(one.domains))
        for one in found
    ]
    print_table("", ("account", "held", "since", "codes", "campaigns", "domains"), rows)
    if found:
        say("Every domain the same code: look at the mail server and its DNS, then `discard`. A list that is old and")
        say("codes that say so (5.1.1): `apply` bars the addresses. Until then nobody of these is barred.")


def _found(session: Session) -> list[HeldBounces]:
    runtime = session.runtime()
    return held_bounces(runtime.engine, runtime.keys, scope=EVERYTHING)


def _told(counted: Mapping[str, int]) -> str:
    return "\n".join(f"{name}: {n:,}" for name, n in counted.items())


def _coded(session: Session, one: HeldBounces) -> str:
    """The codes, with what they mean."""
    runtime, language = session.runtime(), session.settings().language
    lines = []
    for code, n in one.codes.items():
        words = runtime.meaning(one.account, code)
        said = "" if words is None else f" {(words.vi if language == 'vi' else words.en).what}"
        lines.append(f"{code}: {n:,}{said}")
    return "\n".join(lines)


@app.command(epilog="Example: outreach bounces held apply mail --code 5.1.1")
def apply(
    context: typer.Context, account: Account, code: Code = "", who: As = None, yes: Yes = False, as_json: Json = False
) -> None:
    """They are dead addresses: bar them, and let bounces bar again by themselves."""
    _settle(session_of(context), account, code, BounceState.APPLIED, who=who, yes=yes, as_json=as_json)


@app.command(epilog="Example: outreach bounces held discard mail")
def discard(
    context: typer.Context, account: Account, code: Code = "", who: As = None, yes: Yes = False, as_json: Json = False
) -> None:
    """The sender was to blame: bar nobody for them, and let bounces bar again by themselves."""
    _settle(session_of(context), account, code, BounceState.DISCARDED, who=who, yes=yes, as_json=as_json)


def _settle(
    session: Session, account: str, code: str, state: BounceState, *, who: str | None, yes: bool, as_json: bool
) -> None:
    runtime = session.runtime()
    found = {one.account: one for one in _found(session)}
    if account not in found:
        known = unknown("account", account, found) if found else "no bounces are held"
        raise NotFound(f"{known}: `outreach bounces held list` shows what is held")
    counted = found[account].codes
    if code and code not in counted:
        raise NotFound(f"no bounce of {account} with the code {code} is held; held are: {', '.join(counted)}")
    n = counted[code] if code else found[account].n
    bar = state is BounceState.APPLIED
    question = f"Bar {n:,} addresses? (outreach suppression lift frees one)" if bar else f"Forget {n:,} bounces?"
    ask(question, yes=yes)
    with runtime.engine.begin() as connection:
        settled = bounces.settle(
            connection, account, state, code=code, who=acting(who), now=runtime.clock.now()
        )  # fmt: skip
    if as_json:
        print_json({"account": account, "code": code, "state": str(state), "bounces": settled})
    say(f"{settled:,} bounces of {account}: " + ("their addresses are barred" if bar else "nobody is barred for them"))
