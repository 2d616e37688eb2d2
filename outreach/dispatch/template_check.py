"""Campaigns against the templates their providers keep: what would be refused is found before anybody is written to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from channels.abilities import TemplateKeeper
from channels.templates import Misfit, Registered
from outreach.dispatch.desk import Desk, Unasked
from outreach.domain.accounts import Account
from outreach.domain.mistakes import unknown
from outreach.domain.provider_template import ProviderTemplate, read_provider_template
from outreach.domain.template_source import ZALO_ZNS, TemplateSource
from outreach.domain.vietnamese import nfc
from outreach.domain.words import Channel


@dataclass(frozen=True, slots=True)
class Used:
    """A registered template as a message fills it in. `place`: campaign, message and file, for people.

    `parameters`: what fills each; None for what differs from one recipient to the next.
    """

    place: str
    template_id: str
    parameters: Mapping[str, str | None]


@dataclass(frozen=True, slots=True)
class Priced:
    """What a template costs at its provider (VND a message), None where it does not say."""

    account: str
    template_id: str
    name: str
    price: int | None


@dataclass(slots=True)
class Verdict:
    """What was found: mistakes that would be refused, warnings, and what the templates cost."""

    errors: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    prices: list[Priced] = field(default_factory=list)

    def add(self, other: Verdict) -> None:
        """Take over what another found."""
        self.errors += other.errors
        self.warnings += other.warnings
        self.prices += other.prices


def used_by(place: str, source: TemplateSource) -> Iterator[Used]:
    """The registered templates that a message's ZNS texts name, one for each language that is sent."""
    for language in source.languages(ZALO_ZNS):
        read = read_provider_template(source.parts[ZALO_ZNS][language])
        if isinstance(read, ProviderTemplate) and language not in source.samples:
            fixed = {piece.name: None if "{" in piece.text else _one_line(piece.text) for piece in read.parameters}
            yield Used(f"{place} ({source.file_of(ZALO_ZNS, language)})", read.template_id, fixed)


def filled(place: str, template_id: str, parameters: Mapping[str, str]) -> Used:
    """A registered template as one recipient gets it."""
    return Used(place, template_id, dict(parameters))


def examine(desk: Desk, accounts: Mapping[str, Account], used: Sequence[Used]) -> Verdict:
    """Ask every account that sends such templates about those used: one request for each account and template."""
    verdict = Verdict()
    for account in (one for one in accounts.values() if one.serves(Channel.ZALO_ZNS)):
        keeper = desk.keeps_templates(account.name)
        if keeper is None:
            verdict.warnings.append(f"account {account.name}: NOT CHECKED, its provider tells nothing of its templates")
            continue
        known = _asked(desk, account.name, dict.fromkeys(one.template_id for one in used))
        for found in known.values():
            if isinstance(found, Registered):
                verdict.prices.append(Priced(account.name, found.template_id, found.name, found.price))
                verdict.warnings += _dearer(account, found)
        for one in used:
            verdict.add(_judged(keeper, account.name, one, known[one.template_id]))
    return verdict


def _asked(desk: Desk, account: str, ids: Iterable[str]) -> dict[str, Registered | Unasked | None]:
    """What the provider says of each template; one that does not answer is not waited for again and again."""
    known: dict[str, Registered | Unasked | None] = {}
    away: Unasked | None = None
    for template_id in ids:
        known[template_id] = found = away or desk.template(account, template_id)
        if isinstance(found, Unasked) and not found.final:
            away = found
    return known


def _judged(keeper: type[TemplateKeeper], account: str, used: Used, found: Registered | Unasked | None) -> Verdict:
    where = f"{used.place}: template {used.template_id} through account {account}"
    if found is None:
        return Verdict([f"{where}: the provider has no such template; mend template_id, or register it"])
    if isinstance(found, Unasked):
        why = f"{found.why} ({found.code})" if found.code else found.why
        if found.final:
            return Verdict([f"{where}: the provider refuses it: {why}; use another template, or ask the provider"])
        return Verdict(warnings=[f"{where}: NOT CHECKED, the provider could not be asked: {why}"])
    verdict = Verdict()
    if not found.usable:
        what = found.status or "of no known state"
        verdict.errors.append(f"{where}: it is {what} and cannot be sent; have it approved, or use another")
    verdict.errors += [f"{where}: {what}" for what in _misfits(keeper, used, found)]
    return verdict


def _misfits(keeper: type[TemplateKeeper], used: Used, found: Registered) -> Iterator[str]:
    wanted = [one.name for one in found.parameters]
    for name in used.parameters:
        if wanted and name not in wanted:
            yield f"{unknown('parameter', name, wanted)}: mend its name, or take it out"
    for parameter in found.parameters:
        value = used.parameters.get(parameter.name)
        if value is None and parameter.name in used.parameters:
            continue  # it differs from person to person: looked at when it is sent
        misfit = parameter.length_misfit(value) or (keeper.kind_misfit(parameter.kind, value) if value else None)
        if misfit is not None:
            yield _WORDS[misfit].format(name=parameter.name, n=len(value or ""), p=parameter)


def _one_line(text: str) -> str:
    return " ".join(nfc(text).split())


_WORDS: Mapping[Misfit, str] = {
    Misfit.MISSING: 'parameter "{name}" is required: give it a text',
    Misfit.TOO_LONG: 'parameter "{name}" has {n} characters and takes at most {p.longest}: shorten it',
    Misfit.TOO_SHORT: 'parameter "{name}" has {n} characters and wants at least {p.shortest}: write more',
    Misfit.NOT_OF_ITS_KIND: 'parameter "{name}" wants a {p.kind}: write one, such as 24/11/2026 for a DATE',
}


def _dearer(account: Account, found: Registered) -> list[str]:
    """A price in the accounts file that is not the provider's makes every forecast wrong."""
    if found.price is None or found.price == account.price:
        return []
    return [
        f"account {account.name}: template {found.template_id} costs {found.price:,} VND a message at the provider, and"
        f" forecasts reckon with {account.price:,}: mend price in the accounts file"
    ]
