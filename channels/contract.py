"""The contract between the engine and a provider: what is sent, what may come back, what may go wrong.

An adapter is one file that knows one provider and nothing of the engine. It never retries by itself, never logs an
address or a body, and keeps every time-out shorter than the lease it is handed.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, ClassVar, Protocol

from pydantic import BaseModel, ConfigDict


class ErrorKind(StrEnum):
    """What a failed send means for the delivery."""

    TRANSIENT = "transient"
    """Try again later, with backoff, a bounded number of times."""
    THROTTLED = "throttled"
    """Not processed: the whole account waits `retry_after`; the attempt is not counted."""
    POSTPONED = "postponed"
    """Not processed: this delivery waits `retry_after`, the account goes on; the attempt is not counted."""
    REJECTED = "rejected"
    """Final for this recipient."""
    OPTED_OUT = "opted_out"
    """Final, and the address is suppressed."""
    WINDOW_CLOSED = "window_closed"
    """This channel may not write now: the next channel of the cascade."""
    MISCONFIGURED = "misconfigured"
    """Nobody can be reached through this account until a person mends it: the account pauses."""
    UNCERTAIN = "uncertain"
    """The request may have left; nothing may be sent again before that is known."""
    NOT_SENT = "not_sent"
    """The lease, or the wait for a connection, ended before the first byte: nothing left, somebody else may send it."""


class SendError(Exception):
    """A send that did not end in acceptance; `reason` is for people and carries no address and no body.

    `code` is the provider's own code or "" where there is none; `retry_after` is in seconds. `may_have_left`: of a
    TRANSIENT one, that only the provider's dropping of repetitions makes another try harmless. `hard_bounce`: of a
    REJECTED one, what it means in a `Receipt`: there is nobody at the address.
    """

    def __init__(
        self,
        kind: ErrorKind,
        code: str,
        reason: str,
        retry_after: float | None = None,
        *,
        may_have_left: bool = False,
        hard_bounce: bool = False,
    ) -> None:
        super().__init__(f"{kind}: {code} {reason}".strip())
        self.may_have_left = may_have_left
        self.hard_bounce = hard_bounce
        self.kind = kind
        self.code = code
        self.reason = reason
        self.retry_after = retry_after


class VerificationError(Exception):
    """A webhook whose signature, token or age does not hold; it is refused and nothing of it is stored."""


class Lease:
    """How long the engine lets an adapter write: checked in the last synchronous step before each write.

    Uses the clock that runs on while the machine is suspended, so that a frozen process finds its lease gone.
    """

    __slots__ = ("deadline",)

    def __init__(self, deadline: float) -> None:
        self.deadline = deadline

    @staticmethod
    def clock() -> float:
        """Seconds of the boot-time clock (monotonic, counting suspended time where the system can)."""
        return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))

    @classmethod
    def lasting(cls, seconds: float) -> Lease:
        """A lease of `seconds` from now."""
        return cls(cls.clock() + seconds)

    def check(self) -> None:
        """Raise `SendError(NOT_SENT)` once the deadline has passed."""
        if self.clock() >= self.deadline:
            raise SendError(ErrorKind.NOT_SENT, "", "the lease ran out before the message was written")


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that goes with an e-mail: a safe name (NFC), its media type, its bytes."""

    name: str
    media_type: str
    content: bytes = field(repr=False)


@dataclass(slots=True)  # not frozen: that costs three times as much, for every message
class Content:
    """What one recipient gets on one channel, rendered. Fields a channel does not use stay empty.

    `channel`: which of the account's channels it is for. `body`: plain text (sms, telegram, zalo, script; the text part
    of an e-mail). `html`, `subject`, `attachments`: e-mail. `template_id`, `parameters`: provider templates (ZNS).
    """

    channel: str = ""
    body: str = ""
    subject: str = ""
    html: str = ""
    template_id: str = ""
    parameters: Mapping[str, str] = field(default_factory=dict)
    attachments: tuple[Attachment, ...] = ()


@dataclass(slots=True)  # not frozen: that costs three times as much, for every message
class Outgoing:
    """What is sent to one address, once.

    `key`: delivery and generation (`<run>.<delivery>.<generation>`), at most 50 characters of `[0-9.]`: the provider's
    idempotency key or tracking id. `to`: the address in canonical form (+84…, an e-mail address, a user id).
    `callback_url`: where receipts of this delivery go, already carrying `key` ("" where receipts are off).
    `unsubscribe_url`: one-click address ("" for classes that cannot be refused). `sent_after`: when the claim was
    made, for `ask`. `repeated`: there was an attempt under this key before; `may_have_left`: of which nobody knows
    whether it left, so that only a key the provider knows makes this one harmless. `advertising`: the message's class.
    """

    key: str
    to: str
    content: Content
    lease: Lease
    callback_url: str = ""
    unsubscribe_url: str = ""
    sent_after: datetime | None = None
    repeated: bool = False
    may_have_left: bool = False
    advertising: bool = False


