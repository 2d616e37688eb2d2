"""What some adapters can do beside the contract: each ability is a protocol, and the engine asks who has it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, ClassVar, Protocol, runtime_checkable

from channels.contract import Accepted, Capabilities, Event, Outgoing, ReceiptState, SendError
from channels.templates import Misfit, Registered


@runtime_checkable
class Proving(Protocol):
    """An adapter whose proof depends on the channel or on its settings; it stands in the place of `proof`."""

    @classmethod
    def proof_on(cls, channel: str, config: Any) -> ReceiptState:
        """The state that counts as reached on one of its channels, under these settings."""
        ...


@runtime_checkable
class Configured(Protocol):
    """An adapter whose capabilities depend on its settings; they stand in the place of `capabilities`."""

    @classmethod
    def capabilities_of(cls, config: Any) -> Capabilities:
        """What the engine may count on under these settings."""
        ...


@runtime_checkable
class Windowed(Protocol):
    """An adapter whose provider lets it write to somebody only for a while after they were in touch."""

    @classmethod
    def window_on(cls, channel: str, config: Any) -> timedelta | None:
        """How long that lasts on one of its channels, under these settings; None where it does not end."""
        ...


@dataclass(frozen=True, slots=True)
class Tokens:
    """A pair of tokens as a provider hands them out; `expires_at` (aware) is when `access` ends."""

    access: str
    refresh: str
    expires_at: datetime

    def __repr__(self) -> str:
        return f"Tokens(expires_at={self.expires_at.isoformat()})"


class TokenVault(Protocol):
    """Where the rotating tokens of one account are kept; shared by all processes, encrypted."""

    async def current(self) -> Tokens:
        """The pair in use; one that has ended long ago, with the configured refresh token, before the first rotation.

        Kept in memory while it lasts, so cheap enough for every send. Raises SendError(THROTTLED) while the pair cannot
        be read, and SendError(MISCONFIGURED) where it never can.
        """
        ...

    async def rotate(self, stale: Tokens, refresh: Callable[[Tokens], Awaitable[Tokens]]) -> Tokens:
        """The pair that follows `stale`, made once for all processes.

        Under the account's one lock the pair is read again: one that is no longer `stale` is returned as it is;
        otherwise `refresh` is called with it, and what it gives is committed before it is returned. Raises what
        `refresh` raises, and SendError(THROTTLED) where the new pair could not be committed.
        """
        ...


@runtime_checkable
class TokenHolder(Protocol):
    """An adapter whose provider hands out tokens that rotate: it is given its vault once, right after it is made.

    One made only for `check`, `verify` or `parse` needs none.
    """

    @property
    def first_refresh_token(self) -> str:
        """The refresh token a person configured: where the chain of pairs begins."""
        ...

    def use_vault(self, vault: TokenVault) -> None:
        """Keep the account's tokens there."""
        ...

    async def keep_fresh(self) -> bool:
        """Rotate the tokens if they end soon, so that an idle account is not lost; whether it did. Raises SendError."""
        ...


@runtime_checkable
class Askable(Protocol):
    """An adapter whose provider can say whether it has a message."""

    async def ask(self, outgoing: Outgoing) -> Accepted | None:
        """The message as the provider has it, or None if it has none; raises SendError if it cannot tell."""
        ...


@runtime_checkable
class SendingMany(Protocol):
    """An adapter whose gateway takes one body for a list of recipients."""

    most_at_once: ClassVar[int]
    """Recipients of one request."""
    fewest_at_once: ClassVar[int]
    """Recipients without whom no request is taken: fewer wait a while for company, then go as they are (1: never)."""

    def list_of(self, outgoing: Outgoing) -> str | None:
        """The list a message may go in: those of one name and one content go together. None: it goes alone. Pure."""
        ...

    async def send_many(self, outgoings: Sequence[Outgoing]) -> Sequence[Accepted | SendError]:
        """Send messages that differ in recipient and key alone, in one request; one result each, in their order.

        No two of them go to one recipient.

        Raises SendError where it holds for all of them; any other exception is a bug and counts as UNCERTAIN for all.
        """
        ...


@dataclass(frozen=True, slots=True)
class Polled:
    """What was found since a cursor: the events, and the cursor to ask with next time."""

    events: Sequence[Event]
    cursor: str


