"""Small populations whose reach can be reckoned by hand, planned and delivered the real way."""

from __future__ import annotations

from textwrap import dedent
from typing import Any

from sqlalchemy import text

from outreach.domain.definition import read_definition
from outreach.domain.rendering import inline_template
from outreach.domain.scope import EVERYTHING, Scope
from outreach.domain.segment_file import read_segments
from outreach.domain.states import DeliveryState, proved
from outreach.planning import actions
from outreach.reach.confirming import Confirmation, confirm
from outreach.reach.report import By, Report, reach
from outreach.store.deliveries import Change, advance
from tests.world import World

SEGMENTS = """\
elderly: {title: Người cao tuổi, where: {age: {min: 60}}}
rural: {title: Nông thôn, where: {unit.urban: false}}
"""

_TEXTS = {
    "sms": '"Kính chào"',
    "email": '{subject: "Chào", body: "Kính chào"}',
    "loudspeaker": '"Kính thưa bà con {{ unit.full_name }}. Xin mời bà con đến bộ phận một cửa."',
}

OFFICER = Scope("01/00454/", "officer@donganh.vn")
RURAL, URBAN = "00454", "00004"


def campaign(*messages: str, head: str = "", slug: str = "thu") -> str:
    """A campaign file with these messages; each is the flow of a YAML map without its braces."""
    lines = "\n".join(f"  - {{{message}}}" for message in messages)
    return f"""
campaign: {slug}
title: Chiến dịch thử
issuer: UBND xã
starts: 2026-01-01
ends: 2027-12-31
{dedent(head)}
messages:
{lines}
"""


def message(
    name: str, channels: str, *, segment: str = "{any: [{kind: person}, {kind: business}]}", more: str = ""
) -> str:
    """A message at launch over these channels, each with a text of its own."""
    texts = ", ".join(f"{channel}: {_TEXTS[channel]}" for channel in channels.split(", "))
    return (
        f"id: {name}, title: Tin {name}, segment: {segment}, channels: [{channels}], schedule: {{at: launch}}, "
        f"text: {{{texts}}}{', ' + more if more else ''}"
    )


class ReachWorld(World):
    """A world that knows named segments, receipts and officers."""

    def load(self, campaign: str, *, who: str = "staff@demo.vn") -> str:
        """As a world's, with the segments `elderly` and `rural`."""
        segments = read_segments(dedent(SEGMENTS).encode(), "segments.yaml").segments
        loaded = read_definition(dedent(campaign).encode(), "test.yaml", segments=segments)
        assert loaded.definition is not None, loaded.errors
        templates = {}
        for one in loaded.definition.messages:
            texts: dict[str, Any] = {
                str(part.channel): {"subject": part.subject, "body": part.body} if part.subject else part.body
                for part in one.texts
            }
            templates[one.id] = inline_template(one.id, texts)
        definition = loaded.definition
        actions.load(self.engine, definition, templates=templates, segments=segments, source_text=campaign, who=who)
        return definition.slug

    def run(self, campaign: str) -> str:
        """Launch a campaign and plan what is due."""
        slug = self.launch(campaign)
        self.plan()
        return slug

    def becomes(self, state: DeliveryState, where: str) -> None:
        """Let a provider say so of the deliveries (planned or further) that fulfil a condition."""
        changes = [
            Change(row.run_id, row.id, state, proves=proved(state, self.accounts[row.account].proof))
            for row in self.rows(f"({where}) AND d.state NOT IN ('suppressed', 'expired', 'cancelled')")
        ]
        assert changes
        with self.engine.begin() as connection:
            advance(connection, changes, now=self.clock.now())

    def read_out(self, unit: str, *, message: str = "") -> list[Confirmation]:
        """Let the officers of a unit's stations confirm their broadcasts (of one message or all)."""
        rows = self.rows(f"d.recipient_kind = 'station' AND d.unit_code = '{unit}'")
        return [
            confirm(self.engine, f"{row.run_id}.{row.id}", clock=self.clock, scope=EVERYTHING, who="officer")
            for row in rows
            if message in ("", row.message)
        ]

    def report(self, by: By | None = None, *, slug: str = "thu", scope: Scope = EVERYTHING, **more: Any) -> Report:
        """The campaign's reach."""
        return reach(self.engine, slug, by=by, clock=self.clock, scope=scope, **more)

    def figures(self, by: By, **more: Any) -> dict[str, tuple[int, int, int | None, int | None]]:
        """Key → (audience, measured, estimated, combined)."""
        return {
            row.key: (row.figures.audience, row.figures.measured, row.figures.estimated, row.figures.combined)
            for row in self.report(by, **more).rows
        }

    def sql(self, statement: str, **values: Any) -> None:
        """Do something to the database."""
        with self.engine.begin() as connection:
            connection.execute(text(statement), values)