@dataclass(slots=True)  # not frozen: that costs three times as much, for every message
class Accepted:
    """The provider took it. `provider_id`: its id for the message; `parts`: SMS parts as the provider counts them.

    `code`: what people should know of how it was taken, a code of the adapter's `advice`; mostly "".
    """

    provider_id: str
    parts: int | None = None
    code: str = ""


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a message cannot be sent as it is, found before sending; `what` is for people."""

    code: str
    what: str


class ReceiptState(StrEnum):
    """How far a provider says a message has come."""

    ACCEPTED = "accepted"
    DELIVERED = "delivered"
    READ = "read"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Event:
    """Something a provider told us. `event_key` is the same for a repetition; `at` is aware.

    `key`: our `Outgoing.key` where the provider gives it back; `provider_id`: its own id; either may be "".
    """

    event_key: str
    at: datetime
    key: str = ""
    provider_id: str = ""


@dataclass(frozen=True, slots=True)
class Receipt(Event):
    """What became of a message. `opted_out`: the provider says the recipient refused us.

    `hard_bounce`: there is nobody at the address, so it is not written to again. `blames_us`: it was refused for what
    we are or send, not for the recipient: the operator is told.
    """

    state: ReceiptState = ReceiptState.ACCEPTED
    code: str = ""
    reason: str = ""
    opted_out: bool = False
    hard_bounce: bool = False
    blames_us: bool = False


@dataclass(frozen=True, slots=True)
class Inbound(Event):
    """What a citizen sends us."""

    sender: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True)
class OptOut(Event):
    """A citizen refused further messages at `sender` (an address), by the provider's own means.

    `confirmed`: the provider has told them itself that it is done.
    """

    sender: str = ""
    confirmed: bool = False


@dataclass(frozen=True, slots=True)
class AddressChanged(Event):
    """An address became another (`new` "" means it is gone)."""

    old: str = ""
    new: str = ""


@dataclass(frozen=True, slots=True)
class Joined(Event):
    """A citizen came to us on an account-bound channel: `sender` is the new address (a Zalo user id, a chat id).

    `token`: the one-time token they brought; `phone`, `name`: what they shared of themselves; each "" where not given.
    """

    sender: str = ""
    token: str = ""
    phone: str = ""
    name: str = ""


@dataclass(frozen=True, slots=True)
class Touched(Event):
    """A citizen did something at the account, such as to click a button, that says no more than that."""

    sender: str = ""


@dataclass(frozen=True, slots=True)
class WebhookRequest:
    """A callback as it arrived: `url` is the public one, `headers` have lower-case names, `body` is raw.

    `received_at`: when it came, aware; a stored event is parsed again with the moment it first came.
    """

    method: str
    url: str
    headers: Mapping[str, str]
    query: Sequence[tuple[str, str]]
    body: bytes
    received_at: datetime = field(default_factory=lambda: datetime.now(UTC))


class Config(BaseModel):
    """Base of every adapter's settings: unknown keys are refused; errors do not repeat values, as some are secret."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What the engine may count on.

    `deduplicates_for`: seconds within which the provider drops a repeated key (0: never);
    `deduplicates_within_day_of`: and only on the same calendar day of this time zone ("": on any). `can_ask`: it can
    be asked whether it has a message. `tracks`: receipts carry our key. `max_length`: characters of a body, 0 for no
    limit.
    `templates_only`: the channels on which only what the provider has registered may be said.
    """

    max_length: int = 0
    templates_only: tuple[str, ...] = ()
    receipts: bool = False
    inbound: bool = False
    deduplicates_for: int = 0
    can_ask: bool = False
    tracks: bool = True
    deduplicates_within_day_of: str = ""


class Adapter(Protocol):
    """One provider on one account. Sends in one event loop only, that of its first `send`; closed by `aclose`.

    Connections are made by the first `send`: an adapter made for `check`, `verify` or `parse` opens none.
    """

    kinds: ClassVar[tuple[str, ...]]
    provider: ClassVar[str]
    Config: ClassVar[type[Config]]
    capabilities: ClassVar[Capabilities]
    proof: ClassVar[ReceiptState]
    """The state that counts as reached and ends the cascade (see `abilities.Proving` where that is not one for all)."""

    def __init__(self, config: Any, *, timeout: float) -> None:
        """`config` is an instance of the class's own `Config`; `timeout` in seconds, for a whole send."""
        ...

    def check(self, content: Content) -> list[Problem]:
        """What is wrong with this content, before anything is sent; asks nobody."""
        ...

    async def send(self, outgoing: Outgoing) -> Accepted:
        """Send once; raises SendError. Any other exception is a bug and counts as UNCERTAIN."""
        ...

    def verify(self, request: WebhookRequest) -> None:
        """Check the signature over the raw bytes; raises VerificationError."""
        ...

    def parse(self, request: WebhookRequest) -> list[Event]:
        """What the callback says; pure; raises ValueError for a body that is not the provider's."""
        ...

    async def aclose(self) -> None:
        """Close the pooled connections."""
        ...
