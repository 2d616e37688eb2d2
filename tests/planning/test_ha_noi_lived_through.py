"""The plan of Hà Nội for 2025 lived through on a virtual clock: each group gets what is meant for it."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from outreach.domain.definition import Definition, calendar, load_definition, shifted
from outreach.domain.schedule import At
from outreach.domain.segment_file import load_segments
from outreach.domain.states import DeliveryState
from outreach.domain.template_files import TemplateFolder
from outreach.domain.words import Channel
from outreach.planning import actions
from outreach.planning.forecast import forecast
from outreach.store.versions import read_version
from tests.world import World, account

PROJECT = Path(__file__).parents[2]
STARTING = date(2026, 11, 24)
ZALO = account("zalo", Channel.ZALO_OA, DeliveryState.DELIVERED, provider="zalo")
ZNS = account("zns", Channel.ZALO_ZNS, DeliveryState.DELIVERED, provider="zalo")
BOT = account("bot", Channel.TELEGRAM, DeliveryState.ACCEPTED, provider="telegram")


@pytest.fixture
def city(world: World) -> World:
    """One person of each group with a phone and an e-mail address, and a case that is due in the first month."""
    world.accounts = {**world.accounts, **{one.name: one for one in (ZALO, ZNS, BOT)}}
    world.person("Cụ Hùng", phone="+84912000001", born=date(1950, 1, 1))
    world.person("Chị Mơ", phone="+84912000002", email="mo@example.vn", unit="00454", born=date(1985, 1, 1))
    world.person("Anh Tú", phone="+84912000003", email="tu@example.vn", unit="00004", born=date(1985, 1, 1))
    world.person("An Phát", phone="+84912000004", email="ap@example.vn", unit="00004", kind="business", born=None)
    world.person("Em Bảo", phone="+84912000005", email="bao@example.vn", unit="00004", born=date(2005, 1, 1))
    world.person("Cô Thư", phone="+84912000006", email="thu@example.vn", unit="00004", born=date(1980, 1, 1))
    with world.engine.begin() as connection:
        for name, column in (("Em Bảo", "occupation = 'student'"), ("Cô Thư", "occupation = 'civil_servant'")):
            connection.execute(text(f"UPDATE contacts SET {column} WHERE full_name = :name"), {"name": name})
        connection.execute(text("UPDATE contacts SET tags = '{vulnerable}' WHERE full_name = 'Cụ Hùng'"))
    world.case("Anh Tú", datetime(2026, 12, 15, 3, 0, tzinfo=UTC))
    return world


def loaded(world: World) -> Definition:
    folder = TemplateFolder(PROJECT / "templates")
    segments = load_segments(PROJECT / "campaigns" / "segments.yaml")
    file = PROJECT / "campaigns" / "ha-noi-2025.yaml"
    definition = load_definition(file, segments=segments, templates=folder).definition
    assert definition is not None
    templates = {message.id: folder.get(message.template) for message in definition.messages}
    actions.load(world.engine, definition, templates=templates, segments=segments, source_text="", who="staff@demo.vn")
    return definition


def lived_through(world: World) -> Definition:
    """Launched with all its dates moved, and planned at every date of its calendar."""
    definition = loaded(world)
    actions.submit(world.engine, definition.slug, who="staff@demo.vn")
    world.approve(definition.slug)
    prepared = actions.prepare_launch(world.engine, definition.slug, world.clock, starting=STARTING)
    actions.launch(world.engine, prepared, world.clock, who="staff@demo.vn")
    moved = shifted(definition, prepared.shift_days)
    reminders = [datetime(2026, 12, day, hour, 31, tzinfo=UTC) for day, hour in ((8, 2), (14, 1))]
    for moment in sorted([*(moment for moment, _ in calendar(moved, world.clock.now())), *reminders]):
        world.clock.advance(max(moment - world.clock.now(), timedelta(0)) + timedelta(minutes=1))
        world.plan()
    return moved


def test_every_message_runs_on_all_its_days_and_each_reaches_its_group(city: World) -> None:
    moved = lived_through(city)
    runs = [(run.message, run.state) for run in city.runs()]
    assert {message for message, _ in runs} == {message.id for message in moved.messages}
    dated = {one.id: len(one.schedule.moments) for one in moved.messages if isinstance(one.schedule, At)}
    assert {name: sum(message == name for message, _ in runs) for name in dated} == dated, "moving loses no date"
    assert len(runs) == 32
    assert {state for _, state in runs} <= {"sending", "done"}, "none is expired or held"
    planned = {(row.message, row.name, row.channel) for row in city.rows("d.state <> 'suppressed'")}
    assert {
        ("gioi-thieu-do-thi", "Anh Tú", "email"),
        ("gioi-thieu-nguoi-cao-tuoi", "Cụ Hùng", "sms"),
        ("gioi-thieu-doanh-nghiep", "An Phát", "email"),
        ("gioi-thieu-hoc-sinh-sinh-vien", "Em Bảo", "email"),
        ("can-bo-di-dau", "Cô Thư", "email"),
        ("ho-tro-nguoi-yeu-the", "Cụ Hùng", "sms"),
        ("nhac-lich-hen", "Anh Tú", "zalo_zns"),
        ("tinh-trang-ho-so", "Anh Tú", "zalo_zns"),
        ("gioi-thieu-nong-thon", None, "loudspeaker"),
    } <= planned


def test_its_forecast_has_a_text_for_every_channel_and_only_the_sample_to_warn_of(city: World) -> None:
    definition = loaded(city)
    with city.engine.connect() as connection:
        frozen = read_version(connection, definition.slug, 1, 0)
    foreseen = forecast(city.engine, frozen, city.accounts, city.clock.now())
    assert [
        (one.message, sample.problem) for one in foreseen.messages for sample in one.samples if sample.problem
    ] == []
    assert [len(one.samples) for one in foreseen.messages] == [len(one.channels) for one in definition.messages]
    (warning,) = foreseen.warnings
    assert "its text in tyz" in warning
