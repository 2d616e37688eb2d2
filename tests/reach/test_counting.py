"""The scheduler keeps the counts of reach up by itself."""

from __future__ import annotations

from datetime import date

from outreach.domain.states import DeliveryState
from outreach.reach.counting import catch_up_all
from outreach.store import reach_counts
from tests.reach.reach_world import ReachWorld, campaign, message


def test_a_tick_counts_what_has_happened_in_every_campaign(land: ReachWorld) -> None:
    land.person("An", phone="+84912345678")
    land.person("Bình", phone="+84987654321")
    for slug in ("mot", "hai"):
        land.run(campaign(message("chao", "sms"), slug=slug))
    land.becomes(DeliveryState.DELIVERED, "c.full_name = 'An'")
    assert catch_up_all(land.engine, land.clock) == 2
    with land.engine.connect() as connection:
        assert reach_counts.behind(connection) == []
    assert catch_up_all(land.engine, land.clock) == 0
    for slug in ("mot", "hai"):
        figures = land.report(slug=slug).figures
        assert (figures.audience, figures.measured) == (2, 1)


def test_segments_are_those_of_the_day_of_the_tick(land: ReachWorld) -> None:
    land.person("An", born=date(1950, 1, 1), phone="+84912345678")
    land.run(campaign(message("gia", "sms", segment="elderly")))
    land.becomes(DeliveryState.DELIVERED, "true")
    catch_up_all(land.engine, land.clock)
    land.sql("UPDATE contacts SET birth_date = '2000-01-01'")
    with land.engine.connect() as connection:
        assert land.report().figures.measured == 1
        assert connection.exec_driver_sql("SELECT segments FROM reached").scalar_one() == ["elderly"]


def test_a_campaign_that_cannot_be_counted_keeps_no_other_waiting(land: ReachWorld) -> None:
    land.person("An", phone="+84912345678")
    for slug in ("hong", "tot"):
        land.run(campaign(message("chao", "sms"), slug=slug))
    land.sql("DELETE FROM campaign_versions WHERE slug = 'hong'")
    assert catch_up_all(land.engine, land.clock) == 1
    with land.engine.connect() as connection:
        assert reach_counts.behind(connection) == ["hong"]
