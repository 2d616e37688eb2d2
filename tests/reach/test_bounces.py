"""A bounce takes back only the reach that has no other proof."""

from __future__ import annotations

from outreach.domain.states import DeliveryState
from tests.reach.reach_world import ReachWorld, campaign, message


def test_a_bounce_of_a_shared_address_keeps_those_reached_otherwise(land: ReachWorld) -> None:
    land.person("An", email="nha@example.vn", phone="+84912345678")
    land.person("Bình", email="nha@example.vn", phone="+84912345678")
    land.run(campaign(message("chao", "email"), message("tin", "sms")))
    land.becomes(DeliveryState.ACCEPTED, "d.channel = 'email'")
    land.becomes(DeliveryState.DELIVERED, "d.channel = 'sms'")
    assert land.report().figures.measured == 2
    land.becomes(DeliveryState.FAILED, "d.channel = 'email'")
    assert land.report().figures.measured == 2
    land.becomes(DeliveryState.FAILED, "d.channel = 'email'")
    assert land.report().figures.measured == 2
