"""Callbacks as the web takes them from the network: plain values in, verdicts out; kept before acknowledged."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TypeVar
from urllib.parse import parse_qsl

from sqlalchemy.exc import DataError

from channels.contract import VerificationError, WebhookRequest
from outreach.domain.errors import NotFound
from outreach.receipts.receiver import Receiver
from outreach.receipts.taking import Told, marked

log = logging.getLogger(__name__)

T = TypeVar("T")


class Verdict(StrEnum):
    """What became of a callback; only `taken` may be acknowledged with success."""

    TAKEN = "taken"
    """Stored for good (or stored before: a repetition)."""
    FORBIDDEN = "forbidden"
    """The signature does not hold; nothing of it is stored."""
    UNKNOWN_ACCOUNT = "unknown_account"
    UNREADABLE = "unreadable"
    """The body is not the provider's."""


@dataclass(frozen=True, slots=True)
class Callback:
    """A request as it arrived. `url` is the public one, `headers` have lower-case names, `query` and `body` are raw."""

    method: str
    url: str
    headers: Mapping[str, str]
    query: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Arrived:
    """A callback and the account it names."""

    account: str
    callback: Callback


@dataclass(frozen=True, slots=True)
class Aside:
    """What has to be taken in a transaction of its own: it may wait for somebody, who must not keep others waiting."""

    told: Told

    def take(self, receiver: Receiver) -> Verdict:
        """Store it; as `take`, of which this is the second half."""
        account = self.told.account.name
        return _judged(account, lambda: _stored(account, receiver.take(account, self.told.events)))


def take(receiver: Receiver, account: str, callback: Callback) -> Verdict:
    """Verify and store a callback; when this returns `taken` it is durable.

    Errors of the database pass through: then nothing may be acknowledged, so that the provider tries again.
    """
    request = _request(callback, receiver.clock.now())
    return _judged(account, lambda: _stored(account, receiver.receive(account, request)))


def take_all(receiver: Receiver, given: Sequence[Arrived]) -> list[Verdict | Aside | Exception]:
    """Verify callbacks and store them in one transaction; for each what became of it, or the database's error."""
    now = receiver.clock.now()
    outcomes: list[Verdict | Aside | Exception] = []
    shared: list[tuple[int, Told]] = []
    for n, one in enumerate(given):
        try:
            read = _read(receiver, one, now)
        except Exception as error:  # of an adapter, whatever it is: it is this callback's alone
            outcomes.append(error)
            continue
        outcomes.append(Aside(read) if isinstance(read, Told) else read)
        if isinstance(read, Told) and read.shares:
            shared.append((n, read))
    if shared:
        stored = receiver.take_all([told for _, told in shared])
        for (n, told), new in zip(shared, stored, strict=True):
            outcomes[n] = _outcome(told.account.name, new)
    return outcomes


def _read(receiver: Receiver, one: Arrived, now: datetime) -> Told | Verdict:
    return _judged(one.account, lambda: marked(receiver.read(one.account, _request(one.callback, now))))


def _outcome(account: str, new: int | Exception) -> Verdict | Exception:
    if isinstance(new, int):
        return _stored(account, new)
    return _unreadable(account, new) if isinstance(new, ValueError | DataError) else new


def _judged(account: str, call: Callable[[], T]) -> T | Verdict:
    try:
        return call()
    except NotFound:
        return Verdict.UNKNOWN_ACCOUNT
    except VerificationError as error:
        log.warning("a callback was refused: account=%s why=%s", account, error)
        return Verdict.FORBIDDEN
    except (ValueError, DataError) as error:
        return _unreadable(account, error)


def _stored(account: str, new: int) -> Verdict:
    log.debug("a callback was taken: account=%s new=%s", account, new)
    return Verdict.TAKEN


def _unreadable(account: str, error: Exception) -> Verdict:
    log.warning("a callback cannot be read: account=%s error=%s", account, type(error).__name__)
    return Verdict.UNREADABLE


def _request(callback: Callback, now: datetime) -> WebhookRequest:
    return WebhookRequest(
        method=callback.method, url=callback.url, headers=callback.headers,
        query=parse_qsl(callback.query, keep_blank_values=True), body=callback.body, received_at=now,
    )  # fmt: skip
