"""`outreach account`: the providers this installation sends through."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import redis
import typer

from outreach.cli import account_authorise, account_test, account_trial
from outreach.cli.options import As, Json
from outreach.cli.output import local, print_json, print_table, say
from outreach.cli.session import Session, acting, session_of
from outreach.dispatch.windows import Windows
from outreach.domain.circuits import Circuit, Tally
from outreach.domain.errors import NotFound
from outreach.domain.mistakes import unknown
from outreach.domain.quotas import Quota
from outreach.runtime import Runtime
from outreach.store import accounts, bounces, campaigns, circuits, moves, quotas
from outreach.store.circuits import Standing

app = typer.Typer(no_args_is_help=True, add_completion=False)


@app.callback()
def group() -> None:
    """Provider accounts: list them, try them, put them back into service."""


app.add_typer(account_trial.app, name="trial")
app.add_typer(account_test.app)
app.add_typer(account_authorise.app)


@app.command("list", epilog="Example: outreach account list")
def list_(context: typer.Context, as_json: Json = False) -> None:
    """The accounts of accounts.toml: limits, health of the last half minute, and which wait for somebody."""
    session = session_of(context)
    known = _quotas(session.runtime())
    listed = _accounts(session)
    for one in listed:
        one["quotas"] = [_quota_json(quota) for quota in known.get(one["name"], [])]
    if as_json:
        print_json({"accounts": listed})
        return
    zone = session.settings().zone
    rows = [
        (
            one["name"],
            " ".join(one["channels"]),
            one["provider"],
            f"{one['rate']:g}/s",
            one["price"],
            _state(one, zone),
            f"{one['share_failed']:.0%}",
            f"{one['seconds']:.1f} s",
            one["waiting"],
            "\n".join(quota.told(zone) for quota in known.get(one["name"], [])),
        )
        for one in listed
    ]
    columns = ("account", "channels", "provider", "rate", "VND", "state", "failed", "slowest", "waiting")
    if known:
        print_table("", (*columns, "quota"), rows)
    else:
        print_table("", columns, [row[:-1] for row in rows])


def _quotas(runtime: Runtime) -> dict[str, list[Quota]]:
    """What is known of the quotas of the accounts, by account."""
    found: dict[str, list[Quota]] = {}
    with runtime.engine.connect() as connection:
        for quota in quotas.read(connection, list(runtime.accounts)):
            found.setdefault(quota.account, []).append(quota)
    return found


def _quota_json(quota: Quota) -> dict[str, Any]:
    return {
        "channel": str(quota.channel), "remaining": quota.remaining, "total": quota.total, "daily": quota.daily,
        "read_at": quota.read_at,
    }  # fmt: skip


def _state(one: Mapping[str, Any], zone: ZoneInfo) -> str:
    trial = "TRIAL MODE: to test addresses only" if one["trial"] else ""
    held = f"{one['held_bounces']:,} BOUNCES HELD: outreach bounces held list" if one["held_bounces"] else ""
    return "\n".join(filter(None, (_health(one, zone), trial, held)))


def _health(one: Mapping[str, Any], zone: ZoneInfo) -> str:
    if one["paused"]:
        return f"PAUSED since {local(one['since'], zone)}: {one['code']} {one['reason']}"
    if one["circuit"] == Circuit.OPEN:
        since = local(one["circuit_since"], zone)
        return f"ILL since {since}: {one['cause']}; tried again by itself with what is sent next"
    return "well again, gets its share back" if one["circuit"] == Circuit.RETURNING else "in service"


def _accounts(session: Session) -> list[dict[str, Any]]:
    runtime = session.runtime()
    with runtime.engine.connect() as connection:
        out, standings = accounts.paused(connection), circuits.standings(connection)
        waiting = moves.waiting(connection, list(runtime.accounts))
        held = bounces.held(connection)
    listed = []
    for account in runtime.accounts.values():
        standing, window = standings.get(account.name, Standing(account.name)), _window(runtime, account.name)
        listed.append(
            {
                "name": account.name,
                "channels": [str(channel) for channel in account.channels],
                "provider": account.provider,
                "rate": account.rate,
                "burst": account.burst,
                "price": account.price,
                "weight": account.weight,
                "unit": account.unit,
                "trial": account.trial,
                "paused": account.name in out,
                "code": out[account.name].code if account.name in out else "",
                "reason": out[account.name].reason if account.name in out else "",
                "since": out[account.name].since if account.name in out else None,
                "circuit": str(standing.circuit),
                "cause": standing.cause,
                "circuit_since": standing.since,
                "share_failed": round(window.share, 3),
                "seconds": round(window.mean, 3),
                "waiting": waiting.get(account.name, 0),
                "held_bounces": held[account.name].n if account.name in held else 0,
            }
        )
    return listed


def _window(runtime: Runtime, name: str) -> Tally:
    """How its last half minute went; nothing where Valkey is away."""
    try:
        return Windows(runtime.redis).read(name)
    except redis.RedisError:
        return Tally()


@app.command(epilog="Example: outreach account resume sms-main")
def resume(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The account.")],
    who: As = None,
    as_json: Json = False,
) -> None:
    """Put an account back into service once its cause is mended; what waits for it then leaves."""
    runtime = session_of(context).runtime()
    if name not in runtime.accounts:
        raise NotFound(unknown("account", name, runtime.accounts))
    with runtime.engine.begin() as connection:
        resumed = accounts.resume(connection, name)
        if resumed:
            campaigns.note(connection, who=acting(who), action="resume account", what=name)
    if as_json:
        print_json({"account": name, "resumed": resumed})
    say(f"{name} is in service again" if resumed else f"{name} was in service already")
