"""`accounts.toml`: the providers an installation may use, checked at start with the line of every mistake."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from difflib import get_close_matches
from functools import partial
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StrictBool, ValidationError

from channels.abilities import Advice, Configured, Explaining, ExplainingItsOwn, Proving, Windowed
from channels.contract import Adapter
from channels.registry import UnknownProviderError, adapter_class
from outreach.domain.accounts import Account
from outreach.domain.errors import OutreachError
from outreach.domain.sms_text import TextForm
from outreach.domain.states import DeliveryState
from outreach.domain.words import Channel

STATION = "loudspeaker"
"""The account of stations that is there without being written: nothing leaves the machine through it."""

_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_HOW_TOML = (
    "texts stand in straight quotes; an account's heading is [accounts.NAME] with small letters a-z, digits and"
    " hyphens, and stands once"
)
_NO_VARIABLE = "the environment has no"
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")


def _per_second(value: object) -> object:
    if isinstance(value, str):
        match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*/\s*(s|min|h)\s*", value)
        if match is None:
            raise ValueError('write a rate like "100/s", "60/min" or "500/h"')
        return float(match[1]) / {"s": 1, "min": 60, "h": 3600}[match[2]]
    return value


def _listed(value: object) -> object:
    return [value] if isinstance(value, str) else value


T = TypeVar("T", bound=BaseModel)


class _Common(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    channel: Annotated[tuple[Channel, ...], BeforeValidator(_listed), Field(min_length=1)]
    provider: str
    rate: Annotated[float, BeforeValidator(_per_second), Field(gt=0, le=100_000)] = 10.0
    burst: int | None = Field(None, ge=1, le=100_000)
    price: int = Field(0, ge=0)
    text_form: TextForm = TextForm.CHEAPEST
    unit: str = ""
    weight: int = Field(1, ge=1, le=1000)
    trial: StrictBool = False


Adviser = Callable[[str], Advice | None]


@dataclass(frozen=True, slots=True)
class Accounts:
    """The accounts of an installation, and how the adapter of each is made (inside an event loop)."""

    known: Mapping[str, Account] = field(default_factory=dict)
    makers: Mapping[str, Callable[[], Adapter]] = field(default_factory=dict)
    advisers: Mapping[str, Adviser] = field(default_factory=dict)
    """What the provider of each account says of a code."""


def load_accounts(path: Path, *, timeout: float, environment: Mapping[str, str] = os.environ) -> Accounts:
    """Read the file (none: only the stations' account); raises OutreachError listing every mistake with its line.

    `timeout` (seconds) bounds every request to a provider. `${NAME}` in a value reads `environment`.
    """
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    try:
        whole = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise OutreachError(f"{path}: {error}; {_HOW_TOML}") from None
    sections = whole.get("accounts", {})
    if not isinstance(sections, dict):
        raise OutreachError(f"{path}: accounts must be tables, each with a heading like [accounts.sms-main]")
    known: dict[str, Account] = {}
    makers: dict[str, Callable[[], Adapter]] = {}
    advisers: dict[str, Adviser] = {}
    mistakes = [f"{path}: {key} belongs to no account; write [accounts.{key}]" for key in whole if key != "accounts"]
    for name, section in sections.items():
        try:
            known[name], makers[name], advisers[name] = _account(name, section, environment, timeout)
        except _Mistakes as found:
            mistakes += [f"{path}:{_line(text, name, key)}: [accounts.{name}] {what}" for key, what in found.args[0]]
    mistakes += [f"{path}:{_line(text, name, key)}: [accounts.{name}] {what}" for name, key, what in _shared(sections)]
    if mistakes:
        raise OutreachError("\n".join(mistakes))
    if not any(account.serves(Channel.LOUDSPEAKER) for account in known.values()):
        station = {"channel": "loudspeaker", "provider": "station", "rate": 1000.0}
        known[STATION], makers[STATION], advisers[STATION] = _account(STATION, station, environment, timeout)
    return Accounts(known, makers, advisers)


def _shared(sections: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """(account, key, what is wrong) where two accounts begin with one refresh token: each would use up the other's."""
    first: dict[str, str] = {}
    found = []
    for name, section in sections.items():
        token = section.get("refresh_token") if isinstance(section, dict) else None
        if isinstance(token, str) and token and first.setdefault(token, name) != name:
            what = f"refresh_token is that of [accounts.{first[token]}]; let one account serve both channels"
            found.append((name, "refresh_token", what))
    return found


class _Mistakes(Exception):
    """(key, what is wrong) of one account."""


def _account(
    name: str, section: Any, environment: Mapping[str, str], timeout: float
) -> tuple[Account, Callable[[], Adapter], Adviser]:
    if not isinstance(section, dict):
        raise _Mistakes([("", "must be a table of settings")])
    if _NAME.fullmatch(name) is None:
        raise _Mistakes([("", "a name has small letters, digits and hyphens, at most 40")])
    values, mistakes = _expanded(section, environment)
    shared = {key: value for key, value in values.items() if key in _Common.model_fields}
    own = {key: value for key, value in values.items() if key not in shared}
    common = _parse(_Common, shared, mistakes)
    adapter = _adapter(values, mistakes)
    config = None if adapter is None else _parse(adapter.Config, own, mistakes, also=set(_Common.model_fields))
    if mistakes or adapter is None or common is None:
        unset = {key for key, what in mistakes if _NO_VARIABLE in what}  # its empty value is no second mistake
        mistakes = [(key, what) for key, what in mistakes if key not in unset or _NO_VARIABLE in what]
        raise _Mistakes(mistakes)
    capabilities = adapter.capabilities_of(config) if issubclass(adapter, Configured) else adapter.capabilities
    account = Account(
        name=name, channels=common.channel, provider=common.provider, rate=common.rate,
        burst=common.burst or max(1, int(common.rate)), price=common.price, weight=common.weight, unit=common.unit,
        text_form=common.text_form, proof=DeliveryState(adapter.proof), proofs=_proofs(adapter, config, common.channel),
        receipts=capabilities.receipts, deduplicates_for=capabilities.deduplicates_for, can_ask=capabilities.can_ask,
        tracks=capabilities.tracks, deduplicates_within_day_of=capabilities.deduplicates_within_day_of,
        public_name=_public_name(config, common.channel), trial=common.trial,
        windows=_windows(adapter, config, common.channel),
        fewest_at_once=getattr(adapter, "fewest_at_once", 1),
    )  # fmt: skip
    return account, lambda: adapter(config, timeout=timeout), _adviser(adapter, config)


def _adviser(adapter: type[Adapter], config: BaseModel | None) -> Adviser:
    if issubclass(adapter, ExplainingItsOwn):
        return partial(adapter.advice_of, config)
    return adapter.advice if issubclass(adapter, Explaining) else lambda code: None


_PUBLIC_NAMES = {Channel.ZALO_OA: "oa_id", Channel.TELEGRAM: "username"}
"""The setting by which citizens find an account of a channel they join."""


def _public_name(config: BaseModel | None, channels: tuple[Channel, ...]) -> str:
    named = (getattr(config, _PUBLIC_NAMES[one], None) for one in channels if one in _PUBLIC_NAMES)
    return next((str(name) for name in named if name), "")


def _proofs(
    adapter: type[Adapter], config: BaseModel | None, channels: tuple[Channel, ...]
) -> dict[Channel, DeliveryState]:
    """What proves on each channel, for an adapter that tells them apart."""
    if not issubclass(adapter, Proving):
        return {}
    return {channel: DeliveryState(adapter.proof_on(str(channel), config)) for channel in channels}


def _windows(
    adapter: type[Adapter], config: BaseModel | None, channels: tuple[Channel, ...]
) -> dict[Channel, timedelta]:
    """How long after an interaction it may write, for an adapter that may not always."""
    if not issubclass(adapter, Windowed):
        return {}
    lasting = {channel: adapter.window_on(str(channel), config) for channel in channels}
    return {channel: lasts for channel, lasts in lasting.items() if lasts is not None}


def _adapter(values: Mapping[str, Any], mistakes: list[tuple[str, str]]) -> type[Adapter] | None:
    channels, provider = _listed(values.get("channel", [])), values.get("provider")
    if not isinstance(channels, list) or not channels or not isinstance(provider, str):
        return None
    if not all(isinstance(one, str) and one in set(Channel) for one in channels):
        return None  # the shared settings say what is wrong
    try:
        return next(iter([adapter_class(str(channel), provider) for channel in channels]))
    except UnknownProviderError as error:
        mistakes.append(("provider", str(error)))
        return None


def _parse(
    model: type[T], values: dict[str, Any], mistakes: list[tuple[str, str]], also: set[str] | None = None
) -> T | None:
    try:
        return model.model_validate(values)
    except ValidationError as error:
        known = {info.alias or field for field, info in model.model_fields.items()} | (also or set())
        mistakes += [_explained(one, known) for one in error.errors(include_input=False, include_url=False)]
        return None


def _explained(error: Any, known: set[str]) -> tuple[str, str]:
    key, path = str(error["loc"][0]) if error["loc"] else "", ".".join(str(part) for part in error["loc"])
    if error["type"] == "extra_forbidden" and path != key:
        return key, f"unknown key {path!r}; see the provider's page in docs/channels"
    if error["type"] == "extra_forbidden":
        near = get_close_matches(key, known, n=1)
        hint = f"did you mean {near[0]}?" if near else f"known: {', '.join(sorted(known))}"
        return key, f"unknown key {key!r}; {hint}"
    if error["type"] == "missing":
        return key, f"{path} is missing"
    what = _in_words(error)
    return key, f"{path}: {what}" if path else what


def _in_words(error: Any) -> str:
    """A mistake in words of ours where those of pydantic help nobody."""
    found, context = error["type"], error.get("ctx", {})
    if found == "value_error":
        return str(context["error"])
    if found == "too_short" and "min_length" in context:
        return f"is too short: at least {context['min_length']} characters or values"
    return _WORDS.get(found) or str(error["msg"])


_WORDS = {
    "string_type": 'write it in quotes: "…"',
    "int_type": "write a whole number, without quotes",
    "int_parsing": "write a whole number, without quotes and unit",
    "bool_type": "write true or false, without quotes",
    "string_pattern_mismatch": "is not what the provider gives; see its page in docs/channels for an example",
}
"""What to write, by pydantic's name of the mistake."""


def _expanded(
    section: Mapping[str, Any], environment: Mapping[str, str]
) -> tuple[dict[str, Any], list[tuple[str, str]]]:
    missing: list[tuple[str, str]] = []

    def expand(key: str, value: Any) -> Any:
        if isinstance(value, dict):
            return {name: expand(key, part) for name, part in value.items()}
        if isinstance(value, list):
            return [expand(key, part) for part in value]
        if not isinstance(value, str):
            return value
        for name in _VARIABLE.findall(value):
            if name not in environment:
                missing.append((key, f"{key}: {_NO_VARIABLE} {name}; set it before the start"))
        return _VARIABLE.sub(lambda match: environment.get(match[1], ""), value)

    return {key: expand(key, value) for key, value in section.items()}, missing


def _line(text: str, section: str, key: str) -> int:
    """The line of a key of a section (of the section itself where the key is not written); 1 where it is not found."""
    heading = 0
    for number, line in enumerate(text.splitlines(), 1):
        stripped = line.strip()
        if stripped.startswith("["):
            if heading:
                break
            if stripped.split("]")[0] in (f"[accounts.{section}", f'[accounts."{section}"'):
                heading = number
        elif heading and key and re.match(rf'"?{re.escape(key)}"?\s*=', stripped):
            return number
    return heading or 1
