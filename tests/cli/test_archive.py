"""`outreach archive`: what would go, what went, and that nothing goes by mistake."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest
from sqlalchemy import text

from outreach.domain.states import DeliveryState
from outreach.planning import actions
from outreach.reach.counting import catch_up_all
from tests.cli.commands import CAMPAIGN, Commands
from tests.world import World


@pytest.fixture
def long_ago(world: World) -> World:
    """A campaign to two people whose own clock was three years back: one was reached, one was not."""
    world.person("=An", phone="+84912345671")
    world.person("Bình", phone="+84912345672")
    world.launch(CAMPAIGN.replace("2025-01-01", "2020-01-01"))
    world.plan()
    with world.engine.begin() as connection:
        connection.execute(
            text("UPDATE deliveries SET state = 'delivered', proved = true, address_id = NULL WHERE recipient_id = 1")
        )
        connection.execute(
            text(
                "UPDATE deliveries SET state = 'failed', reason = 'rejected', address_id = NULL WHERE recipient_id = 2"
            )
        )
        connection.execute(text("DELETE FROM run_counts"))
        connection.execute(
            text(
                "INSERT INTO run_counts SELECT run_id, channel, state, 0, count(*) FROM deliveries GROUP BY 1, 2, 3;"
                "UPDATE runs SET state = 'done', finished_at = now() - interval '3 years';"
                "UPDATE campaigns SET state = 'finished'"
            )
        )
    catch_up_all(world.engine, world.clock)
    return world


def left(world: World) -> int:
    return len(world.rows())


def test_a_dry_run_says_what_would_go_and_touches_nothing(outreach: Commands, long_ago: World) -> None:
    said = outreach("archive", "--dry-run", "--json")
    assert said.status == 0, said.err
    found = said.json()
    assert [(one["campaign"], one["deliveries"]) for one in found["runs"]] == [("thu", 2)]
    assert (found["dry_run"], found["days"], found["archived"], left(long_ago)) == (True, 730, 0, 2)
    assert "thu" in outreach("archive", "--dry-run").err


def test_archived_deliveries_are_gone_and_the_commands_say_since_when(outreach: Commands, long_ago: World) -> None:
    before = outreach("campaign", "status", "thu", "--json").json()["deliveries"]
    said = outreach("archive", "--yes", "--as", "an@demo.vn", "--json")
    assert (said.json()["archived"], left(long_ago)) == (2, 0)
    assert outreach("campaign", "status", "thu", "--json").json()["deliveries"] == before
    assert "2 deliveries archived on" in outreach("deliveries", "list", "thu").err
    assert "archived on" in outreach("campaign", "status", "thu").err
    listed = outreach("deliveries", "list", "thu", "--json").json()
    assert (listed["deliveries"], [one["deliveries"] for one in listed["archived"]]) == ([], [2])


def test_what_goes_can_first_be_written_to_a_file_that_no_spreadsheet_runs(
    outreach: Commands, long_ago: World, tmp_path: Path
) -> None:
    said = outreach("archive", "thu", "--yes", "--export", tmp_path, "--json")
    assert said.status == 0, said.err
    (file,) = said.json()["files"]
    lines = Path(file).read_text(encoding="utf-8-sig").splitlines()
    assert len(lines) == 3
    assert ",=An," not in lines[1]
    assert "=An" in lines[1]
    assert Path(file).stat().st_mode & 0o077 == 0


def test_where_the_file_cannot_be_written_nothing_is_archived(
    outreach: Commands, long_ago: World, tmp_path: Path
) -> None:
    assert outreach("archive", "--yes", "--export", tmp_path / "nowhere").status == 1
    (tmp_path / f"thu-{today(outreach)}.csv").write_text("somebody's", encoding="utf-8")
    said = outreach("archive", "--yes", "--export", tmp_path)
    assert (said.status, left(long_ago)) == (1, 2)
    assert "is there already" in said.err


def today(outreach: Commands) -> str:
    """The installation's day, as file names have it."""
    return datetime.now(outreach.settings.zone).date().isoformat()


@pytest.mark.parametrize("words", [("--older-than", "30"), ("nichts",), ("--older-than", "-1")])
def test_a_wrong_wish_archives_nothing(outreach: Commands, long_ago: World, words: tuple[str, ...]) -> None:
    assert outreach("archive", "--yes", *words).status == 1
    assert left(long_ago) == 2


def test_without_a_terminal_nothing_goes_that_was_not_agreed_to(outreach: Commands, long_ago: World) -> None:
    said = outreach("archive")
    assert (said.status, left(long_ago)) == (1, 2)
    assert "--yes" in said.err


def test_where_the_setting_says_never_it_is_done_by_hand_only(outreach: Commands, long_ago: World) -> None:
    never = outreach.changed(archive_after_days=0)
    assert never("archive", "--yes").status == 1
    assert never("archive", "--yes", "--older-than", "800").status == 0
    assert left(long_ago) == 0


def test_what_ended_less_long_ago_than_wanted_stays(outreach: Commands, long_ago: World) -> None:
    assert outreach("archive", "--yes", "--older-than", "2000").status == 0
    assert left(long_ago) == 2
    with long_ago.engine.begin() as connection:
        connection.execute(text("UPDATE campaigns SET state = 'running'"))
    assert outreach("archive", "--yes").status == 0
    assert left(long_ago) == 2


def test_an_archived_campaign_has_nothing_left_to_be_sent_again(outreach: Commands, long_ago: World) -> None:
    outreach("archive", "--yes")
    said = outreach("deliveries", "retry", "thu", "--state", "failed", "--yes")
    assert said.status == 1
    assert actions.sweep_cancelled(long_ago.engine, long_ago.clock) == 0
    assert DeliveryState.FAILED not in {row.state for row in long_ago.rows()}
