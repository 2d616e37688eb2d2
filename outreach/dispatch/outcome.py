"""What an attempt's end means for its delivery and its account: one table for every channel."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from channels.contract import Accepted, ErrorKind, SendError
from outreach.dispatch.resending import resend_until
from outreach.domain.accounts import Account
from outreach.domain.retries import backoff, postpone, throttle
from outreach.domain.states import DeliveryState, Reason, proved
from outreach.store.claims import Claimed
from outreach.store.deliveries import Change


@dataclass(slots=True)  # not frozen: that costs three times as much, for every message
class Outcome:
    """The delivery's change, and what else follows from it.

    `opted_out`: suppress the address. `hard_bounce`: there is nobody at it. `hold`: let the account rest this long.
    `broken`: (code, reason) for which the account is paused until a person mends it. `window_closed`: when the attempt
    began (by the database's clock) of which the provider says that the address was not in touch for too long.
    """

    change: Change
    opted_out: bool = False
    hard_bounce: bool = False
    hold: timedelta | None = None
    broken: tuple[str, str] | None = None
    window_closed: datetime | None = None


def outcome(
    claimed: Claimed, account: Account, result: Accepted | BaseException, *, child: int, spread: float
) -> Outcome:
    """What follows from a provider's answer or an error; `spread` (0…1, random) jitters retries.

    An exception that is no SendError is a bug: the message may have left, so its fate is unknown.
    """
    if isinstance(result, Accepted):
        proves = proved(DeliveryState.ACCEPTED, account.proof_on(claimed.channel))
        return Outcome(
            _change(
                claimed, child, DeliveryState.ACCEPTED, provider_id=result.provider_id, parts=result.parts,
                code=result.code or None, proves=proves,
            )
        )  # fmt: skip
    if not isinstance(result, SendError):
        return Outcome(_change(claimed, child, DeliveryState.UNKNOWN, reason=Reason.UNCERTAIN, code="bug"))
    return _failed(claimed, account, result, child, spread)


def _failed(claimed: Claimed, account: Account, error: SendError, child: int, spread: float) -> Outcome:
    code = error.code or None
    match error.kind:
        case ErrorKind.TRANSIENT:
            return Outcome(_later(claimed, account, error, child, spread))
        case ErrorKind.THROTTLED:
            hold = throttle(error.retry_after, spread)
            change = _change(
                claimed, child, DeliveryState.PLANNED, reason=Reason.THROTTLED, code=code,
                delay=hold.total_seconds(), refund=1,
            )  # fmt: skip
            return Outcome(change, hold=hold)
        case ErrorKind.POSTPONED:
            pause = postpone(error.retry_after, spread)
            if pause.total_seconds() >= claimed.patience_s:  # it would expire here: another channel may still do
                change = _change(claimed, child, DeliveryState.FAILED, reason=Reason.WINDOW_CLOSED, code=code)
                return Outcome(change)
            change = _change(
                claimed, child, DeliveryState.PLANNED, reason=Reason.THROTTLED, code=code,
                delay=pause.total_seconds(), refund=1,
            )  # fmt: skip
            return Outcome(change)
        case ErrorKind.NOT_SENT:
            return Outcome(
                _change(claimed, child, DeliveryState.PLANNED, reason=Reason.LEASE_LOST, code=code, refund=1)
            )
        case ErrorKind.MISCONFIGURED:
            change = _change(claimed, child, DeliveryState.PLANNED, reason=Reason.MISCONFIGURED, code=code, refund=1)
            return Outcome(change, broken=(error.code, error.reason))
        case ErrorKind.UNCERTAIN:
            return Outcome(_change(claimed, child, DeliveryState.UNKNOWN, reason=Reason.UNCERTAIN, code=code))
        case ErrorKind.OPTED_OUT:
            change = _change(claimed, child, DeliveryState.FAILED, reason=Reason.OPTED_OUT, code=code)
            return Outcome(change, opted_out=True)
        case ErrorKind.WINDOW_CLOSED:
            change = _change(claimed, child, DeliveryState.FAILED, reason=Reason.WINDOW_CLOSED, code=code)
            return Outcome(change, window_closed=claimed.sent_after)
        case ErrorKind.REJECTED:
            change = _change(claimed, child, DeliveryState.FAILED, reason=Reason.REJECTED, code=code)
            return Outcome(change, hard_bounce=error.hard_bounce)


def _later(claimed: Claimed, account: Account, error: SendError, child: int, spread: float) -> Change:
    """Another try after a pause; none where it might be a second message, or after the last."""
    code = error.code or None
    pause = backoff(claimed.attempt, spread)
    until = resend_until(claimed.sent_after, account) if error.may_have_left else None
    if error.may_have_left and (pause is None or until is None or claimed.sent_after + pause >= until):
        return _change(claimed, child, DeliveryState.UNKNOWN, reason=Reason.UNCERTAIN, code=code)
    if pause is None:
        return _change(claimed, child, DeliveryState.FAILED, reason=Reason.TRANSIENT, code=code)
    delay = pause.total_seconds()
    again = _change(claimed, child, DeliveryState.PLANNED, reason=Reason.TRANSIENT, code=code, delay=delay)
    return again._replace(resend_until=until)


def returned(claimed: Claimed, child: int, *, delay: timedelta = timedelta(0)) -> Change:
    """A claim given back untouched: tokens were short or the campaign stopped; the attempt does not count."""
    return _change(claimed, child, DeliveryState.PLANNED, delay=delay.total_seconds(), refund=1)


def gathering(claimed: Claimed, child: int, *, delay: float) -> Change:
    """A message that waits for others, since its gateway takes it in a list only; it counts, so that this ends."""
    return _change(claimed, child, DeliveryState.PLANNED, reason=Reason.THROTTLED, delay=delay)


def unrenderable(claimed: Claimed, child: int, code: str) -> Change:
    """A message whose text cannot be made for this recipient: final, the next channel may still do."""
    return _change(claimed, child, DeliveryState.FAILED, reason=Reason.CONTENT, code=code)


def _change(
    claimed: Claimed,
    child: int,
    state: DeliveryState,
    *,
    reason: Reason | None = None,
    code: str | None = None,
    provider_id: str | None = None,
    parts: int | None = None,
    delay: float = 0.0,
    refund: int = 0,
    proves: bool = False,
) -> Change:
    return Change(
        claimed.run, claimed.delivery, state, reason=None if reason is None else str(reason), code=_storable(code),
        provider_id=_storable(provider_id), parts=parts if parts is None or 0 < parts < 1000 else None, delay=delay,
        refund=refund, child=child, attempt=claimed.attempt, proves=proves,
    )  # fmt: skip


def _storable(text: str | None) -> str | None:
    """What a provider calls something, as the database can keep it: no NUL, no half signs, at most 200 characters."""
    return text.encode("utf-8", "ignore").decode().replace("\0", "")[:200] if text else None
