"""`outreach account authorise`: an administrator of an Official Account lets the app write for it."""

from __future__ import annotations

import time
from typing import Annotated
from urllib.parse import quote

import typer

from outreach.cli.options import As, Json
from outreach.cli.output import local, print_json, say, warn
from outreach.cli.session import Session, acting, session_of
from outreach.cli.trying import account_named
from outreach.dispatch.authorising import DONE, LASTS, Asked, Authorising, Given
from outreach.domain.errors import OutreachError
from outreach.store import accounts

app = typer.Typer()
_EVERY = 1.0
_FROM_STDIN = "-"


@app.command(epilog="Example: outreach account authorise zalo-tinh")
def authorise(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The account.")],
    code: Annotated[
        str,
        typer.Option(
            "--code", metavar="ADDRESS", help="The whole address the browser was sent on to, where `outreach web` could"
            " not take it; `-` asks for it without showing it.",
        ),
    ] = "",
    redirect: Annotated[
        str,
        typer.Option(metavar="ADDRESS", help="Where the provider sends you on to; default: our page for it."),
    ] = "",
    wait: Annotated[
        int, typer.Option("--wait", metavar="S", min=0, max=600, help="Seconds to wait for the permission.")
    ] = int(LASTS.total_seconds()),
    who: As = None,
    as_json: Json = False,
) -> None:  # fmt: skip
    """Let the app write for a Zalo Official Account, for the first time or after its tokens were lost.

    An account that was paused for its tokens is back in service then; one paused for another cause stays so.
    """
    session = session_of(context)
    runtime = session.runtime()
    account_named(runtime, name)
    authorising = runtime.authorising()
    if code:
        given = _answered(authorising, name, code)
        _tell(given, as_json)
        return
    back = redirect or f"{session.settings().public_url.rstrip('/')}/oauth/{quote(name)}"
    asked = authorising.ask(name, back, who=acting(who))
    _explain(session, asked, back)
    outcome = _wait(authorising, asked, wait)
    if as_json:
        told = {"account": name, "address": asked.address, "expires_at": asked.expires_at, "outcome": outcome}
        print_json(told)
    if outcome == DONE:
        _tell(_standing(session, name), as_json=False)
    elif outcome or wait:
        raise OutreachError(
            f"{name}: chưa được cấp quyền ({outcome or 'chưa có câu trả lời'}); chạy lại lệnh này, hoặc dán địa chỉ của"
            f" trang đã mở: outreach account authorise {name} --code 'ĐỊA CHỈ'"
        )


def _explain(session: Session, asked: Asked, back: str) -> None:
    until = local(asked.expires_at, session.settings().zone)
    say(f"1. Mở địa chỉ này trong trình duyệt, đăng nhập bằng tài khoản quản trị OA và bấm Cho phép (trước {until}):")
    say(asked.address)
    say(f"2. Trình duyệt được chuyển tới {back}: trang đó cho biết đã xong hay chưa.")
    say(
        "   Nếu trang đó không mở được, sao chép cả địa chỉ trên thanh địa chỉ rồi chạy:"
        f" outreach account authorise {asked.account} --code 'ĐỊA CHỈ'"
    )


def _answered(authorising: Authorising, name: str, code: str) -> Given:
    answer = (typer.prompt("Địa chỉ", hide_input=True, err=True) if code == _FROM_STDIN else code).strip()
    if "?" in answer:
        return authorising.answer(name, answer)
    if not answer:
        raise OutreachError(f"{name}: no address was given; nothing has changed")
    warn(
        "A CODE ALONE carries nothing that shows it answers your own request: take it only from a page you opened"
        " yourself. Better paste the whole address."
    )
    return authorising.answer_with_code(name, answer)


def _wait(authorising: Authorising, asked: Asked, seconds: int) -> str:
    """What came of it, as soon as it is known; "" where nobody has answered in time."""
    ends = time.monotonic() + seconds
    while True:
        outcome = authorising.outcome(asked)
        left = ends - time.monotonic()
        if outcome or left <= 0:
            return outcome
        time.sleep(min(_EVERY, left))


def _standing(session: Session, name: str) -> Given:
    with session.runtime().engine.connect() as connection:
        return Given(name, False, accounts.paused(connection).get(name))


def _tell(given: Given, as_json: bool) -> None:
    if as_json:
        code = None if given.out is None else given.out.code
        print_json({"account": given.account, "outcome": DONE, "resumed": given.resumed, "paused": code})
    if given.out is None:
        back = " và hoạt động trở lại" if given.resumed else ""
        say(f"{given.account}: đã được cấp quyền{back}.")
        return
    warn(
        f"{given.account}: đã được cấp quyền, nhưng tài khoản vẫn tạm dừng vì lý do khác:"
        f" {given.out.code} {given.out.reason}. Khắc phục rồi chạy: outreach account resume {given.account}"
    )
