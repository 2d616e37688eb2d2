"""`outreach account test`: one message through exactly this account, and what became of it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

import typer

from outreach.cli.options import As, Json
from outreach.cli.session import acting, session_of
from outreach.cli.trying import NOTHING_ON_AIR, WAIT_S, Here, Wait, Waiting, account_named, try_it
from outreach.domain.accounts import Account
from outreach.domain.context import CampaignView
from outreach.domain.errors import OutreachError
from outreach.domain.sample_recipient import sample_recipient
from outreach.domain.template_source import DEFAULT_LANGUAGE, ZALO_ZNS, TemplateSource, inline_template
from outreach.domain.words import Channel
from outreach.planning.trying import MESSAGE, Test, alone

app = typer.Typer(add_completion=False)
_TEXT = "Tin thử từ tài khoản {name} lúc {moment}. Ông/bà không cần trả lời."
_SUBJECT = "Thư thử từ tài khoản {name}"
_LONGEST = 1000


@app.command(epilog="Example: outreach account test sms-main 0912345678")
def test(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The account.")],
    to: Annotated[str, typer.Argument(metavar="TO", help="The one address it goes to.")],
    channel: Annotated[
        Channel | None, typer.Option("--channel", help="On which of its channels; needed where it has several.")
    ] = None,
    text: Annotated[str | None, typer.Option("--text", help="This text instead of ours.")] = None,
    template: Annotated[
        str | None, typer.Option("--template", metavar="ID", help="ZNS: the registered template to send.")
    ] = None,
    param: Annotated[
        list[str] | None, typer.Option("--param", metavar="NAME=VALUE", help="ZNS: a parameter; may be repeated.")
    ] = None,
    wait: Wait = WAIT_S,
    here: Here = False,
    who: As = None,
    as_json: Json = False,
) -> None:
    """Send one short message through exactly this account, on the way all messages take, and tell its outcome."""
    session = session_of(context)
    runtime = session.runtime()
    account = account_named(runtime, name)
    chosen = _channel(account, channel)
    if chosen is Channel.ZALO_ZNS:
        source = _registered(template, param or ())
    else:
        moment = runtime.clock.now().astimezone(session.settings().zone)
        source = _written(account, chosen, text, moment)
    view = CampaignView("Tin nhắn thử", account.name)
    trial = Test(
        account=account, channel=chosen, address=to,
        definition=alone(source.name, chosen, view, session.today()), message=MESSAGE, source=source,
        who=sample_recipient(source), what=f"account {account.name}",
    )  # fmt: skip
    try_it(session, trial, Waiting(wait, here), who=acting(who), as_json=as_json)


def _channel(account: Account, given: Channel | None) -> Channel:
    if given is Channel.LOUDSPEAKER or account.channels == (Channel.LOUDSPEAKER,):
        raise OutreachError(NOTHING_ON_AIR)
    if given is None and len(account.channels) > 1:
        listed = ", ".join(account.channels)
        raise OutreachError(f"account {account.name} serves {listed}: say with --channel which to try")
    return given or account.channels[0]


def _written(account: Account, channel: Channel, text: str | None, moment: datetime) -> TemplateSource:
    """Our text with the time and the account's name, or the one given, word for word."""
    body = text.strip() if text is not None else _TEXT.format(name=account.name, moment=f"{moment:%H:%M %d/%m/%Y}")
    if not body or len(body) > _LONGEST:
        raise OutreachError(f"--text: from 1 to {_LONGEST} characters")
    if channel is Channel.EMAIL:
        subject = _SUBJECT.format(name=account.name)
        return inline_template(MESSAGE, {channel: {"subject": subject, "body": _literal(body)}})
    return inline_template(MESSAGE, {channel: _literal(body)})


def _registered(template: str | None, params: Sequence[str]) -> TemplateSource:
    """A ZNS with the parameters given; raises OutreachError where the template is not named."""
    if template is None:
        raise OutreachError(
            "ZNS sends only templates that are registered at Zalo: name one with --template ID and its parameters with"
            " --param NAME=VALUE, or send one of ours: outreach template send NAME --channel zalo_zns --to ADDRESS"
        )
    pairs = [one.partition("=") for one in params]
    for param, sign, _ in pairs:
        if not sign or not param.strip():
            raise OutreachError('--param: write the parameter\'s name, "=" and its value, as --param ten=Hùng')
    parameters = {param.strip(): _literal(value) for param, _, value in pairs}
    written = json.dumps({"template_id": template, "parameters": parameters}, ensure_ascii=False)
    return TemplateSource(MESSAGE, MESSAGE, {}, {ZALO_ZNS: {DEFAULT_LANGUAGE: written}})


def _literal(text: str) -> str:
    """The text as a template that says it word for word."""
    return text.replace("{", "{{ '{' }}")
