"""Every state and every reason has words for people, in both languages."""

from __future__ import annotations

import pytest

from outreach.domain.states import DeliveryState, Reason
from outreach.domain.words import Channel
from outreach.reach.estimates import RULE
from outreach.reach.explanations import REASONS, STATES, Explanation, explain

EVERY = [*STATES.items(), *REASONS.items()]


def test_no_state_and_no_reason_is_left_without_words() -> None:
    assert set(STATES) == set(DeliveryState)
    assert set(REASONS) == set(Reason)


@pytest.mark.parametrize(("what", "words"), EVERY, ids=[str(what) for what, _ in EVERY])
def test_each_says_what_happened_and_what_can_be_done_in_both_languages(what: str, words: Explanation) -> None:
    for said in (words.vi, words.en):
        assert said.what.endswith(".") and said.do.endswith(".")
        assert "_" not in said.what.replace("not_after", "")
    assert not words.vi.what.isascii()
    assert words.en.what.isascii()


def test_no_two_reasons_are_told_alike() -> None:
    told = [words.vi.what for words in REASONS.values()]
    assert len(set(told)) == len(told)


def test_the_reason_speaks_before_the_state_and_an_unknown_one_leaves_the_state_to_speak() -> None:
    assert explain(DeliveryState.SUPPRESSED, "no_address") is REASONS[Reason.NO_ADDRESS]
    assert explain(DeliveryState.SUPPRESSED, "something new") is STATES[DeliveryState.SUPPRESSED]
    assert explain(DeliveryState.DELIVERED, None).text("en").startswith("It arrived")


@pytest.mark.parametrize("channel", [one for one in Channel if one.account_bound])
def test_where_people_must_come_themselves_an_invitation_is_advised(channel: Channel) -> None:
    assert "audience invite" in explain(DeliveryState.SUPPRESSED, "no_address", channel).text("vi")
    assert "audience invite" not in explain(DeliveryState.SUPPRESSED, "no_address", Channel.SMS).text("vi")


def test_a_channel_speaks_of_what_happens_on_it() -> None:
    delivered = {channel: explain(DeliveryState.DELIVERED, None, channel).text("vi") for channel in Channel}
    assert "phát" in delivered.pop(Channel.LOUDSPEAKER)
    assert not any("loa" in said or "phát" in said for said in delivered.values())
    assert "counts as reached" in explain(DeliveryState.ACCEPTED, None, Channel.EMAIL).text("en")
    assert explain(DeliveryState.ACCEPTED, None, Channel.SMS) is STATES[DeliveryState.ACCEPTED]


@pytest.mark.parametrize("channel", [Channel.SMS, Channel.TELEGRAM, Channel.ZALO_OA])
def test_who_counts_as_reached_is_not_said_to_wait_for_a_receipt(channel: Channel) -> None:
    taken = explain(DeliveryState.ACCEPTED, None, channel, proved=True)
    assert "được tính là đã tiếp cận" in taken.vi.what and "72" not in taken.vi.do
    assert "72" in explain(DeliveryState.ACCEPTED, None, channel, proved=False).vi.do


def test_the_rule_of_reach_says_what_counts_for_each_channel() -> None:
    assert "báo nhận với SMS, máy chủ nhận với e-mail" in RULE["vi"]
    assert "receipt for SMS, the server's acceptance for e-mail" in RULE["en"]
