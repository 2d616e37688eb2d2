"""`outreach account`: the providers this installation sends through."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from outreach.cli.options import As, Json
from outreach.cli.output import local, print_json, print_table, say
from outreach.cli.session import Session, acting, session_of
from outreach.dispatch.accounts_file import load_accounts
from outreach.dispatch.authorising import ask_permission, complete
from outreach.dispatch.vault import Vaults
from outreach.domain.errors import NotFound
from outreach.domain.mistakes import unknown
from outreach.store import accounts, campaigns

app = typer.Typer(no_args_is_help=True)


@app.callback()
def group() -> None:
    """Provider accounts: list them, put them back into service."""


@app.command("list", epilog="Example: outreach account list")
def list_(context: typer.Context, as_json: Json = False) -> None:
    """The accounts of accounts.toml, their limits, and which of them wait for somebody to mend them."""
    session = session_of(context)
    listed = _accounts(session)
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
            f"PAUSED since {local(one['since'], zone)}: {one['code']} {one['reason']}"
            if one["paused"]
            else "in service",
        )
        for one in listed
    ]
    print_table("", ("account", "channels", "provider", "rate", "VND", "state"), rows)


def _accounts(session: Session) -> list[dict[str, Any]]:
    with session.runtime().engine.connect() as connection:
        out = accounts.paused(connection)
    return [
        {
            "name": account.name,
            "channels": [str(channel) for channel in account.channels],
            "provider": account.provider,
            "rate": account.rate,
            "burst": account.burst,
            "price": account.price,
            "weight": account.weight,
            "unit": account.unit,
            "paused": account.name in out,
            "code": out[account.name].code if account.name in out else "",
            "reason": out[account.name].reason if account.name in out else "",
            "since": out[account.name].since if account.name in out else None,
        }
        for account in session.runtime().accounts.values()
    ]


@app.command(epilog="Example: outreach account authorise zalo-tinh")
def authorise(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The account.")],
    redirect: Annotated[
        str, typer.Option(metavar="ADDRESS", help="Where the provider sends you on to; default: the public address.")
    ] = "",
    who: As = None,
) -> None:
    """Let the app write for a Zalo Official Account, also after its tokens were lost; puts it back into service."""
    session = session_of(context)
    runtime, settings = session.runtime(), session.settings()
    if name not in runtime.accounts:
        raise NotFound(unknown("account", name, runtime.accounts))
    known = load_accounts(settings.accounts_file, timeout=settings.send_timeout_seconds)
    vaults = Vaults(runtime.engine, runtime.keys, journals=settings.data_dir / "tokens")
    asked = ask_permission(known.makers[name], name, redirect or settings.public_url)
    say("1. Mở địa chỉ này trong trình duyệt, đăng nhập bằng tài khoản quản trị OA và bấm Cho phép:")
    say(asked.address)
    say("2. Sao chép địa chỉ trang mà trình duyệt được chuyển tới, rồi dán vào đây (trong vòng vài phút).")
    complete(asked, vaults, typer.prompt("Địa chỉ", hide_input=True))
    with runtime.engine.begin() as connection:
        accounts.resume(connection, name)
        campaigns.note(connection, who=acting(who), action="authorise account", what=name)
    say(f"{name}: đã được cấp quyền và hoạt động trở lại.")


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
