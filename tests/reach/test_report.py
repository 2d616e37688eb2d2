"""Who was reached: populations small enough to count on one's fingers."""

from __future__ import annotations

from datetime import date

import pytest

from outreach.domain.errors import NotFound
from outreach.domain.scope import EVERYTHING, Scope
from outreach.domain.states import DeliveryState
from outreach.reach.report import By
from outreach.store.deliveries import Change, advance
from tests.reach.reach_world import OFFICER, RURAL, URBAN, ReachWorld, campaign, message

ACCEPTED, DELIVERED, FAILED = DeliveryState.ACCEPTED, DeliveryState.DELIVERED, DeliveryState.FAILED
TO_EVENING = {"hours": 8, "minutes": 10}
"""From the clock's morning into the stations' slot, 17:10."""


def test_one_person_over_two_channels_is_one_person_reached(land: ReachWorld) -> None:
    land.person("An", phone="+84912345678", email="an@example.vn")
    land.run(campaign(message("chao", "sms, email", more="mode: all")))
    land.becomes(DELIVERED, "d.channel = 'sms'")
    land.becomes(ACCEPTED, "d.channel = 'email'")
    report = land.report(By.CHANNEL)
    assert (report.figures.measured, report.figures.audience) == (1, 1)
    rows = {row.key: (row.figures.measured, row.figures.first) for row in report.rows}
    assert rows == {"sms": (1, 1), "email": (1, 0)}


def test_who_shares_the_address_is_reached_with_it(land: ReachWorld) -> None:
    land.person("An", phone="+84912345678")
    land.person("Bình", phone="+84912345678")
    land.person("Chi", phone="+84987654321")
    land.run(campaign(message("chao", "sms")))
    land.becomes(DELIVERED, "c.full_name = 'An'")
    assert land.report().figures.measured == 2
    assert land.figures(By.CHANNEL) == {"sms": (3, 2, 0, 2)}


def test_the_firsts_of_channels_and_messages_add_up_to_the_people_reached(land: ReachWorld) -> None:
    land.person("An", phone="+84912345678", email="an@example.vn")
    land.person("Bình", phone="+84912345678")
    land.person("Chi", email="chi@example.vn")
    land.run(campaign(message("chao", "sms, email", more="mode: all"), message("lai", "email")))
    land.becomes(DELIVERED, "d.channel = 'sms'")
    land.becomes(ACCEPTED, "d.channel = 'email'")
    for by in (By.CHANNEL, By.MESSAGE):
        report = land.report(by)
        assert sum(row.figures.first for row in report.rows) == report.figures.measured == 3
    assert land.figures(By.MESSAGE) == {"chao": (3, 3, 0, 3), "lai": (3, 2, 0, 2)}
    assert land.figures(By.CHANNEL) == {"sms": (3, 2, 0, 2), "email": (3, 2, 0, 2)}


def test_those_left_out_belong_to_the_audience_and_are_not_reached(land: ReachWorld) -> None:
    land.person("An", phone="+84912345678")
    land.person("Bình")
    land.person("Chi", phone="+84987654321")
    land.sql(
        "INSERT INTO suppressions VALUES (:f, 'sms', '*', 1, 'opted_out', 'test')",
        f=land.keys.fingerprint("+84987654321"),
    )
    land.run(campaign(message("chao", "sms")))
    land.becomes(DELIVERED, "true")
    figures = land.report().figures
    assert (figures.audience, figures.measured, figures.share) == (3, 1, 1 / 3)


def test_a_bounce_takes_back_that_somebody_was_reached(land: ReachWorld) -> None:
    land.person("An", email="an@example.vn")
    land.run(campaign(message("chao", "email")))
    land.becomes(ACCEPTED, "true")
    assert land.report().figures.measured == 1
    land.becomes(FAILED, "true")
    assert land.report().figures.measured == 0
    assert land.figures(By.CHANNEL) == {"email": (1, 0, 0, 0)}


def test_a_broadcast_counts_only_as_an_estimate_and_only_once_confirmed(land: ReachWorld) -> None:
    land.person("Ông Ba", unit=URBAN)
    land.run(campaign(message("loa", "loudspeaker")))
    assert land.report().figures.estimated == 0
    land.later(**TO_EVENING)
    land.read_out(URBAN)
    report = land.report(By.CHANNEL)
    assert (report.figures.measured, report.figures.estimated, report.figures.combined) == (0, 1, 1)
    assert report.to_json()["people_reached"] == 0
    assert land.figures(By.CHANNEL) == {"loudspeaker": (1, 0, 1, 1)}


def test_no_more_people_have_heard_it_than_are_in_earshot(land: ReachWorld) -> None:
    for name in "ABCDE":
        land.person(name, unit=RURAL)
    land.run(campaign(message("loa", "loudspeaker")))
    land.later(**TO_EVENING)
    land.read_out(RURAL)
    figures = land.report().figures
    assert (figures.audience, figures.estimated, figures.combined) == (5, 2, 2)


