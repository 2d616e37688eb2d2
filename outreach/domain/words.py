"""The closed sets every room speaks in: channels, message classes, lanes."""

from __future__ import annotations

from enum import StrEnum


class Channel(StrEnum):
    """A kind of way to a person; accounts of providers carry it."""

    SMS = "sms"
    ZALO_OA = "zalo_oa"
    ZALO_ZNS = "zalo_zns"
    EMAIL = "email"
    TELEGRAM = "telegram"
    LOUDSPEAKER = "loudspeaker"

    @property
    def addressed_by(self) -> Channel:
        """The channel under which its addresses are stored: ZNS goes to the phone number SMS goes to."""
        return Channel.SMS if self is Channel.ZALO_ZNS else self

    @property
    def account_bound(self) -> bool:
        """Whether an address belongs to one account: a Zalo user id to one OA, a chat to one bot."""
        return self in (Channel.ZALO_OA, Channel.TELEGRAM)

    @property
    def any_account(self) -> bool:
        """Whether any account of the channel can send the very same: not where address or template is its own."""
        return self in (Channel.SMS, Channel.EMAIL)

    @property
    def to_people(self) -> bool:
        """Whether its recipients are contacts; loudspeakers go to stations."""
        return self is not Channel.LOUDSPEAKER


class MessageClass(StrEnum):
    """What a message is in law; decides which rules bind it (Decree 91/2020)."""

    SERVICE_NOTICE = "service_notice"
    ADVERTISING = "advertising"
    EMERGENCY = "emergency"


class Lane(StrEnum):
    """Which queue a delivery waits in: an answer before a reminder before a mass run."""

    REPLY = "reply"
    REMINDER = "reminder"
    BULK = "bulk"


class RecipientKind(StrEnum):
    """To whom a delivery goes."""

    CONTACT = "contact"
    STATION = "station"
    TEST = "test"
    """An address that a person typed to try something: in no audience, no count, no report."""


class CascadeMode(StrEnum):
    """`cascade`: the next channel only where the last one did not reach; `all`: every channel on its own."""

    CASCADE = "cascade"
    ALL = "all"