@runtime_checkable
class Polling(Protocol):
    """An adapter that must be asked for what happened: a mailbox of bounces, a status interface."""

    async def poll(self, cursor: str) -> Polled:
        """What happened after `cursor` ("" for the first time), a bounded number; raises SendError.

        The engine keeps events and cursor in one transaction: asked again with the old cursor it says the same. Asked
        until the cursor stands still; one whose settings give it nothing to ask returns the cursor as it was.
        """
        ...


@runtime_checkable
class MailReading(Protocol):
    """An adapter whose provider answers by e-mail: it can read such an answer handed to it."""

    def read_mail(self, raw: bytes, at: datetime) -> Sequence[Event]:
        """What a mail says of our messages, nothing for one that says nothing; pure, and bad input never raises.

        `at`: when it came. The same mail gives the same events, by whatever way it comes.
        """
        ...


@runtime_checkable
class Marking(Protocol):
    """An adapter that marks its messages, so that nobody can speak of one they did not get.

    It is given its secrets once, right after it is made.
    """

    def use_secrets(self, secrets: Sequence[bytes]) -> None:
        """Mark with the first; know what any of them marked. Without one, nothing that comes back is believed."""
        ...


@dataclass(frozen=True, slots=True)
class Advice:
    """What a provider's code means, and what a person can do about it, in Vietnamese and English; names nobody."""

    vi: str
    vi_do: str
    en: str
    en_do: str


@runtime_checkable
class Explaining(Protocol):
    """An adapter that can say what its provider's codes mean."""

    @classmethod
    def advice(cls, code: str) -> Advice | None:
        """The meaning of a code as it stands in `SendError.code` or `Receipt.code`; None for one it does not know."""
        ...


@runtime_checkable
class ExplainingItsOwn(Protocol):
    """An adapter whose settings say what its provider's codes mean."""

    @classmethod
    def advice_of(cls, config: Any, code: str) -> Advice | None:
        """The meaning of a code under these settings; None for one they do not name."""
        ...


@runtime_checkable
class TemplateKeeper(Protocol):
    """An adapter whose provider keeps templates and tells what each asks for."""

    async def registered(self, template_id: str) -> Registered | None:
        """The template as the provider has it now, asked for with one request; None where there is none.

        Raises SendError where the provider cannot be asked, or does not let this account use the template.
        """
        ...

    async def learn(self, template_ids: Collection[str]) -> None:
        """Know these templates for the next `check`: asked for where they are not known or were asked for long ago.

        Takes seconds at most and never raises: what could not be learnt is left to the provider's own answer.
        """
        ...

    @classmethod
    def kind_misfit(cls, kind: str, value: str) -> Misfit | None:
        """Whether a value is what a parameter of this `kind` takes; None: it is, or nobody knows. Pure."""
        ...


@dataclass(frozen=True, slots=True)
class Quota:
    """How many messages a provider still takes on a channel.

    `total`: None where it does not say. `daily`: counted anew each day; otherwise it ends with a package.
    """

    channel: str
    remaining: int
    total: int | None = None
    daily: bool = True


@runtime_checkable
class Metered(Protocol):
    """An adapter whose provider takes a limited number of messages and says how many are left."""

    async def quotas(self) -> Sequence[Quota]:
        """What is left now, by a request for each channel; raises SendError where nothing can be learnt."""
        ...

    def told_quotas(self) -> Sequence[Quota]:
        """What the answers to messages have told since the last call; asks nobody."""
        ...


@runtime_checkable
class Authorised(TokenHolder, Protocol):
    """An adapter whose account a person lets the app use, on a page of the provider's (OAuth with PKCE, RFC 7636)."""

    def permission_address(self, redirect: str, state: str, challenge: str) -> str:
        """The page; it sends the person on to `redirect` with a code and `state`."""
        ...

    async def exchange(self, code: str, verifier: str, owner: str) -> Tokens:
        """The first pair, for a code that works once; `owner`: which account gave the permission, "" where unknown.

        Raises SendError.
        """
        ...

    @classmethod
    def heals(cls, code: str) -> bool:
        """Whether an account paused with this code of the provider is well again once it has a new pair."""
        ...

    async def aclose(self) -> None:
        """As every adapter."""
        ...