def _both_communes(land: ReachWorld) -> None:
    """Five people in the village, one with a phone; four in the ward, two with a phone; everything delivered."""
    for n in range(5):
        land.person(f"Quê {n}", unit=RURAL, phone="+84912345678" if n == 0 else None)
    for n in range(4):
        land.person(f"Phố {n}", unit=URBAN, phone=f"+8498765432{n}" if n < 2 else None)
    land.run(campaign(message("loa", "loudspeaker, sms", more="mode: all")))
    land.becomes(DELIVERED, "d.channel = 'sms'")
    land.later(**TO_EVENING)
    land.read_out(RURAL)
    land.read_out(URBAN)


def test_measured_and_estimated_are_put_together_unit_by_unit(land: ReachWorld) -> None:
    _both_communes(land)
    report = land.report(By.UNIT)
    assert land.figures(By.UNIT) == {
        URBAN: (4, 2, 4, 4),  # 2 + 4 × (1 - 2/4)
        RURAL: (5, 1, 2, 3),  # 1 + 2 × (1 - 1/5) = 2.6
    }
    figures = report.figures
    assert (figures.audience, figures.measured, figures.estimated, figures.combined) == (9, 3, 6, 7)
    assert [row.name for row in report.rows] == ["Ba Đình", "Đông Anh"]


def test_lines_by_unit_and_by_message_agree_with_the_whole(land: ReachWorld) -> None:
    _both_communes(land)
    assert land.figures(By.MESSAGE) == {"loa": (9, 3, 6, 7)}
    assert land.figures(By.CHANNEL) == {"sms": (9, 3, 0, 3), "loudspeaker": (9, 0, 6, 6)}


def test_an_officer_counts_only_the_people_of_the_commune(land: ReachWorld) -> None:
    _both_communes(land)
    report = land.report(By.UNIT, scope=OFFICER)
    assert (report.figures.audience, report.figures.measured, report.figures.estimated) == (5, 1, 2)
    assert [row.key for row in report.rows] == [RURAL]
    assert land.figures(By.CHANNEL, scope=OFFICER) == {"sms": (5, 1, 0, 1), "loudspeaker": (5, 0, 2, 2)}
    assert (report.stations, report.confirmed) == (1, 1)
    with pytest.raises(NotFound, match="among those you may see"):
        land.report(scope=OFFICER, unit=URBAN)


def test_a_unit_narrows_the_report_to_itself_and_shows_its_children(land: ReachWorld) -> None:
    _both_communes(land)
    assert land.figures(By.UNIT, unit="01") == land.figures(By.UNIT)
    assert land.figures(By.UNIT, unit=URBAN) == {URBAN: (4, 2, 4, 4)}
    assert land.report(unit=URBAN).figures.audience == 4


def test_several_provinces_stand_as_provinces(land: ReachWorld) -> None:
    land.sql(
        "INSERT INTO units (code, path, name, kind, urban, search_key, sort_key, valid_from)"
        " VALUES ('48', '48/', 'Đà Nẵng', 'thanh_pho', true, 'da nang', 'da nang', '2025-07-01')"
    )
    land.person("An", unit="48", phone="+84912345678")
    land.person("Bình", unit=RURAL)
    land.person("Chi", unit=URBAN)
    land.person("Vô gia cư", unit=None)
    land.run(campaign(message("chao", "sms")))
    land.becomes(DELIVERED, "true")
    assert land.figures(By.UNIT) == {"48": (1, 1, 0, 1), "01": (2, 0, 0, 0), "": (1, 0, 0, 0)}
    assert list(land.figures(By.UNIT, every=True)) == [URBAN, "48", RURAL, ""]
    assert land.report(scope=Scope("01/", "staff")).figures.audience == 2


def test_people_of_a_hamlet_are_counted_where_their_station_is(land: ReachWorld) -> None:
    land.sql(
        "INSERT INTO units (code, parent, path, name, kind, urban, search_key, sort_key, valid_from) VALUES"
        " ('t1', '00454', '01/00454/t1/', 'Thôn Một', 'thon', false, 'thon mot', 'thon mot', '2025-07-01')"
    )
    land.person("Xa", unit="t1")
    land.person("Gần", unit=RURAL)
    land.person("Giữa", unit=RURAL, phone="+84912345678")
    land.run(campaign(message("loa", "loudspeaker"), message("chao", "sms")))
    land.becomes(DELIVERED, "d.channel = 'sms'")
    land.later(**TO_EVENING)
    land.read_out(RURAL)
    # earshot 2 of 3 members; 1 + 2 × (1 - 1/3) = 2.33
    assert land.figures(By.UNIT, every=True) == {RURAL: (3, 1, 2, 2)}


