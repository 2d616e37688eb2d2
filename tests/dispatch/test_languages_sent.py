"""From the language of a contact to the SMS in the provider's hands."""

from __future__ import annotations

from textwrap import dedent

from sqlalchemy import text

from outreach.dispatch.drain import Dispatcher
from outreach.domain.definition import read_definition
from outreach.domain.rendering import TemplateSource
from outreach.domain.words import Lane
from outreach.planning import actions
from tests.processes import Sandbox
from tests.world import World

CAMPAIGN = dedent(
    """
    campaign: thu
    title: Thử
    issuer: UBND xã
    starts: 2026-01-01
    ends: 2027-12-31
    messages:
      - {id: chao, segment: {kind: person}, text: {sms: "x"}, channels: [sms], schedule: {at: launch}}
    """
)
TEXTS = {"vi": "Kinh chao ba con", "hmn": "Nyob zoo", "tyz": "Chao pi noong"}


def speaks(world: World, name: str, phone: str, language: str | None) -> None:
    world.person(name, phone=phone)
    with world.engine.begin() as connection:
        connection.execute(
            text("UPDATE contacts SET language = coalesce(:language, language) WHERE full_name = :name"),
            {"language": language, "name": name},
        )


def launch(world: World, samples: tuple[str, ...]) -> None:
    definition = read_definition(CAMPAIGN.encode(), "thu.yaml", segments={}).definition
    assert definition is not None
    source = TemplateSource("chao", "", {}, {"sms": TEXTS}, samples)
    actions.load(
        world.engine, definition, templates={"chao": source}, segments={}, source_text=CAMPAIGN, who="staff@demo.vn"
    )
    actions.submit(world.engine, "thu", who="staff@demo.vn")
    world.approve("thu")
    prepared = actions.prepare_launch(world.engine, "thu", world.clock, starting=None)
    actions.launch(world.engine, prepared, world.clock, who="staff@demo.vn")
    world.plan()


def test_everybody_is_written_to_in_their_language_and_nobody_gets_a_sample(
    world: World, dispatcher: Dispatcher, box: Sandbox
) -> None:
    wanted = {
        ("An", "+84912000101", None): "Kinh chao ba con",
        ("Mỷ", "+84912000102", "hmn"): "Nyob zoo",
        ("Sok", "+84912000103", "km"): "Kinh chao ba con",
        ("Pảo", "+84912000104", "tyz"): "Kinh chao ba con",
    }
    for name, phone, language in wanted:
        speaks(world, name, phone, language)
    launch(world, samples=("tyz",))
    assert dispatcher.drain("sms-main", Lane.BULK).sent == 4
    got = {entry.to: entry.body for entry in box.accepted()}
    assert got == {phone: said for (_, phone, _), said in wanted.items()}
