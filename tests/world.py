"""A small world for tests of planning, dispatch and receipts: units, people and campaigns on the real database."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from textwrap import dedent
from typing import Any

from sqlalchemy import Engine, text

from outreach.domain.accounts import Account
from outreach.domain.clock import VirtualClock
from outreach.domain.definition import read_definition
from outreach.domain.privacy import KeyRing
from outreach.domain.rendering import inline_template
from outreach.domain.sms_text import TextForm
from outreach.domain.states import DeliveryState
from outreach.domain.words import Channel
from outreach.planning import actions
from outreach.planning.forecast import forecast
from outreach.planning.occurrences import schedule_due
from outreach.planning.planner import plan_scheduled
from outreach.store.versions import read_version


def account(
    name: str = "sms-main",
    channel: Channel = Channel.SMS,
    proof: DeliveryState = DeliveryState.DELIVERED,
    **values: Any,
) -> Account:
    """An account with everything filled in."""
    fixed: dict[str, Any] = {
        "name": name, "channels": (channel,), "provider": "twilio", "rate": 1000.0, "burst": 1000, "price": 350,
        "weight": 1, "unit": "", "text_form": TextForm.CHEAPEST, "proof": proof, "receipts": True,
        "deduplicates_for": 0, "can_ask": False, "tracks": True,
    }  # fmt: skip
    return Account(**{**fixed, **values})


SMS = account()
EMAIL = account("mail", Channel.EMAIL, DeliveryState.ACCEPTED, provider="smtp", price=10, receipts=False)
STATION = account("loudspeaker", Channel.LOUDSPEAKER, provider="station", price=0, receipts=False)
ACCOUNTS: Mapping[str, Account] = {one.name: one for one in (SMS, EMAIL, STATION)}


@dataclass
class World:
    """A database with a province (01), two communes (one rural, one urban) and a station in each."""

    engine: Engine
    keys: KeyRing
    clock: VirtualClock
    accounts: Mapping[str, Account] = field(default_factory=lambda: dict(ACCOUNTS))
    people: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        with self.engine.begin() as connection:
            connection.execute(
                text(
                    """
                    INSERT INTO units (code, parent, path, name, kind, urban, search_key, sort_key, valid_from) VALUES
                    ('01', NULL, '01/', 'Hà Nội', 'thanh_pho', true, 'ha noi', 'ha noi', '2025-07-01'),
                    ('00454', '01', '01/00454/', 'Đông Anh', 'xa', false, 'dong anh', 'dong anh', '2025-07-01'),
                    ('00004', '01', '01/00004/', 'Ba Đình', 'phuong', true, 'ba dinh', 'ba dinh', '2025-07-01');
                    INSERT INTO stations (unit_code, name, earshot, slots, is_default) VALUES
                    ('00454', 'Đài Đông Anh', 2, '[{"from": "17:00", "to": "17:30"}]', true),
                    ('00004', 'Đài Ba Đình', 1000, '[{"from": "17:00", "to": "17:30"}]', true)
                    """
                )
            )

    def person(
        self,
        name: str,
        *,
        phone: str | None = None,
        email: str | None = None,
        born: date | None = date(1980, 1, 1),
        unit: str | None = "00454",
        guardian: str | None = None,
        kind: str = "person",
    ) -> int:
        """Add somebody; returns their contact id."""
        with self.engine.begin() as connection:
            contact = connection.execute(
                text(
                    "INSERT INTO contacts (source, external_id, identity, full_name, search_key, sort_key, birth_date,"
                    " sex, unit_code, guardian_id, kind) VALUES ('main', :name, :identity, :name, :name, :name, :born,"
                    " 'male', :unit, :guardian, :kind) RETURNING id"
                ),
                {
                    "name": name, "identity": name.encode(), "born": born, "unit": unit, "kind": kind,
                    "guardian": None if guardian is None else self.people[guardian],
                },
            ).scalar_one()  # fmt: skip
            for channel, value in (("sms", phone), ("email", email)):
                if value is not None:
                    connection.execute(
                        text(
                            "INSERT INTO addresses (contact_id, channel, fingerprint, key_version, value)"
                            " VALUES (:contact, :channel, :fingerprint, :version, :value)"
                        ),
                        {
                            "contact": contact, "channel": channel, "fingerprint": self.keys.fingerprint(value),
                            "version": self.keys.version, "value": self.keys.seal(value),
                        },
                    )  # fmt: skip
        self.people[name] = int(contact)
        return int(contact)

    def case(self, owner: str, due: datetime, *, name: str = "H1", state: str = "open") -> int:
        """Add a case of somebody."""
        with self.engine.begin() as connection:
            return int(
                connection.execute(
                    text(
                        "INSERT INTO cases (source, external_id, contact_id, title, state, due_at)"
                        " VALUES ('main', :name, :contact, 'Hộ tịch', :state, :due) RETURNING id"
                    ),
                    {"name": name, "contact": self.people[owner], "state": state, "due": due},
                ).scalar_one()
            )

    def load(self, campaign: str, *, who: str = "staff@demo.vn") -> str:
        """Load a campaign given as YAML; returns its slug."""
        loaded = read_definition(dedent(campaign).encode(), "test.yaml", segments={})
        assert loaded.definition is not None, loaded.errors
        templates = {}
        for message in loaded.definition.messages:
            texts: dict[str, Any] = {
                str(one.channel): {"subject": one.subject, "body": one.body} if one.subject else one.body
                for one in message.texts
            }
            templates[message.id] = inline_template(message.id, texts)
        actions.load(self.engine, loaded.definition, templates=templates, segments={}, source_text=campaign, who=who)
        return loaded.definition.slug

    def launch(self, campaign: str, *, starting: date | None = None, reason: str = "a drill") -> str:
        """Load, submit, approve as a second person and launch."""
        slug = self.load(campaign)
        actions.submit(self.engine, slug, who="staff@demo.vn")
        self.approve(slug)
        prepared = actions.prepare_launch(self.engine, slug, self.clock, starting=starting)
        actions.launch(self.engine, prepared, self.clock, who="staff@demo.vn", reason=reason)
        return slug

    def approve(self, slug: str) -> None:
        """Approve the newest version as a second person."""
        with self.engine.connect() as connection:
            n = connection.execute(text("SELECT version FROM campaigns WHERE slug = :s"), {"s": slug}).scalar_one()
            frozen = read_version(connection, slug, n, 0)
        figures = forecast(self.engine, frozen, self.accounts, self.clock.now())
        actions.approve(self.engine, slug, figures, n=n, who="leader@demo.vn")

    def plan(self) -> None:
        """Make what is due into runs and plan them."""
        schedule_due(self.engine, self.clock)
        plan_scheduled(self.engine, self.accounts, self.clock)

    def rows(self, where: str = "true") -> list[Any]:
        """Deliveries with the recipient's name, in order."""
        with self.engine.connect() as connection:
            return list(
                connection.execute(
                    text(
                        "SELECT d.*, c.full_name AS name, r.message FROM deliveries d JOIN runs r ON r.id = d.run_id"
                        " LEFT JOIN contacts c ON d.recipient_kind = 'contact' AND c.id = d.recipient_id"
                        f" WHERE {where} ORDER BY d.run_id, d.recipient_kind, c.full_name, d.step, d.subject_id"
                    )
                )
            )

    def states(self, where: str = "true") -> list[tuple[str | None, str, str, str | None]]:
        """(name, channel, state, reason) of deliveries, in order."""
        return [(row.name, row.channel, row.state, row.reason) for row in self.rows(where)]

    def runs(self) -> list[Any]:
        """All runs, oldest first."""
        with self.engine.connect() as connection:
            return list(connection.execute(text("SELECT * FROM runs ORDER BY scheduled_for, id")))

    def counts_agree(self) -> bool:
        """Whether the counters say what the rows say."""
        with self.engine.connect() as connection:
            wrong = connection.execute(
                text(
                    """
                    SELECT count(*) FROM (
                        SELECT run_id, channel, state, count(*) AS n FROM deliveries GROUP BY 1, 2, 3) d
                    FULL JOIN (SELECT run_id, channel, state, sum(n) AS n FROM run_counts GROUP BY 1, 2, 3
                        HAVING sum(n) <> 0) k USING (run_id, channel, state) WHERE d.n IS DISTINCT FROM k.n
                    """
                )
            ).scalar_one()
            trouble = connection.execute(
                text(
                    """
                    SELECT count(*) FROM (
                        SELECT run_id, account, channel, state, coalesce(reason, '') AS reason,
                            coalesce(code, '') AS code, count(*) AS n
                        FROM deliveries WHERE state IN ('failed', 'unknown')
                            OR (state = 'planned' AND reason IN ('transient', 'throttled', 'misconfigured'))
                        GROUP BY 1, 2, 3, 4, 5, 6) d
                    FULL JOIN (SELECT run_id, account, channel, state, reason, code, sum(n) AS n FROM error_counts
                        GROUP BY 1, 2, 3, 4, 5, 6 HAVING sum(n) <> 0) k
                        USING (run_id, account, channel, state, reason, code) WHERE d.n IS DISTINCT FROM k.n
                    """
                )
            ).scalar_one()
        return bool(wrong == 0 and trouble == 0)

    def barred(self) -> list[Any]:
        """The suppressions."""
        with self.engine.connect() as connection:
            return list(connection.execute(text("SELECT * FROM suppressions ORDER BY created_at")))

    def later(self, **by: float) -> None:
        """Let time pass."""
        self.clock.advance(timedelta(**by))
