"""One address as a person types it: made into what imports store, and masked where it is shown."""

from __future__ import annotations

import re

from outreach.domain.email_addresses import mask_email, parse_email
from outreach.domain.errors import OutreachError
from outreach.domain.phones import mask_phone, parse_phone
from outreach.domain.words import Channel


def normal_address(channel: Channel, typed: str) -> str:
    """The address as it is stored for `channel`; raises OutreachError, which never shows it."""
    try:
        if channel is Channel.EMAIL:
            return parse_email(typed)
        if channel in (Channel.SMS, Channel.ZALO_ZNS):
            return _mobile(typed)
    except ValueError as error:
        raise OutreachError(f"the address for {channel} cannot be right: {error}") from None
    if channel is Channel.LOUDSPEAKER:
        raise OutreachError("loudspeakers have no addresses: officers fetch their scripts, see `outreach scripts`")
    if not re.fullmatch(r"\d{3,25}", typed.strip(), re.ASCII):
        raise OutreachError(f"the address for {channel} is the number of a user or chat: digits only")
    return typed.strip()


def channel_of(typed: str) -> Channel:
    """The channel whose addresses look like this, where that is beyond doubt; raises OutreachError else."""
    if "@" in typed:
        return Channel.EMAIL
    try:
        return _phone_channel(typed)
    except ValueError:
        raise OutreachError(
            "this is neither an e-mail address nor a mobile number: say with --channel what it is"
        ) from None


def masked(channel: Channel, value: str) -> str:
    """An address as it may be shown."""
    return mask_email(value) if channel is Channel.EMAIL else mask_phone(value)


def masked_any(value: str) -> str:
    """An address of an unknown channel as it may be shown."""
    return mask_email(value) if "@" in value else mask_phone(value)


def _phone_channel(typed: str) -> Channel:
    _mobile(typed)
    return Channel.SMS


def _mobile(typed: str) -> str:
    phone = parse_phone(typed)
    if not phone.mobile:
        raise ValueError("a landline takes no messages; give a mobile number")
    return phone.e164
