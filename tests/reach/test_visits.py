"""Home visits: whom nothing reached, and visits that count as reached."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from outreach.domain.errors import NotFound, OutreachError
from outreach.domain.scope import EVERYTHING, Scope
from outreach.domain.segment_file import read_segments
from outreach.domain.states import DeliveryState
from outreach.domain.vietnamese import sort_key
from outreach.reach import visits
from outreach.reach.report import By
from outreach.reach.visits import Line, Recorded, to_visit
from tests.reach.reach_world import OFFICER, RURAL, SEGMENTS, URBAN, ReachWorld, campaign, message

ACCEPTED, DELIVERED, FAILED = DeliveryState.ACCEPTED, DeliveryState.DELIVERED, DeliveryState.FAILED
KNOWN = read_segments(SEGMENTS.encode(), "segments.yaml").segments
OLD = date(1950, 5, 5)
MONDAY = date(2026, 11, 23)
WHO = "can-bo@xa.example"
TARGET = "targets:\n  - {id: shown-how, title: Được hướng dẫn, measure: guided, goal: 5, segment: elderly}\n"


def lines(land: ReachWorld, *, scope: Scope = EVERYTHING, **more: Any) -> list[Line]:
    with to_visit(
        land.engine, "thu", keys=land.keys, clock=land.clock, scope=scope, known=KNOWN, **more
    ) as found:  # fmt: skip
        return list(found.lines)


def listed(land: ReachWorld, **more: Any) -> list[str]:
    return [line.person.name for line in lines(land, **more)]


def waiting(land: ReachWorld) -> int:
    with to_visit(land.engine, "thu", keys=land.keys, clock=land.clock, scope=EVERYTHING, known=KNOWN) as found:
        return found.waiting


def visit(land: ReachWorld, whom: str, *, day: date = MONDAY, guided: int = 1, **more: Any) -> Recorded:
    given: dict[str, Any] = {"scope": EVERYTHING, "who": WHO, "clock": land.clock, **more}
    return visits.record(land.engine, "thu", land.people[whom], day=day, guided=guided, **given)


def undo(land: ReachWorld, name: str, *, day: date = MONDAY, scope: Scope = EVERYTHING) -> None:
    visits.undo(land.engine, "thu", land.people[name], day=day, clock=land.clock, scope=scope, who=WHO)


def measured(land: ReachWorld) -> int:
    return land.report().figures.measured


def guided_now(land: ReachWorld) -> float | None:
    return next(one.now for one in land.report().targets if one.target.id == "shown-how")


@pytest.fixture
def village(land: ReachWorld) -> ReachWorld:
    """Old people without a phone in two communes, one with, and one who is young; an SMS was tried and settled."""
    for name, unit in (("Đặng Văn Ân", RURAL), ("An Thị Ba", RURAL), ("Áng Văn Cả", RURAL), ("Bùi Thị Ất", URBAN)):
        land.person(name, born=OLD, unit=unit)
    land.person("Nguyễn Có Máy", phone="+84912345678", born=OLD, unit=RURAL)
    land.person("Trẻ", born=date(2000, 1, 1), unit=RURAL)
    for name in land.people:
        land.sql("UPDATE contacts SET sort_key = :key WHERE full_name = :name", key=sort_key(name), name=name)
    land.run(campaign(message("chao", "sms"), head=TARGET))
    land.becomes(DELIVERED, "true")
    return land


# --- the list


def test_whom_nothing_reached_is_listed_by_unit_and_name_in_vietnamese_order(village: ReachWorld) -> None:
    assert listed(village) == ["Bùi Thị Ất", "An Thị Ba", "Áng Văn Cả", "Đặng Văn Ân"]


def test_the_list_says_why_nothing_reached_them(village: ReachWorld) -> None:
    first = lines(village, unit=URBAN)[0]
    assert first.why() == "SMS: Không có địa chỉ nhận cho kênh này."
    assert first.why("en") == "SMS: There is no address for this channel."
    assert (first.born, first.phone, first.groups) == (1950, "", ("Người cao tuổi",))


def test_an_officer_sees_the_people_of_the_commune_alone(village: ReachWorld) -> None:
    assert listed(village, scope=OFFICER) == ["An Thị Ba", "Áng Văn Cả", "Đặng Văn Ân"]
    assert listed(village, unit=URBAN) == ["Bùi Thị Ất"]
    with pytest.raises(NotFound, match="among those you may see"):
        lines(village, scope=OFFICER, unit=URBAN)


def test_any_segment_can_be_asked_for_and_an_unknown_one_is_told_the_nearest_name(village: ReachWorld) -> None:
    assert listed(village, segment="rural") == ["An Thị Ba", "Áng Văn Cả", "Đặng Văn Ân", "Trẻ"]
    with pytest.raises(NotFound, match='did you mean "elderly"'):
        lines(village, segment="elderli")


def test_people_with_a_message_on_its_way_are_counted_and_not_listed_yet(land: ReachWorld) -> None:
    land.person("Bà Chờ", phone="+84912345678", born=OLD)
    land.run(campaign(message("chao", "sms")))
    assert (listed(land), waiting(land)) == ([], 1)
    land.becomes(ACCEPTED, "true")
    assert (listed(land), waiting(land)) == ([], 1)
    land.later(hours=73)
    assert (listed(land), waiting(land)) == (["Bà Chờ"], 0)
    assert lines(land)[0].phone == "0912 345 678"


def test_who_shares_a_phone_is_listed_when_the_shared_message_failed_with_the_reason_of_that_message(
    land: ReachWorld,
) -> None:
    land.person("Ông An", phone="+84912345678", born=OLD)
    land.person("Bà Bình", phone="+84912345678", born=OLD)
    land.run(campaign(message("chao", "sms")))
    assert waiting(land) == 2
    land.becomes(FAILED, "d.state = 'planned'")
    assert listed(land) == ["Bà Bình", "Ông An"]
    assert {line.why() for line in lines(land)} == {"SMS: Không gửi được."}


def test_a_confirmed_loudspeaker_is_no_proof_and_puts_people_last_in_their_unit(land: ReachWorld) -> None:
    for name, unit in (("An", URBAN), ("Bình", URBAN), ("Chi", RURAL)):
        land.person(name, born=OLD, unit=unit)
    land.run(campaign(message("loa", "loudspeaker", segment=f'{{unit: "{URBAN}"}}'), message("chao", "sms")))
    with land.engine.begin() as connection:  # An was not among those the broadcast was for
        connection.execute(
            text(
                "DELETE FROM deliveries WHERE channel = 'loudspeaker' AND recipient_id = :an AND subject_id = 0"
                " AND recipient_kind = 'contact'"
            ),
            {"an": land.people["An"]},
        )
    land.sql("UPDATE contacts SET sort_key = 'ZZZ' WHERE full_name = 'An'")
    assert [(line.person.name, line.person.heard) for line in lines(land)] == [
        ("Bình", False), ("An", False), ("Chi", False),
    ]  # fmt: skip
    land.later(hours=8, minutes=10)
    land.read_out(URBAN)
    assert [(line.person.name, line.person.heard) for line in lines(land)] == [
        ("An", False), ("Bình", True), ("Chi", False),
    ]  # fmt: skip
    assert "Loa: Được đài truyền thanh nơi ở phục vụ" in lines(land, unit=URBAN)[1].why()


def test_people_of_a_hamlet_have_heard_the_nearest_station_and_no_farther_one(land: ReachWorld) -> None:
    land.sql(
        "INSERT INTO units (code, parent, path, name, kind, urban, search_key, sort_key, valid_from) VALUES"
        " ('t1', '00454', '01/00454/t1/', 'Thôn Một', 'thon', false, 'thon mot', 'thon mot', '2025-07-01'),"
        " ('t2', '00454', '01/00454/t2/', 'Thôn Hai', 'thon', false, 'thon hai', 'thon hai', '2025-07-01')"
    )
    land.sql(
        "INSERT INTO stations (unit_code, name, earshot, slots) VALUES"
        """ ('t2', 'Cụm loa thôn Hai', 100, '[{"from": "17:00", "to": "17:30"}]')"""
    )
    land.person("Một", born=OLD, unit="t1")
    land.person("Hai", born=OLD, unit="t2")
    land.run(campaign(message("loa", "loudspeaker")))
    land.later(hours=8, minutes=10)
    land.read_out(RURAL)
    assert {line.person.name: line.person.heard for line in lines(land)} == {"Một": True, "Hai": False}


def test_the_erased_and_those_the_campaign_does_not_address_are_not_listed(village: ReachWorld) -> None:
    village.sql("UPDATE contacts SET erased_at = now() WHERE full_name = 'An Thị Ba'")
    village.person("Mới Đến", born=OLD, unit=RURAL)
    assert listed(village, unit=RURAL) == ["Áng Văn Cả", "Đặng Văn Ân"]


def test_people_are_listed_where_they_live_now(village: ReachWorld) -> None:
    village.sql("UPDATE contacts SET unit_code = :ward WHERE full_name = 'An Thị Ba'", ward=URBAN)
    assert listed(village, unit=URBAN) == ["An Thị Ba", "Bùi Thị Ất"]


def test_the_plain_data_of_a_line_holds_no_phone_number_and_no_place(land: ReachWorld) -> None:
    land.person("Ông An", phone="+84912345678", born=OLD)
    land.sql("""UPDATE contacts SET attrs = '{"so_nha": "12 ngõ 3", "thon": "Đoài"}'""")
    land.run(campaign(message("chao", "sms")))
    land.becomes(FAILED, "true")
    (line,) = lines(land)
    assert (line.phone, line.place) == ("0912 345 678", "12 ngõ 3, Đoài")
    plain = str(line.to_json())
    assert line.to_json()["has_phone"] is True
    assert [secret for secret in ("345", "ngõ", "Đoài") if secret in plain] == []


def test_the_list_is_that_of_a_plain_look_at_all_rows(land: ReachWorld) -> None:
    """Sixty people, two messages over three channels, random fates: who is listed, by a plain Python rule."""
    dice = random.Random(11)
    for n in range(60):
        land.person(
            f"N{n:02}",
            phone=dice.choice([None, f"+8498765{n:04}", f"+84912000{n % 5:03}"]),
            email=dice.choice([None, f"n{n}@example.vn"]),
            born=date(dice.choice([1940, 1990]), 1, 1),
            unit=dice.choice([RURAL, URBAN]),
        )
    land.run(campaign(message("mot", "sms, email", more="mode: all"), message("hai", "sms, loudspeaker")))
    for row in land.rows("d.state = 'planned' AND d.recipient_kind = 'contact'"):
        for state in dice.choice([[ACCEPTED, DELIVERED], [FAILED], [FAILED], [ACCEPTED], []]):
            land.becomes(state, f"d.run_id = {row.run_id} AND d.id = {row.id}")
    with land.engine.connect() as connection:
        rows = [dict(one._mapping) for one in connection.execute(text("SELECT * FROM deliveries"))]
        met = set(connection.execute(text("SELECT contact_id FROM reached")).scalars())
        old = set(connection.execute(text("SELECT id FROM contacts WHERE birth_date < '1966-01-01'")).scalars())
    own = {
        (one["run_id"], one["channel"], one["recipient_id"]): one for one in rows if one["recipient_kind"] == "contact"
    }
    open_ones = set()
    for (run, channel, person), one in own.items():
        settled = own.get((run, channel, one["shared_with"]), one) if one["reason"] == "shared_address" else one
        late = settled["state"] == "accepted" and settled["closes_at"] > land.clock.now()
        if settled["state"] in ("planned", "sending") or late:
            open_ones.add(person)
    names = {number: name for name, number in land.people.items()}
    expected = {names[one] for one in old - met - open_ones}
    assert 3 < len(expected) < len(old)
    assert set(listed(land)) == expected
    assert waiting(land) == len((old - met) & open_ones)


# --- recording


def test_a_visit_counts_as_reached_and_takes_the_person_off_the_list(village: ReachWorld) -> None:
    before = measured(village)
    visit(village, "An Thị Ba", guided=2)
    assert measured(village) == before + 1
    assert "An Thị Ba" not in listed(village)
    report = village.report(By.CHANNEL)
    assert {row.key: (row.figures.measured, row.figures.first) for row in report.rows} == {
        "sms": (1, 1),
        "visit": (1, 1),
    }
    assert report.to_json()["by"]["visit"]["name"] == "Hỗ trợ tận nơi"
    assert report.to_json()["visits"] == {"people": 1}


def test_visits_are_a_line_among_messages_too_so_that_firsts_add_up(village: ReachWorld) -> None:
    visit(village, "An Thị Ba")
    visit(village, "Nguyễn Có Máy")
    report = village.report(By.MESSAGE)
    assert sum(row.figures.first for row in report.rows) == report.figures.measured == 2
    assert {row.key: row.figures.measured for row in report.rows} == {"chao": 1, "~visit": 2}


def test_people_guided_count_toward_the_target_each_visit_on_its_own(village: ReachWorld) -> None:
    assert guided_now(village) == 0
    visit(village, "An Thị Ba", guided=2)
    visit(village, "Nguyễn Có Máy", guided=1)
    village.later(days=1)
    visit(village, "An Thị Ba", guided=3, day=MONDAY + timedelta(days=1))
    assert guided_now(village) == 6


def test_the_same_visit_again_changes_nothing_and_another_count_corrects_it(village: ReachWorld) -> None:
    visit(village, "An Thị Ba", guided=2, note="hai ông bà")
    assert visit(village, "An Thị Ba", guided=2).again
    corrected = visit(village, "An Thị Ba", guided=1)
    assert (corrected.again, corrected.corrected) == (False, 2)
    assert guided_now(village) == 1
    every = visits.recorded(village.engine, "thu", scope=EVERYTHING, undone=True)
    assert [(one.guided, one.undone_by, one.note) for one in every] == [(2, WHO, "hai ông bà"), (1, None, "hai ông bà")]
    assert len(visits.recorded(village.engine, "thu", scope=EVERYTHING)) == 1


def test_a_wrong_visit_is_taken_back_and_the_person_is_on_the_list_again(village: ReachWorld) -> None:
    before = measured(village)
    visit(village, "An Thị Ba", guided=2)
    assert measured(village) == before + 1
    undo(village, "An Thị Ba")
    assert (measured(village), guided_now(village)) == (before, 0)
    assert "An Thị Ba" in listed(village)
    with pytest.raises(NotFound, match="no visit"):
        undo(village, "An Thị Ba")
    visit(village, "An Thị Ba", guided=1)
    assert (measured(village), guided_now(village)) == (before + 1, 1)


def test_taking_one_of_two_visits_back_leaves_the_other_as_the_proof(village: ReachWorld) -> None:
    village.later(days=2)
    visit(village, "An Thị Ba", day=MONDAY)
    visit(village, "An Thị Ba", day=MONDAY + timedelta(days=1))
    undo(village, "An Thị Ba")
    assert "An Thị Ba" not in listed(village)
    undo(village, "An Thị Ba", day=MONDAY + timedelta(days=1))
    assert "An Thị Ba" in listed(village)


def test_a_visit_taken_back_leaves_a_message_that_arrived_since_as_the_proof(land: ReachWorld) -> None:
    land.person("Ông An", phone="+84912345678", born=OLD)
    land.person("Bà Bình", phone="+84912345678", born=OLD)
    land.run(campaign(message("chao", "sms")))
    visit(land, "Ông An")
    visit(land, "Bà Bình")
    land.becomes(DELIVERED, "d.state = 'planned'")
    assert measured(land) == 2
    undo(land, "Ông An")
    undo(land, "Bà Bình")
    assert measured(land) == 2
    rows = {row.key: (row.figures.measured, row.figures.first) for row in land.report(By.CHANNEL).rows}
    assert rows == {"sms": (2, 2)}


def test_a_bounce_leaves_a_visit_as_the_proof(land: ReachWorld) -> None:
    land.person("Ông An", email="an@example.vn", born=OLD)
    land.run(campaign(message("chao", "email")))
    land.becomes(ACCEPTED, "true")
    visit(land, "Ông An")
    land.becomes(FAILED, "true")
    assert measured(land) == 1
    assert {row.key: row.figures.measured for row in land.report(By.CHANNEL).rows} == {"email": 0, "visit": 1}
    undo(land, "Ông An")
    assert measured(land) == 0


def test_a_visit_does_not_take_a_first_proof_away(village: ReachWorld) -> None:
    visit(village, "Nguyễn Có Máy")
    rows = {row.key: (row.figures.measured, row.figures.first) for row in village.report(By.CHANNEL).rows}
    assert rows == {"sms": (1, 1), "visit": (1, 0)}
    undo(village, "Nguyễn Có Máy")
    assert measured(village) == 1


@pytest.mark.parametrize(
    ("what", "why"),
    [
        ({"day": MONDAY + timedelta(days=1)}, "in the future"),
        ({"day": date(2025, 12, 31)}, "before the campaign"),
        ({"guided": 101}, "cannot be"),
        ({"guided": -1}, "cannot be"),
        ({"name": "Người Khác"}, "not that person's"),
    ],
)
def test_a_visit_that_cannot_have_been_is_refused(village: ReachWorld, what: dict[str, Any], why: str) -> None:
    with pytest.raises(OutreachError, match=why):
        visit(village, "An Thị Ba", **what)
    assert visits.recorded(village.engine, "thu", scope=EVERYTHING) == []


def test_only_people_the_campaign_addresses_and_the_caller_sees_are_visited(village: ReachWorld) -> None:
    village.person("Mới Đến", born=OLD, unit=RURAL)
    with pytest.raises(OutreachError, match="nothing for person"):
        visit(village, "Mới Đến")
    with pytest.raises(NotFound, match="among those you may see"):
        visit(village, "Bùi Thị Ất", scope=OFFICER)
    village.sql("UPDATE contacts SET erased_at = now() WHERE full_name = 'An Thị Ba'")
    with pytest.raises(NotFound, match="among those you may see"):
        visit(village, "An Thị Ba")


def test_an_officer_neither_sees_nor_takes_back_the_visits_of_another_commune(village: ReachWorld) -> None:
    visit(village, "Bùi Thị Ất")
    assert visits.recorded(village.engine, "thu", scope=OFFICER) == []
    with pytest.raises(NotFound, match="no visit"):
        undo(village, "Bùi Thị Ất", scope=OFFICER)
    assert len(visits.recorded(village.engine, "thu", scope=EVERYTHING)) == 1


def test_nobody_is_visited_for_a_campaign_that_was_not_launched(land: ReachWorld) -> None:
    land.person("An Thị Ba", born=OLD)
    land.load(campaign(message("chao", "sms")))
    with pytest.raises(OutreachError, match="has not been launched"):
        visit(land, "An Thị Ba")


def test_the_last_visit_is_told_whatever_campaign_it_was_for(village: ReachWorld) -> None:
    visit(village, "An Thị Ba")
    village.run(campaign(message("khac", "sms"), slug="khac"))
    village.becomes(DELIVERED, "true") if village.rows("d.state = 'planned'") else None
    with to_visit(
        village.engine, "khac", keys=village.keys, clock=village.clock, scope=EVERYTHING, known=KNOWN
    ) as found:
        last = {line.person.name: line.person.visited for line in found.lines}
    assert (last["An Thị Ba"], last["Áng Văn Cả"]) == (MONDAY, None)


def test_what_was_done_stands_in_the_audit_trail_without_a_name(village: ReachWorld) -> None:
    visit(village, "An Thị Ba", guided=2)
    undo(village, "An Thị Ba")
    with village.engine.connect() as connection:
        rows = connection.execute(
            text("SELECT who, action, object FROM audit WHERE action LIKE '%visit' ORDER BY id")
        ).all()
    person = village.people["An Thị Ba"]
    assert [tuple(row) for row in rows] == [
        (WHO, "record visit", f"thu/{person}"),
        (WHO, "undo visit", f"thu/{person}"),
    ]


def test_reach_after_any_order_of_visits_receipts_and_bounces_is_that_of_a_plain_count(land: ReachWorld) -> None:
    dice = random.Random(5)
    names = [f"N{n}" for n in range(12)]
    for n, name in enumerate(names):
        land.person(name, phone=f"+84912000{n % 8:03}", email=f"n{n}@example.vn", born=OLD)
    land.run(campaign(message("mot", "sms, email", more="mode: all"), head=TARGET))
    for _ in range(150):
        name = dice.choice(names)
        match dice.randrange(4):
            case 0:
                visit(land, name, guided=dice.randrange(3))
            case 1:
                with suppress(NotFound):
                    undo(land, name)
            case _:
                state, where = dice.choice(
                    [(DELIVERED, "sms"), (ACCEPTED, "email"), (FAILED, "email"), (FAILED, "sms")]
                )
                with suppress(AssertionError):
                    land.becomes(state, f"d.channel = '{where}' AND c.full_name = '{name}'")
        if dice.random() < 0.2:
            assert measured(land) == plain_count(land)
    assert measured(land) == plain_count(land)


def test_visits_receipts_and_bounces_at_once_leave_the_reach_of_a_plain_count(land: ReachWorld) -> None:
    names = [f"N{n}" for n in range(6)]
    for n, name in enumerate(names):
        land.person(name, phone=f"+84912000{n % 4:03}", email=f"n{n}@example.vn", born=OLD)
    land.run(campaign(message("mot", "sms, email", more="mode: all"), head=TARGET))

    def visiting(seed: int) -> None:
        dice = random.Random(seed)
        for _ in range(40):
            visit(land, dice.choice(names), guided=dice.randrange(3))
            with suppress(NotFound):
                undo(land, dice.choice(names))

    def receiving(seed: int) -> None:
        dice = random.Random(seed)
        for _ in range(40):
            state, channel = dice.choice([(DELIVERED, "sms"), (ACCEPTED, "email"), (FAILED, "email"), (FAILED, "sms")])
            with suppress(AssertionError):
                land.becomes(state, f"d.channel = '{channel}' AND c.full_name = '{dice.choice(names)}'")

    with ThreadPoolExecutor(4) as pool:
        for done in [
            pool.submit(visiting, 1),
            pool.submit(visiting, 2),
            pool.submit(receiving, 3),
            pool.submit(receiving, 4),
        ]:
            done.result()
    assert measured(land) == plain_count(land)


def plain_count(land: ReachWorld) -> int:
    """People with a proved delivery, at a shared address with one, or with a visit."""
    with land.engine.connect() as connection:
        rows = connection.execute(text("SELECT * FROM deliveries WHERE recipient_kind = 'contact'")).all()
        met = set(connection.execute(text("SELECT contact_id FROM visits WHERE undone_at IS NULL")).scalars())
    proved = {(row.run_id, row.channel, row.recipient_id) for row in rows if row.proved}
    met |= {person for _, _, person in proved}
    met |= {row.recipient_id for row in rows if (row.run_id, row.channel, row.shared_with) in proved}
    return len(met)
