"""`outreach account trial`: the addresses that accounts and campaigns in trial mode may write to."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from outreach.cli.options import As, Json
from outreach.cli.output import local, print_json, print_table, say
from outreach.cli.session import acting, session_of
from outreach.domain.addresses import channel_of, masked_any, normal_address
from outreach.domain.errors import NotFound, OutreachError
from outreach.domain.words import Channel
from outreach.runtime import Runtime
from outreach.store import campaigns, trial

app = typer.Typer(no_args_is_help=True, add_completion=False, epilog="Example: outreach account trial list")
Address = Annotated[
    str, typer.Argument(metavar="ADDRESS", help="A phone number, an e-mail address, a user or chat id.")
]
OnChannel = Annotated[
    Channel | None, typer.Option("--channel", help="Only on this channel. Default: any that takes such an address.")
]
_LONGEST_LABEL = 100


@app.callback()
def group() -> None:
    """The test addresses: all that accounts and campaigns in trial mode may write to."""


@app.command(epilog='Example: outreach account trial add 0912345678 --label "điện thoại của phòng"')
def add(
    context: typer.Context,
    address: Address,
    channel: OnChannel = None,
    label: Annotated[str, typer.Option("--label", help="Whose it is, for people.")] = "",
    who: As = None,
    as_json: Json = False,
) -> None:
    """Put an address on the list; again only changes its label."""
    runtime = session_of(context).runtime()
    value = normal_address(channel or channel_of(address), address)
    label = " ".join(label.split())
    if len(label) > _LONGEST_LABEL:
        raise OutreachError(f"--label: at most {_LONGEST_LABEL} characters")
    with runtime.engine.begin() as connection:
        new = trial.add(
            connection, runtime.keys.fingerprints(value), channel=_stored(channel), value=runtime.keys.seal(value),
            label=label, who=acting(who), at=runtime.clock.now(),
        )  # fmt: skip
        detail = {"channel": _stored(channel), "new": new}
        campaigns.note(connection, who=acting(who), action="add test address", what="trial", detail=detail)
    told = masked_any(value)
    if as_json:
        print_json({"address": told, "channel": _stored(channel), "label": label, "new": new})
    say(f"{told} {'is on the list' if new else 'was on the list already; its label is new'}")


def _stored(channel: Channel | None) -> str:
    return trial.ANY if channel is None else str(channel)


@app.command("list", epilog="Example: outreach account trial list")
def list_(context: typer.Context, as_json: Json = False) -> None:
    """The test addresses, masked; and who is in trial mode."""
    session = session_of(context)
    found = _listed(session.runtime())
    in_trial = [one.name for one in session.runtime().accounts.values() if one.trial]
    if as_json:
        print_json({"addresses": found, "accounts": in_trial})
        return
    zone = session.settings().zone
    rows = [
        (one["address"], one["channel"], one["label"], one["added_by"], local(one["added_at"], zone)) for one in found
    ]
    print_table("", ("address", "channel", "label", "added by", "when"), rows)
    say(f"accounts in trial mode: {', '.join(in_trial) or 'none'}")


def _listed(runtime: Runtime) -> list[dict[str, Any]]:
    with runtime.engine.connect() as connection:
        rows = trial.listed(connection)
    return [
        {
            "id": row.id,
            "address": masked_any(runtime.keys.open(row.value, row.key_version)),
            "channel": "any" if row.channel == trial.ANY else row.channel,
            "label": row.label,
            "added_by": row.added_by,
            "added_at": row.added_at,
        }
        for row in rows
    ]


@app.command(epilog="Example: outreach account trial remove 0912345678")
def remove(
    context: typer.Context, address: Address, channel: OnChannel = None, who: As = None, as_json: Json = False
) -> None:
    """Take an address off the list; what is planned for it in trial mode is then not sent."""
    runtime = session_of(context).runtime()
    value = _typed(runtime, channel, address)
    with runtime.engine.begin() as connection:
        chosen = None if channel is None else str(channel)
        gone = trial.remove(connection, runtime.keys.fingerprints(value), channel=chosen)
        if not gone:
            raise NotFound("this address is not on the list: outreach account trial list")
        detail = {"channel": _stored(channel), "entries": gone}
        campaigns.note(connection, who=acting(who), action="remove test address", what="trial", detail=detail)
    if as_json:
        print_json({"address": masked_any(value), "removed": gone})
    say(f"{masked_any(value)} is off the list")


def _typed(runtime: Runtime, channel: Channel | None, address: str) -> str:
    """The address as it is stored; one that is all digits may be a user's or chat's number."""
    try:
        return normal_address(channel or channel_of(address), address)
    except OutreachError:
        if channel is None:
            return normal_address(Channel.TELEGRAM, address)
        raise