def test_without_a_station_people_of_a_hamlet_are_counted_at_the_hamlet(land: ReachWorld) -> None:
    land.sql(
        "INSERT INTO units (code, parent, path, name, kind, urban, search_key, sort_key, valid_from) VALUES"
        " ('t1', '00454', '01/00454/t1/', 'Thôn Một', 'thon', false, 'thon mot', 'thon mot', '2025-07-01')"
    )
    land.person("Xa", unit="t1", phone="+84912345678")
    land.person("Gần", unit=RURAL)
    land.run(campaign(message("chao", "sms")))
    land.becomes(DELIVERED, "true")
    assert land.figures(By.UNIT, unit=RURAL) == {RURAL: (1, 0, 0, 0), "t1": (1, 1, 0, 1)}
    assert land.figures(By.UNIT, unit="01") == {RURAL: (2, 1, 0, 1)}


def test_a_second_message_to_the_same_ears_adds_nobody(land: ReachWorld) -> None:
    for n in range(3):
        land.person(f"Phố {n}", unit=URBAN, born=date(1950 if n else 1990, 1, 1))
    land.run(campaign(message("a", "loudspeaker"), message("b", "loudspeaker", segment="elderly")))
    land.later(**TO_EVENING)
    land.read_out(URBAN, message="b")
    assert land.report().figures.estimated == 2
    land.read_out(URBAN, message="a")
    assert land.report().figures.estimated == 3
    assert land.figures(By.MESSAGE) == {"a": (3, 0, 3, 3), "b": (2, 0, 2, 2)}


def test_two_stations_of_a_unit_are_heard_by_its_people_once_each(land: ReachWorld) -> None:
    land.sql(
        "INSERT INTO stations (unit_code, name, earshot, slots) VALUES"
        """ ('00454', 'Cụm loa 2', 1, '[{"from": "17:00", "to": "17:30"}]')"""
    )
    land.sql("UPDATE stations SET is_default = false")
    for n in range(5):
        land.person(f"Quê {n}", unit=RURAL)
    land.run(campaign(message("loa", "loudspeaker")))
    land.later(**TO_EVENING)
    assert len(land.read_out(RURAL)) == 2
    report = land.report()
    assert (report.stations, report.confirmed) == (2, 2)
    assert report.figures.estimated == 3


def test_a_person_in_two_segments_counts_in_both_and_once_in_the_total(land: ReachWorld) -> None:
    land.person("Già ở quê", born=date(1950, 1, 1), unit=RURAL, phone="+84912345671")
    land.person("Trẻ ở quê", unit=RURAL, phone="+84912345672")
    land.person("Già ở phố", born=date(1950, 1, 1), unit=URBAN)
    land.person("Trẻ ở phố", unit=URBAN, phone="+84912345673")
    land.run(campaign(message("chao", "sms"), message("gia", "sms", segment="elderly"), head=TARGETS))
    land.becomes(DELIVERED, "r.message = 'chao'")
    rows = {row.key: (row.name, row.figures.audience, row.figures.measured) for row in land.report(By.SEGMENT).rows}
    assert rows == {
        "elderly": ("Người cao tuổi", 2, 1),
        "rural": ("Nông thôn", 2, 2),
        "": ("Không thuộc nhóm nào", 1, 1),
    }
    assert land.report().figures.measured == 3


def test_segments_are_those_of_the_day_a_person_was_reached(land: ReachWorld) -> None:
    land.person("An", born=date(1950, 1, 1), phone="+84912345678")
    land.person("Bình", born=date(1950, 1, 1))
    land.run(campaign(message("gia", "sms", segment="elderly")))
    land.becomes(DELIVERED, "true")
    before = land.figures(By.SEGMENT)
    land.sql("UPDATE contacts SET birth_date = '2000-01-01'")
    assert before == {"elderly": (2, 1, 0, 1)}
    assert land.figures(By.SEGMENT) == {"elderly": (1, 1, 0, 1), "": (1, 0, 0, 0)}


def test_a_segment_gets_an_estimate_only_from_what_was_told_to_it(land: ReachWorld) -> None:
    land.person("Già", born=date(1950, 1, 1), unit=RURAL)
    land.person("Trẻ", unit=RURAL)
    land.run(campaign(message("loa", "loudspeaker", segment="elderly"), message("chao", "sms", segment="rural")))
    land.later(**TO_EVENING)
    land.read_out(RURAL)
    assert land.figures(By.SEGMENT) == {"elderly": (1, 0, 1, 1), "rural": (2, 0, None, None)}


