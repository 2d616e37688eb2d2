"""What the commands share that ask providers about their registered templates (ZNS) before anything is sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer

from outreach.cli.output import say, warn
from outreach.dispatch.desk import asking
from outreach.dispatch.template_check import Used, Verdict, examine, used_by
from outreach.domain.accounts import Account
from outreach.domain.definition import Definition
from outreach.domain.errors import OutreachError
from outreach.domain.template_source import TemplateSource
from outreach.domain.words import Channel
from outreach.runtime import Runtime

Unchecked = Annotated[
    bool,
    typer.Option("--unchecked", help="Go on without asking the providers about their registered templates (ZNS)."),
]


def used_in(definition: Definition, sources: Mapping[str, TemplateSource]) -> list[Used]:
    """The registered templates of a campaign's messages."""
    return [
        used
        for message in definition.messages
        if Channel.ZALO_ZNS in message.channels
        for used in used_by(f'campaign {definition.slug}, message "{message.id}"', sources[message.id])
    ]


def ask_about(runtime: Runtime, used: Sequence[Used], accounts: Mapping[str, Account] | None = None) -> Verdict:
    """What the providers say of these templates; one request for each account that sends them, and template."""
    among = runtime.accounts if accounts is None else accounts
    if not used:
        return Verdict()
    if not any(account.serves(Channel.ZALO_ZNS) for account in among.values()):
        return Verdict(warnings=["registered templates: NOT CHECKED, no account serves zalo_zns"])
    with asking(runtime.makers, runtime.vaults()) as desk:
        return examine(desk, among, used)


def tell(verdict: Verdict) -> None:
    """Say what the templates cost, and what could not be checked or looks wrong."""
    for one in verdict.prices:
        price = "the provider names no price" if one.price is None else f"{one.price:,} VND a message"
        name = f' "{one.name}"' if one.name else ""
        say(f"template {one.template_id}{name} through {one.account}: {price}")
    for text in verdict.warnings:
        warn(text)


def must_fit(runtime: Runtime, used: Sequence[Used], accounts: Mapping[str, Account] | None = None) -> Verdict:
    """Tell what was found; raises OutreachError, a line for each mistake, where messages would be refused."""
    verdict = ask_about(runtime, used, accounts)
    tell(verdict)
    if verdict.errors:
        raise OutreachError("\n".join(verdict.errors))
    return verdict


def to_json(verdict: Verdict) -> dict[str, Any]:
    """The verdict as plain data."""
    prices = [
        {"account": one.account, "template_id": one.template_id, "name": one.name, "price": one.price}
        for one in verdict.prices
    ]
    return {"errors": verdict.errors, "warnings": verdict.warnings, "prices": prices}
