"""What the end of an attempt means for its delivery and its account."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from channels import zalo_codes
from channels.contract import Accepted, ErrorKind, SendError
from outreach.dispatch.outcome import Outcome, outcome
from outreach.domain.recipient import Recipient
from outreach.domain.retries import LONGEST_THROTTLE, MOST_ATTEMPTS
from outreach.domain.states import DeliveryState, Reason
from outreach.domain.words import Channel, RecipientKind
from outreach.store.claims import Claimed
from tests.world import account

NOBODY = Recipient(None, None, None, None, None, "vi", {}, None, None, None, (), None, None, None, None)
DAY = 86_400.0
ZALO = account("zalo", channels=(Channel.ZALO_OA, Channel.ZALO_ZNS), proofs={Channel.ZALO_OA: DeliveryState.ACCEPTED})


def claimed(channel: Channel = Channel.ZALO_ZNS, *, patience_s: float = DAY) -> Claimed:
    return Claimed(
        run=7, delivery=42, recipient_kind=RecipientKind.CONTACT, recipient_id=1, channel=channel, subject_id=0,
        attempt=1, generation=1, sent_after=datetime(2026, 11, 23, tzinfo=UTC), patience_s=patience_s, sealed=None,
        key_version=None, who=NOBODY,
    )  # fmt: skip


def postponed(retry_after: float | None, *, patience_s: float = DAY, spread: float = 0.0) -> Outcome:
    error = SendError(ErrorKind.POSTPONED, "-133", "not at night", retry_after)
    return outcome(claimed(patience_s=patience_s), ZALO, error, child=1, spread=spread)


@pytest.mark.parametrize(
    ("retry_after", "spread", "delay"),
    [(3600.0, 0.0, 3600.0), (3600.0, 1.0, 4800.0), (None, 0.0, 300.0), (-5.0, 0.0, 0.0)],
)
def test_a_postponed_delivery_waits_alone_and_loses_no_attempt(
    retry_after: float | None, spread: float, delay: float
) -> None:
    found = postponed(retry_after, spread=spread)
    assert found.hold is None
    change = found.change
    assert (change.state, change.reason, change.code) == (DeliveryState.PLANNED, Reason.THROTTLED, "-133")
    assert (change.delay, change.refund) == (delay, 1)


@pytest.mark.parametrize("patience_s", [3600.0, 10.0, -1.0])
def test_who_would_wait_until_it_is_too_late_is_left_to_the_next_channel(patience_s: float) -> None:
    change = postponed(3600.0, patience_s=patience_s).change
    assert (change.state, change.reason) == (DeliveryState.FAILED, Reason.WINDOW_CLOSED)


def test_nobody_is_put_off_for_longer_than_a_day_and_a_half() -> None:
    change = postponed(1e9, patience_s=9 * DAY).change
    assert change.delay == 1.5 * DAY


@pytest.mark.parametrize(("channel", "proves"), [(Channel.ZALO_OA, True), (Channel.ZALO_ZNS, False)])
def test_what_proves_is_a_matter_of_the_channel(channel: Channel, proves: bool) -> None:
    assert outcome(claimed(channel), ZALO, Accepted("m1"), child=1, spread=0.5).change.proves is proves


@pytest.mark.parametrize("asked", [1e20, float("inf")])
def test_however_long_a_provider_asks_for_the_wait_has_an_end(asked: float) -> None:
    """A number no clock can count must not keep a chunk that has left from being recorded."""
    throttled = outcome(claimed(), ZALO, SendError(ErrorKind.THROTTLED, "", "", asked), child=1, spread=0.0)
    assert throttled.hold == LONGEST_THROTTLE
    assert postponed(asked, patience_s=9 * DAY).change.delay == 1.5 * DAY


def test_a_wait_that_is_no_number_counts_as_none() -> None:
    assert postponed(float("nan")).change.delay == 300.0


ESMS = account("sms-esms", deduplicates_for=86_400, deduplicates_within_day_of="Asia/Ho_Chi_Minh")
NOON = datetime(2026, 11, 23, 5, 0, tzinfo=UTC)
LATE_EVENING = datetime(2026, 11, 23, 16, 54, 45, tzinfo=UTC)
"""23:54:45 in Hà Nội: the next try, half a minute later, comes too close to midnight."""


def half_done(sent_after: datetime, *, attempt: int = 1, may_have_left: bool = True) -> Outcome:
    """What follows from a server error of a provider that drops repetitions on the same day."""
    error = SendError(ErrorKind.TRANSIENT, "", "out of order", may_have_left=may_have_left)
    one = claimed(Channel.SMS)._replace(sent_after=sent_after, attempt=attempt)
    return outcome(one, ESMS, error, child=1, spread=0.5)


def test_what_may_have_left_is_tried_again_only_while_its_key_is_known() -> None:
    change = half_done(NOON).change
    assert (change.state, change.delay) == (DeliveryState.PLANNED, 30.0)
    assert change.resend_until == NOON.replace(hour=16, minute=55)


def test_what_may_have_left_is_not_tried_again_past_midnight() -> None:
    """The provider would take it for a new message."""
    assert half_done(LATE_EVENING).change.state is DeliveryState.UNKNOWN
    assert half_done(LATE_EVENING, may_have_left=False).change.state is DeliveryState.PLANNED


def test_what_may_have_left_never_ends_as_failed_for_want_of_patience() -> None:
    assert half_done(NOON, attempt=MOST_ATTEMPTS).change.state is DeliveryState.UNKNOWN
    assert half_done(NOON, attempt=MOST_ATTEMPTS, may_have_left=False).change.state is DeliveryState.FAILED


def test_what_has_not_left_needs_no_key() -> None:
    assert half_done(NOON - timedelta(hours=1), may_have_left=False).change.resend_until is None


def test_what_the_night_has_put_off_does_not_come_back_all_at_once() -> None:
    """Zalo refuses at 22:30; a hundred of them come back from 06:05 on, spread over minutes."""
    night = datetime(2026, 11, 23, 15, 30, tzinfo=UTC)
    for code in ("-133", "-234"):
        wait = zalo_codes.meaning(code).retry_after(night)
        delays = [postponed(wait, spread=n / 100).change.delay for n in range(100)]
        back = [night + timedelta(seconds=delay) for delay in delays]
        assert min(back) == datetime(2026, 11, 23, 23, 5, tzinfo=UTC)
        assert max(back) - min(back) > timedelta(minutes=15)
        assert max(sum(one.minute == minute for one in back) for minute in range(60)) <= 10


@pytest.mark.parametrize("code", ["-133", "-234"])
def test_who_cannot_wait_for_the_morning_goes_to_the_next_channel(code: str) -> None:
    night = datetime(2026, 11, 23, 15, 30, tzinfo=UTC)
    change = postponed(zalo_codes.meaning(code).retry_after(night), patience_s=3600).change
    assert (change.state, change.reason) == (DeliveryState.FAILED, Reason.WINDOW_CLOSED)


@pytest.mark.parametrize("name", ["7\0", "7\ud800", "7\0\udfff"])
def test_what_a_provider_calls_a_message_can_always_be_stored(name: str) -> None:
    change = outcome(claimed(), ZALO, Accepted(name), child=1, spread=0.0).change
    assert (change.state, change.provider_id) == (DeliveryState.ACCEPTED, "7")
    refused = outcome(claimed(), ZALO, SendError(ErrorKind.REJECTED, name, "no"), child=1, spread=0.0).change
    assert refused.code == "7"