TARGETS = """
targets:
  - {id: gia, title: Người cao tuổi, measure: reached_share, segment: elderly, goal: 60%}
  - {id: que, title: Nông thôn, measure: reached_share, segment: rural, goal: 80-90%}
  - {id: luat, title: Cá nhân, measure: reached_share, segment: {kind: person}, goal: 70%}
  - {id: giao, title: Giao tin, measure: delivered_share, goal: 50%}
  - {id: pho, title: Phường, measure: reached_share, goal: 40%, scope: {unit: "00004"}}
  - {id: hai-long, title: Hài lòng, measure: satisfaction, goal: 90%}
  - {id: truc-tuyen, title: Trực tuyến, measure: external, goal: 80, suffix: "%", baseline: 60}
"""


def test_targets_stand_beside_their_goals(land: ReachWorld) -> None:
    land.person("Già ở quê", born=date(1950, 1, 1), unit=RURAL, phone="+84912345671")
    land.person("Trẻ ở quê", unit=RURAL, phone="+84912345672")
    land.person("Già ở phố", born=date(1950, 1, 1), unit=URBAN)
    land.person("Trẻ ở phố", unit=URBAN, phone="+84912345673")
    land.run(campaign(message("chao", "sms"), head=TARGETS))
    land.becomes(DELIVERED, "c.full_name <> 'Trẻ ở phố'")
    land.becomes(FAILED, "c.full_name = 'Trẻ ở phố'")
    now = {one["id"]: one for one in land.report().to_json()["targets"]}
    assert [(one["id"], one["now"], one["gap"], one["met"]) for one in now.values()] == [
        ("gia", 50.0, 10.0, False),
        ("que", 100.0, 0.0, True),
        ("luat", 50.0, 20.0, False),
        ("giao", 66.67, 0.0, True),
        ("pho", 0.0, 40.0, False),
        ("hai-long", None, None, None),
        ("truc-tuyen", None, None, None),
    ]
    assert (now["giao"]["part"], now["giao"]["whole"]) == (2, 3)
    assert now["truc-tuyen"]["baseline"] == 60
    assert now["truc-tuyen"]["note"] == {"vi": "chưa đo", "en": "not measured yet"}
    assert now["gia"]["by"] == "2027-12-31"


def test_the_report_carries_the_rule_and_the_keys_of_the_contract(land: ReachWorld) -> None:
    land.person("An", phone="+84912345678")
    land.run(campaign(message("chao", "sms")))
    plain = land.report(By.UNIT).to_json()
    assert {"people_reached", "measured", "estimated", "combined", "audience", "by", "targets", "rule"} <= plain.keys()
    assert plain["by"] == {
        RURAL: {"name": "Đông Anh", "audience": 1, "measured": 0, "estimated": 0, "combined": 0, "share": 0.0}
    }


def test_a_person_who_moves_stays_where_they_were_reached(land: ReachWorld) -> None:
    land.person("An", phone="+84912345678", unit=RURAL)
    land.run(campaign(message("chao", "sms")))
    land.becomes(DELIVERED, "true")
    land.sql("UPDATE contacts SET unit_code = '00004'")
    assert land.figures(By.UNIT, every=True) == {RURAL: (1, 1, 0, 1)}


def test_a_campaign_that_has_not_begun_has_reached_nobody(land: ReachWorld) -> None:
    land.load(campaign(message("chao", "sms"), head=TARGETS))
    report = land.report(By.UNIT)
    assert (report.figures.audience, report.figures.measured, report.figures.share, report.rows) == (0, 0, None, ())
    assert all(target.now is None for target in report.targets)


def test_an_unknown_campaign_is_not_found(land: ReachWorld) -> None:
    with pytest.raises(NotFound, match="no campaign"):
        land.report(slug="khong-co")


def test_a_later_success_brings_a_person_back(land: ReachWorld) -> None:
    land.person("An", phone="+84912345678")
    land.run(campaign(message("chao", "sms")))
    land.becomes(FAILED, "true")
    (row,) = land.rows()
    with land.engine.begin() as connection:
        advance(connection, [Change(row.run_id, row.id, DELIVERED, proves=True)], now=land.clock.now())
    assert land.report(scope=EVERYTHING).figures.measured == 1


def test_the_assumed_station_of_a_commune_is_silent_once_its_real_ones_are_known(land: ReachWorld) -> None:
    land.sql(
        "INSERT INTO stations (unit_code, name, earshot, slots) VALUES"
        """ ('00454', 'Cụm loa thật', 1, '[{"from": "17:00", "to": "17:30"}]')"""
    )
    for n in range(5):
        land.person(f"Quê {n}", unit=RURAL)
    land.run(campaign(message("loa", "loudspeaker")))
    land.later(**TO_EVENING)
    assert [one.station for one in land.read_out(RURAL)] == ["Cụm loa thật"]
    assert land.report().figures.estimated == 1
