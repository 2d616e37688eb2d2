"""A callback as the web takes it from the network: plain values in, a verdict out; kept before it is acknowledged."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import parse_qsl

from sqlalchemy.exc import DataError

from channels.contract import VerificationError, WebhookRequest
from outreach.domain.errors import NotFound
from outreach.receipts.receiver import Receiver

log = logging.getLogger(__name__)


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


def take(receiver: Receiver, account: str, callback: Callback) -> Verdict:
    """Verify and store a callback; when this returns `taken` it is durable.

    Errors of the database pass through: then nothing may be acknowledged, so that the provider tries again.
    """
    try:
        new = receiver.receive(account, _request(callback, receiver))
    except NotFound:
        return Verdict.UNKNOWN_ACCOUNT
    except VerificationError as error:
        log.warning("a callback was refused: account=%s why=%s", account, error)
        return Verdict.FORBIDDEN
    except (ValueError, DataError) as error:
        log.warning("a callback cannot be read: account=%s error=%s", account, type(error).__name__)
        return Verdict.UNREADABLE
    log.debug("a callback was taken: account=%s new=%s", account, new)
    return Verdict.TAKEN


def _request(callback: Callback, receiver: Receiver) -> WebhookRequest:
    return WebhookRequest(
        method=callback.method, url=callback.url, headers=callback.headers,
        query=parse_qsl(callback.query, keep_blank_values=True), body=callback.body, received_at=receiver.clock.now(),
    )  # fmt: skip
