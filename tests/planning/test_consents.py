"""A consent that was withdrawn does not come back with an old list; a new one counts again."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from sqlalchemy import text

from outreach.audience.importing import ImportOptions, import_file
from tests.planning.test_guard_rails import NOTICE
from tests.world import World

WITHDRAWN = datetime(2026, 11, 10, 2, 0, tzinfo=UTC)


def listed(world: World, folder: Path, day: str, channel: str = "") -> None:
    """The list of An comes in, with a consent of a day."""
    file = folder / "an.csv"
    file.write_text(
        "external_id,full_name,phone,consent_purpose,consent_channel,consent_date\n"
        f"An,An,0999999901,quảng cáo,{channel},{day}\n",
        encoding="utf-8",
    )
    options = ImportOptions(today=date(2026, 11, 23))
    import_file(world.engine, file, source="main", keys=world.keys, options=options)


def withdraw(world: World) -> None:
    with world.engine.begin() as connection:
        connection.execute(text("UPDATE consents SET withdrawn_at = :at"), {"at": WITHDRAWN})


def advertised(world: World) -> bool:
    """Whether a run of advertising is planned for An."""
    world.launch(NOTICE.replace("starts: 2026", "class: advertising\n    starts: 2026", 1))
    world.later(hours=1)
    world.plan()
    return world.states() == [("An", "sms", "planned", None)]


@pytest.mark.parametrize("day", ["2026-11-01", "2025-01-01", "2026-11-10"])
@pytest.mark.parametrize("channel", ["", "sms"])
def test_a_list_with_the_same_or_an_older_consent_brings_none_back(
    world: World, tmp_path: Path, day: str, channel: str
) -> None:
    listed(world, tmp_path, "2026-11-01")
    withdraw(world)
    listed(world, tmp_path, day, channel)
    assert not advertised(world)


def test_a_consent_given_after_the_withdrawal_counts(world: World, tmp_path: Path) -> None:
    listed(world, tmp_path, "2026-11-01")
    withdraw(world)
    listed(world, tmp_path, "2026-11-11")
    assert advertised(world)


def test_what_was_withdrawn_on_another_channel_ends_nothing_here(world: World, tmp_path: Path) -> None:
    listed(world, tmp_path, "2026-11-01", "email")
    withdraw(world)
    listed(world, tmp_path, "2025-01-01", "sms")
    assert advertised(world)


def test_a_list_does_not_rewrite_what_was_withdrawn(world: World, tmp_path: Path) -> None:
    listed(world, tmp_path, "2026-11-01", "email")
    withdraw(world)
    listed(world, tmp_path, "2026-11-01", "sms")
    with world.engine.connect() as connection:
        kept = connection.execute(text("SELECT channel, withdrawn_at FROM consents")).all()
    assert [tuple(row) for row in kept] == [("email", WITHDRAWN)]
