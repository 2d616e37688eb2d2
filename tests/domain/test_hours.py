"""When messages may leave, how many an address may get, and dates that people write."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outreach.domain.caps import CAPS, Cap
from outreach.domain.hours import DAYTIME, HOURS, OpenHours, earliest_send, is_open, next_open
from outreach.domain.words import Channel, MessageClass

HANOI, BERLIN, NEW_YORK = ZoneInfo("Asia/Ho_Chi_Minh"), ZoneInfo("Europe/Berlin"), ZoneInfo("America/New_York")


def at(text: str, zone: ZoneInfo = HANOI) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=zone)


@pytest.mark.parametrize("message_class", [MessageClass.SERVICE_NOTICE, MessageClass.ADVERTISING])
@pytest.mark.parametrize(
    ("due", "leaves"),
    [
        ("2026-11-21 00:00", "2026-11-21 07:00"),
        ("2026-11-21 06:59:59", "2026-11-21 07:00"),
        ("2026-11-21 07:00", "2026-11-21 07:00"),
        ("2026-11-21 21:59:59", "2026-11-21 21:59:59"),
        ("2026-11-21 22:00", "2026-11-22 07:00"),
        ("2026-12-31 23:30", "2027-01-01 07:00"),
    ],
)
def test_notices_and_advertising_wait_for_the_morning(message_class: MessageClass, due: str, leaves: str) -> None:
    found = earliest_send(message_class, at(due), HANOI)
    assert found == at(leaves)
    assert found.tzinfo is UTC


def test_an_emergency_never_waits() -> None:
    midnight = at("2026-11-21 00:00")
    assert earliest_send(MessageClass.EMERGENCY, midnight, HANOI) == midnight
    assert is_open(HOURS[MessageClass.EMERGENCY], midnight, HANOI)


def test_the_morning_is_that_of_the_zone() -> None:
    moment = at("2026-11-21 12:00", BERLIN)
    assert next_open(DAYTIME, moment, NEW_YORK) == at("2026-11-21 07:00", NEW_YORK)
    assert next_open(DAYTIME, moment, HANOI) == moment


@pytest.mark.parametrize(
    ("opens", "asked", "leaves"),
    [
        (time(7), "2026-03-28T22:00+01:00", "2026-03-29T07:00+02:00"),  # the short night
        (time(7), "2026-10-24T22:00+02:00", "2026-10-25T07:00+01:00"),  # the long night
        (time(2, 30), "2026-03-29T01:00+01:00", "2026-03-29T03:00+02:00"),  # the opening is skipped
        (time(2, 30), "2026-10-25T02:10+02:00", "2026-10-25T02:30+02:00"),  # the opening comes twice: the first
        (time(2, 30), "2026-10-25T02:10+01:00", "2026-10-25T02:30+01:00"),  # and the second
    ],
)
def test_the_nights_when_clocks_change(opens: time, asked: str, leaves: str) -> None:
    hours = OpenHours(opens, time(22))
    assert next_open(hours, datetime.fromisoformat(asked), BERLIN) == datetime.fromisoformat(leaves)


@given(
    moment=st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
    zone=st.sampled_from([HANOI, BERLIN, NEW_YORK]),
)
def test_whatever_the_moment_it_leaves_inside_the_hours_within_a_day_and_never_earlier(
    moment: datetime, zone: ZoneInfo
) -> None:
    leaves = next_open(DAYTIME, moment, zone)
    assert is_open(DAYTIME, leaves, zone)
    assert moment <= leaves <= moment + timedelta(hours=10)
    assert next_open(DAYTIME, leaves, zone) == leaves


def test_hours_are_asked_with_a_zone_and_open_before_they_close() -> None:
    with pytest.raises(ValueError, match="needs its time zone"):
        next_open(DAYTIME, datetime.fromisoformat("2026-11-21 08:00"), HANOI)
    with pytest.raises(ValueError, match="open before they close"):
        OpenHours(time(22), time(7))


@pytest.mark.parametrize("message_class", [MessageClass.SERVICE_NOTICE, MessageClass.ADVERTISING])
@pytest.mark.parametrize("channel", [Channel.SMS, Channel.EMAIL])
def test_three_texts_and_three_mails_a_day_are_the_most(message_class: MessageClass, channel: Channel) -> None:
    cap = CAPS[message_class, channel]
    assert cap == Cap(3, timedelta(hours=24))
    assert [cap.room(already) for already in range(5)] == [3, 2, 1, 0, 0]


def test_every_channel_to_people_is_capped_but_in_an_emergency() -> None:
    capped = {(message_class, channel) for message_class, channel in CAPS}
    assert capped == {
        (message_class, channel)
        for message_class in MessageClass
        for channel in Channel
        if channel.to_people and message_class is not MessageClass.EMERGENCY
    }
