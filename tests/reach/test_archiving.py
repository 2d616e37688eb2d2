"""Archiving: what becomes of single deliveries, and that every count and report says afterwards what it said before."""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import timedelta
from random import Random
from typing import Any

import pytest
from sqlalchemy import text

from channels.contract import Receipt, ReceiptState
from outreach.domain.errors import OutreachError
from outreach.domain.scope import EVERYTHING, Scope
from outreach.domain.states import DeliveryState
from outreach.planning import actions
from outreach.planning.cascade import cascade_due
from outreach.reach import archiving
from outreach.reach.counting import catch_up_all, sum_up_all
from outreach.reach.listing import export_csv, list_deliveries
from outreach.reach.report import By
from outreach.reach.status import status
from outreach.reach.visits import record, undo
from outreach.receipts.receiver import Receiver
from outreach.store import history, unit_counts
from outreach.store.delivery_sweeps import advance_where
from outreach.store.explorer import Wanted
from tests.reach.reach_world import OFFICER, RURAL, URBAN, ReachWorld, campaign, message

DAYS = 120
PROVINCE = Scope("01/", "province@demo.vn")
TARGETS = """
targets:
  - {id: tiep-can, title: Tiếp cận, measure: reached_share, segment: elderly, goal: 80%, by: 2027-12-31}
  - {id: den-noi, title: Đến nơi, measure: delivered_share, goal: 80%, by: 2027-12-31}
  - {id: den-noi-xa, title: Đến nơi ở xã, measure: delivered_share, segment: rural, goal: 80%, by: 2027-12-31}
"""


def past(land: ReachWorld, seed: int = 1, *, at_first: Callable[[], object] = lambda: None) -> None:
    """A campaign to people who share phones and move; `at_first` comes before most of what can become of one."""
    random = Random(seed)
    phones = [f"+8491234567{n}" for n in range(6)]
    for number in range(14):
        land.person(
            f"N{number:02}", phone=random.choice([*phones, None]), unit=random.choice((RURAL, URBAN, None)),
            email=f"n{number}@example.vn" if random.random() < 0.5 else None,
        )  # fmt: skip
    more = "mode: cascade, wait: 1h"
    land.run(
        campaign(
            message("chao", "sms, email, loudspeaker", more=more), message("nhac", "sms"),
            message("thu", "email"), head=TARGETS,
        )
    )  # fmt: skip
    at_first()
    said(land, random)
    land.sql("UPDATE contacts SET unit_code = :unit WHERE id % 3 = 0", unit=URBAN)
    for _ in range(3):
        land.later(hours=2)
        cascade_due(land.engine, land.accounts, land.clock)
        said(land, random)
    land.later(hours=5)
    land.read_out(RURAL)


def said(land: ReachWorld, random: Random) -> None:
    """Providers say something of what waits."""
    for row in land.rows("d.state = 'planned' AND d.recipient_kind = 'contact'"):
        state = random.choice((DeliveryState.ACCEPTED, DeliveryState.DELIVERED, DeliveryState.FAILED, None))
        if state is not None:
            land.becomes(state, f"d.run_id = {row.run_id} AND d.id = {row.id}")
            land.sql("UPDATE deliveries SET provider_id = 'p' || id WHERE id = :id", id=row.id)


def end(land: ReachWorld, *, days: int = DAYS + 1) -> None:
    """Let what is left expire, and the campaign be over for so many days."""
    ended: list[str] = []
    for _ in range(8):
        land.later(days=5)
        cascade_due(land.engine, land.accounts, land.clock)
        with land.engine.begin() as connection:
            given: dict[str, Any] = {"state": DeliveryState.EXPIRED, "reason": "late", "now": land.clock.now()}
            advance_where(connection, "d.run_id > 0", {}, **given)
        ended += actions.finish_ended(land.engine, land.clock)
    assert ended == ["thu"]
    catch_up_all(land.engine, land.clock)
    land.later(days=days)


def told(land: ReachWorld) -> dict[str, Any]:
    """Everything that counts: status and reports of every kind, for everyone who may look."""
    found: dict[str, Any] = {}
    for scope in (EVERYTHING, PROVINCE, OFFICER):
        with land.engine.connect() as connection:
            seen = status(connection, "thu", now=land.clock.now(), scope=scope).to_json()
        for run in seen["runs"]:
            del run["archived_at"]
        found[f"status {scope.path}"] = seen
        for by in By:
            report = land.report(by, scope=scope).to_json()
            found[f"reach by {by} {scope.path}"] = report
    return found


def old(land: ReachWorld) -> list[history.Old]:
    return archiving.old_runs(land.engine, land.clock, days=DAYS)


def archive(land: ReachWorld, **more: Any) -> archiving.Done:
    return archiving.archive(land.engine, land.clock, old(land), days=DAYS, who="an", **more)


def slices(land: ReachWorld, run: int) -> int:
    """Archive a run a person at a time, everything being told as before after each; returns how many slices it took."""
    before, after, n = told(land), 0, 0
    while True:
        with land.engine.begin() as connection:
            one = history.archive(
                connection, run, after=after, limit=1, before=land.clock.now() - timedelta(days=DAYS),
                now=land.clock.now(),
            )  # fmt: skip
        assert one is not None
        if not one.deliveries:
            return n
        assert told(land) == before
        after, n = one.last, n + 1


