"""Which adapter speaks with which provider: one line each."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Final

from channels.contract import Adapter
from channels.esms_sms import EsmsSms
from channels.http_gateway import HttpGateway
from channels.smtp_email import SmtpEmail
from channels.speedsms_sms import SpeedSms
from channels.station import Station
from channels.telegram_bot import TelegramBot
from channels.twilio_sms import TwilioSms
from channels.vnpt_sms import VnptSms
from channels.zalo import Zalo

ADAPTERS: Final[Mapping[str, type[Adapter]]] = {
    "twilio": TwilioSms,
    "smtp": SmtpEmail,
    "esms": EsmsSms,
    "telegram": TelegramBot,
    "station": Station,
    "zalo": Zalo,
    "http": HttpGateway,
    "speedsms": SpeedSms,
    "vnpt": VnptSms,
}
"""Adapters by provider, as `accounts.toml` names it."""


class UnknownProviderError(LookupError):
    """There is no adapter for this provider, or it does not serve this channel; the text is for people."""


def adapter_class(channel: str, provider: str) -> type[Adapter]:
    """The adapter of a provider for a channel; raises UnknownProviderError with what would be right."""
    found = ADAPTERS.get(provider)
    if found is None:
        near = get_close_matches(provider, ADAPTERS, n=1)
        hint = f"did you mean {near[0]}?" if near else f"known: {', '.join(ADAPTERS)}"
        raise UnknownProviderError(f'unknown provider "{provider}"; {hint}')
    if channel not in found.kinds:
        serving = [name for name, adapter in ADAPTERS.items() if channel in adapter.kinds]
        hint = f"use {' or '.join(serving)}" if serving else "no provider here does"
        raise UnknownProviderError(f'provider "{provider}" does not serve channel "{channel}"; {hint}')
    return found
