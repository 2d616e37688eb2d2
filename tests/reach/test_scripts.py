"""What communes read out, and the officer's word that they did."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

import pytest

from outreach.domain.errors import NotFound, OutreachError
from outreach.domain.scope import EVERYTHING, Scope
from outreach.domain.states import DeliveryState
from outreach.planning import actions
from outreach.planning.cascade import cascade_due
from outreach.reach.confirming import Confirmation, confirm
from outreach.reach.script_pages import as_html, as_text
from outreach.reach.scripts import Script, scripts
from tests.reach.reach_world import OFFICER, RURAL, URBAN, ReachWorld, campaign, message

TODAY = date(2026, 11, 23)
LOUD = campaign(message("loa", "loudspeaker"))
IN_SLOT = {"hours": 8, "minutes": 10}


def spoken(land: ReachWorld, unit: str = RURAL, day: date = TODAY, **more: Any) -> list[Script]:
    return scripts(land.engine, unit, day, **{"scope": EVERYTHING, **more})


def say(land: ReachWorld, script: str, **more: Any) -> Confirmation:
    given: dict[str, Any] = {"clock": land.clock, "scope": OFFICER, "who": "officer@donganh.vn", **more}
    return confirm(land.engine, script, **given)


@pytest.fixture
def told(land: ReachWorld) -> ReachWorld:
    """A person in each commune and a message to both stations at 17:00."""
    land.person("An", unit=RURAL)
    land.person("Bình", unit=URBAN)
    land.run(LOUD)
    return land


def test_a_commune_pulls_the_script_of_its_station_ready_to_read(told: ReachWorld) -> None:
    (script,) = spoken(told)
    assert (script.station, script.unit, script.message_title, script.issuer) == (
        "Đài Đông Anh", RURAL, "Tin loa", "UBND xã",
    )  # fmt: skip
    assert (script.starts.isoformat(), script.ends.hour, script.ends.minute) == ("2026-11-23T17:00:00+07:00", 17, 30)
    assert script.text.startswith("[Nhạc hiệu]\n\nKính thưa bà con xã Đông Anh.")
    assert script.text.count("Xin mời bà con") == 2
    assert script.text.endswith("Xin trân trọng cảm ơn.")
    assert 10 < script.reading_seconds < 30
    assert (script.state, script.confirmed, script.warnings) == (DeliveryState.PLANNED, False, ())


def test_a_province_pulls_those_of_every_commune_below_it_or_only_its_own(told: ReachWorld) -> None:
    assert [script.unit for script in spoken(told, "01")] == [URBAN, RURAL]
    assert spoken(told, "01", below=False) == []
    assert [script.unit for script in spoken(told, "01", scope=OFFICER.__class__("01/", "staff"))] == [URBAN, RURAL]


def test_the_day_is_the_campaigns_own(told: ReachWorld) -> None:
    assert spoken(told, day=TODAY - timedelta(days=1)) == spoken(told, day=TODAY + timedelta(days=1)) == []


def test_a_slot_before_dawn_belongs_to_its_local_day(land: ReachWorld) -> None:
    land.sql("""UPDATE stations SET slots = '[{"from": "05:00", "to": "05:30"}]'""")  # 22:00 UTC of the day before
    land.person("An", unit=RURAL)
    land.run(LOUD)
    assert spoken(land) == []
    assert [script.starts.day for script in spoken(land, day=date(2026, 11, 24))] == [24]


def test_published_scripts_are_shown_and_cancelled_expired_or_paused_ones_are_not(told: ReachWorld) -> None:
    told.becomes(DeliveryState.ACCEPTED, "d.recipient_kind = 'station'")
    assert [script.state for script in spoken(told)] == [DeliveryState.ACCEPTED]
    actions.pause(told.engine, "thu", who="staff")
    assert spoken(told) == []
    actions.resume(told.engine, "thu", who="staff")
    assert len(spoken(told)) == 1
    actions.cancel(told.engine, "thu", told.clock, who="staff")
    assert spoken(told) == []


def test_an_officer_sees_no_other_commune(told: ReachWorld) -> None:
    with pytest.raises(NotFound, match="among those you may see"):
        spoken(told, URBAN, scope=OFFICER)
    assert [script.unit for script in spoken(told, RURAL, scope=OFFICER)] == [RURAL]


def test_what_is_hard_to_hear_is_pointed_out(land: ReachWorld) -> None:
    land.person("An", unit=RURAL)
    land.run(LOUD.replace("Xin mời bà con đến bộ phận một cửa", "Xem dichvucong.gov.vn (mục A)"))
    (script,) = spoken(land)
    assert any("web" in warning for warning in script.warnings)
    assert any("brackets" in warning for warning in script.warnings)


def test_a_script_longer_than_its_slot_is_pointed_out(land: ReachWorld) -> None:
    land.sql("""UPDATE stations SET slots = '[{"from": "17:00", "to": "17:01"}]'""")
    land.person("An", unit=RURAL)
    land.run(LOUD.replace("Xin mời bà con đến bộ phận một cửa", "Xin mời bà con đến ngay. " * 20))
    (script,) = spoken(land)
    assert any("the slot has 60 s" in warning for warning in script.warnings)


def test_a_confirmed_broadcast_is_delivered_and_counts(told: ReachWorld) -> None:
    (script,) = spoken(told)
    told.later(**IN_SLOT)
    done = say(told, script.id, note=" loa 3 rè ")
    assert (done.already, done.confirmed_by, done.note) == (False, "officer@donganh.vn", "loa 3 rè")
    (after,) = spoken(told)
    assert (after.state, after.confirmed, after.note) == (DeliveryState.DELIVERED, True, "loa 3 rè")
    assert after.confirmed_at is not None and after.confirmed_at.hour == 17
    assert told.report().figures.estimated == 1
    assert told.counts_agree()


def test_confirming_twice_keeps_the_first_word(told: ReachWorld) -> None:
    (script,) = spoken(told)
    told.later(**IN_SLOT)
    first = say(told, script.id, who="first")
    told.later(hours=1)
    again = say(told, script.id, who="second", note="khác")
    assert again == replace(first, already=True)


def test_nothing_is_confirmed_before_its_slot(told: ReachWorld) -> None:
    (script,) = spoken(told)
    with pytest.raises(OutreachError, match=r"from 17:00 on 23/11/2026"):
        say(told, script.id)
    assert told.states("d.recipient_kind = 'station' AND d.unit_code = '00454'")[0][2] == "planned"


def test_the_time_of_a_broadcast_lies_between_its_slot_and_now(told: ReachWorld) -> None:
    (script,) = spoken(told)
    told.later(hours=9)
    for wrong in (script.starts - timedelta(minutes=1), told.clock.now() + timedelta(minutes=1)):
        with pytest.raises(OutreachError, match="cannot have been read"):
            say(told, script.id, at=wrong)
    at = datetime.fromisoformat("2026-11-23T17:05:00+07:00")
    assert say(told, script.id, at=at).confirmed_at == at


def test_a_cancelled_script_cannot_be_confirmed(told: ReachWorld) -> None:
    (script,) = spoken(told)
    actions.cancel(told.engine, "thu", told.clock, who="staff")
    told.later(**IN_SLOT)
    with pytest.raises(OutreachError, match="is cancelled and was not to be read"):
        say(told, script.id)
    assert told.report().figures.estimated == 0


def test_a_script_of_another_commune_is_not_found(told: ReachWorld) -> None:
    (script,) = spoken(told, URBAN)
    told.later(**IN_SLOT)
    with pytest.raises(NotFound, match="no script"):
        say(told, script.id)
    with pytest.raises(NotFound, match="no script"):
        say(told, "999.1", scope=Scope("", "staff"))


@pytest.mark.parametrize("wrong", ["", "12", "1.", ".5", "a.b", "1.2.3", "-1.2", "1.99999999999999999999", "²."])
def test_an_id_that_is_none_is_told_so(told: ReachWorld, wrong: str) -> None:
    with pytest.raises(OutreachError, match="two numbers and a point"):
        say(told, wrong)


def test_who_heard_it_is_not_written_to_as_well(land: ReachWorld) -> None:
    land.person("An", unit=RURAL, phone="+84912345678")
    land.person("Bình", unit=URBAN, phone="+84987654321")
    land.run(campaign(message("loa", "loudspeaker, sms", more="wait: 1h")))
    land.later(**IN_SLOT)
    (script,) = spoken(land)
    say(land, script.id)
    land.later(hours=2)
    cascade_due(land.engine, land.accounts, land.clock)
    assert [row.name for row in land.rows("d.channel = 'sms'")] == ["Bình"]


def test_the_page_and_the_text_tell_everything_an_officer_needs(told: ReachWorld) -> None:
    told.sql("UPDATE stations SET name = 'Loa <b>&' WHERE unit_code = '00454'")
    told.later(**IN_SLOT)
    (script,) = spoken(told)
    page, plain = as_html([script], TODAY), as_text([script], TODAY)
    for part in (f"mã {script.id}", "17:00–17:30", "Tin loa", "UBND xã", "Chưa xác nhận phát", "xã Đông Anh"):
        assert part in page and part in plain
    assert "Loa &lt;b&gt;&amp;" in page and "<b>" not in page
    say(told, script.id)
    assert "Đã phát, officer@donganh.vn xác nhận lúc 17:10 23/11/2026" in as_text(spoken(told), TODAY)
    assert "không có bài phát thanh nào" in as_text([], TODAY)
    assert "Không có bài phát thanh nào" in as_html([], TODAY)


def test_scripts_go_to_json(told: ReachWorld) -> None:
    (script,) = spoken(told)
    plain = script.to_json()
    assert plain["starts"] == "2026-11-23T17:00:00+07:00"
    assert (plain["class"], plain["priority"], plain["state"]) == ("service_notice", False, "planned")