@pytest.mark.parametrize("seed", range(6))
def test_every_count_and_report_stays_as_it_was(land: ReachWorld, seed: int) -> None:
    past(land, seed)
    end(land)
    before = told(land)
    gone = len(land.rows("d.recipient_kind = 'contact'"))
    assert archive(land) == archiving.Done(3, gone)
    assert land.rows("d.recipient_kind = 'contact'") == []
    assert told(land) == before


def test_a_run_that_was_summed_up_by_unit_says_the_same_when_it_is_archived(
    land: ReachWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    past(land)
    end(land)
    before = told(land)
    monkeypatch.setattr(unit_counts, "LARGE", 1)
    assert sum_up_all(land.engine, land.clock) == 3
    assert told(land) == before
    assert sum(slices(land, one.run) for one in old(land)) > 20


@pytest.mark.parametrize("seed", range(2))
def test_half_way_everything_is_as_it_was(land: ReachWorld, seed: int) -> None:
    past(land, seed)
    end(land)
    assert sum(slices(land, one.run) for one in old(land)) > 20


def test_the_figures_of_what_was_compared_are_not_empty(land: ReachWorld) -> None:
    past(land)
    end(land)
    found = told(land)
    assert all(found[f"status {path}"]["deliveries"]["total"] > 5 for path in ("", "01/", "01/00454/"))
    assert all(found[f"status {path}"]["errors"] for path in ("", "01/", "01/00454/"))
    assert all(found[f"reach by {by} 01/00454/"]["people_reached"] > 0 for by in By)
    shares = {target["id"]: target["now"] for target in found["reach by unit "]["targets"]}
    assert 0 < shares["den-noi"] < 100
    assert land.rows("d.shared_with IS NOT NULL")


def test_killed_half_way_the_next_call_goes_on_and_a_third_finds_nothing(land: ReachWorld) -> None:
    past(land)
    end(land)
    before, gone = told(land), len(land.rows("d.recipient_kind = 'contact'"))
    (first, *_) = old(land)
    with land.engine.begin() as connection:
        one = history.archive(
            connection, first.run, after=0, limit=3, before=land.clock.now() - timedelta(days=DAYS),
            now=land.clock.now(),
        )  # fmt: skip
    assert one is not None
    assert sum(run.deliveries for run in old(land)) == gone - one.deliveries
    assert archive(land).deliveries == gone - one.deliveries
    assert (old(land), archive(land)) == ([], archiving.Done(0, 0))
    assert told(land) == before


def test_a_call_stops_at_the_number_of_deliveries_it_was_given(
    land: ReachWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    past(land)
    end(land)
    gone = len(land.rows("d.recipient_kind = 'contact'"))
    monkeypatch.setattr(archiving, "AT_ONCE", 2)
    heard: list[int] = []
    done = archive(land, most=6, told=heard.append)
    assert 6 <= done.deliveries < gone
    assert (heard[-1], heard) == (done.deliveries, sorted(heard))


def test_a_run_with_a_message_whose_fate_is_unknown_is_not_archived(land: ReachWorld) -> None:
    past(land)
    end(land)
    kept = old(land)[0].run
    land.sql(
        "WITH one AS (UPDATE deliveries SET state = 'unknown' WHERE id = (SELECT min(id) FROM deliveries"
        " WHERE run_id = :run AND state = 'failed') RETURNING run_id, channel)"
        " INSERT INTO run_counts (run_id, channel, state, shard, n) SELECT run_id, channel, 'unknown', 77, 1 FROM one"
        " UNION ALL SELECT run_id, channel, 'failed', 77, -1 FROM one",
        run=kept,
    )
    archive(land)
    assert {row.run_id for row in land.rows("d.recipient_kind = 'contact'")} == {kept}


@pytest.mark.parametrize("days", [0, 4, DAYS - 50])
def test_a_campaign_that_ended_lately_is_left_alone(land: ReachWorld, days: int) -> None:
    past(land)
    end(land, days=days)
    assert old(land) == []


def test_a_campaign_that_goes_on_is_left_alone_however_old_its_runs_are(land: ReachWorld) -> None:
    past(land)
    land.later(days=5)
    land.sql("UPDATE runs SET state = 'done', finished_at = :at", at=land.clock.now())
    land.later(days=DAYS * 5)
    assert old(land) == []


def test_a_run_that_is_no_longer_over_is_not_touched_though_it_was_named(land: ReachWorld) -> None:
    past(land)
    end(land)
    named, rows = old(land), len(land.rows())
    land.sql("UPDATE campaigns SET state = 'running'")
    assert archiving.archive(land.engine, land.clock, named, days=DAYS, who="an") == archiving.Done(0, 0)
    assert len(land.rows()) == rows


def test_nothing_is_archived_while_receipts_may_still_come(land: ReachWorld) -> None:
    with pytest.raises(OutreachError, match="90 days"):
        archiving.old_runs(land.engine, land.clock, days=89)


def test_loudspeakers_keep_their_deliveries_which_are_the_proof_of_broadcasts(land: ReachWorld) -> None:
    past(land)
    end(land)
    before = land.rows("d.recipient_kind = 'station'")
    archive(land)
    assert before
    assert land.rows() == before


def test_the_explorer_says_since_when_a_run_is_counts(land: ReachWorld) -> None:
    past(land)
    end(land)
    gone = {row.run_id for row in land.rows("d.recipient_kind = 'contact'")}
    mine = len(land.rows(f"d.recipient_kind = 'contact' AND d.unit_code = '{RURAL}'"))
    archive(land)
    with land.engine.connect() as connection:
        found = history.archived(connection, "thu", scope=EVERYTHING)
        seen = history.archived(connection, "thu", scope=OFFICER)
        left = list_deliveries(connection, "thu", Wanted(), keys=land.keys, scope=EVERYTHING)
    assert {one.run for one in found} == gone
    assert all(one.at == land.clock.now() for one in found)
    assert sum(one.deliveries for one in seen) == mine
    assert all(line.listed.recipient_kind == "station" for line in left)


def test_what_is_archived_can_be_written_to_a_file_before(land: ReachWorld) -> None:
    past(land)
    end(land)
    out = io.StringIO(newline="")
    written = export_csv(land.engine, "thu", Wanted(), out, keys=land.keys, scope=EVERYTHING)
    assert written == len(land.rows())


@pytest.mark.parametrize("by_key", [True, False])
def test_a_receipt_that_comes_after_all_is_kept_and_changes_nothing(land: ReachWorld, by_key: bool) -> None:
    past(land)
    end(land)
    row = land.rows("d.state = 'failed' AND d.channel = 'sms'")[0]
    archive(land)
    before = told(land)
    receiver = Receiver(land.engine, {}, land.accounts, land.keys, land.clock)
    late = Receipt(
        "late", land.clock.now(), provider_id=row.provider_id, state=ReceiptState.DELIVERED,
        key=f"{row.run_id}.{row.id}.{row.generation}" if by_key else "",
    )  # fmt: skip
    assert [receiver.take("sms-main", [late]) for _ in range(2)] == [1, 0]
    assert [receiver.replay() for _ in range(2)] == [0, 0]
    assert told(land) == before


def test_a_receipt_between_two_slices_is_counted_once(land: ReachWorld) -> None:
    past(land)
    end(land)
    run = old(land)[0].run
    first, *_, last = sorted(
        row.recipient_id for row in land.rows(f"d.run_id = {run} AND d.recipient_kind = 'contact'")
    )
    assert first < last
    with land.engine.begin() as connection:
        history.archive(
            connection, run, after=0, limit=1, before=land.clock.now() - timedelta(days=DAYS), now=land.clock.now()
        )
    land.becomes(DeliveryState.READ, f"d.run_id = {run} AND d.state = 'delivered' AND d.recipient_kind = 'contact'")
    before = told(land)
    archive(land)
    assert told(land) == before
    assert before["status "]["deliveries"]["read"] == before["status 01/"]["deliveries"]["read"] + unplaced(
        land, "read"
    )


def unplaced(land: ReachWorld, state: str) -> int:
    """Archived deliveries in a state to people without a unit: no officer sees them."""
    with land.engine.connect() as connection:
        query = text("SELECT coalesce(sum(n), 0) FROM archived_counts WHERE unit_code = '' AND state = :state")
        return int(connection.execute(query, {"state": state}).scalar_one())


def test_a_case_is_not_reminded_of_the_same_date_again(land: ReachWorld) -> None:
    past(land)
    end(land)
    land.sql("INSERT INTO case_reminders SELECT 'thu', 'nhac', 1, now(), min(id) FROM runs")
    archive(land)
    with land.engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM case_reminders")).scalar_one() == 1


def test_what_was_archived_is_on_the_record(land: ReachWorld) -> None:
    past(land)
    end(land)
    archive(land)
    with land.engine.connect() as connection:
        rows = connection.execute(text("SELECT who, object, detail FROM audit WHERE action = 'archive'")).all()
    assert [(row.who, row.object) for row in rows] == [("an", "thu")] * 3
    assert sum(row.detail["deliveries"] for row in rows) > 0


def test_who_was_visited_by_mistake_is_still_reached_by_what_was_archived(land: ReachWorld) -> None:
    past(land)
    row = land.rows("d.proved AND d.recipient_kind = 'contact'")[0]
    end(land)
    before = told(land)
    land.sql("DELETE FROM reached WHERE contact_id = :id", id=row.recipient_id)
    land.report()
    given: dict[str, Any] = {"clock": land.clock, "scope": EVERYTHING, "who": "an"}
    day = land.clock.now().date()
    record(land.engine, "thu", row.recipient_id, day=day, guided=1, note="", **given)
    archive(land)
    undo(land.engine, "thu", row.recipient_id, day=day, **given)
    assert told(land)["reach by unit "]["people_reached"] == before["reach by unit "]["people_reached"]
