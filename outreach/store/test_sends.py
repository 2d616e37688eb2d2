"""Test sends: deliveries of a kind of their own, under a campaign that nobody is shown, forgotten after a day.

Their recipient is no contact, so no segment, audience, cap or reach can hold them; their run belongs to no campaign of
a person, so no count can.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, func, insert, select, text

from outreach.domain.lifecycle import CampaignState, RunState, VersionState
from outreach.domain.states import DeliveryState
from outreach.domain.words import CascadeMode, Channel, Lane, MessageClass, RecipientKind
from outreach.store.campaigns import TESTS
from outreach.store.tables import campaign_versions, deliveries, run_counts, runs, test_sends

TITLE = "Tin nhắn thử"
"""What the page of an unsubscribe link calls it."""
KEPT = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class NewTest:
    """A test to be stored. `definition` and `template` are the version's content (JSON), `digest` its hash.

    `fingerprints`: of the address under every key version, newest first; `value` and `who` (the recipient whose text it
    is, as JSON) are sealed under the newest.
    """

    account: str
    channel: Channel
    message: str
    message_class: MessageClass
    definition: Mapping[str, Any]
    template: Mapping[str, Any]
    digest: str
    fingerprints: Sequence[tuple[int, bytes]]
    value: bytes
    who: bytes
    mark: str
    trial: bool


@dataclass(frozen=True, slots=True)
class TestState:
    """How a test stands."""

    __test__ = False

    state: DeliveryState
    reason: str | None
    code: str | None
    parts: int | None
    attempt: int
    proved: bool


_CAMPAIGN = text(
    """
    INSERT INTO campaigns (slug, title, state, version, timezone, starts, ends)
    VALUES (:slug, :title, :running, 0, 'Asia/Ho_Chi_Minh', '2020-01-01', '2999-12-31') ON CONFLICT DO NOTHING
    """
)


def take_turn(connection: Connection) -> int:
    """Wait until no other test is being made, until the transaction ends; returns the number of the next one."""
    connection.execute(_CAMPAIGN, {"slug": TESTS, "title": TITLE, "running": str(CampaignState.RUNNING)})
    return int(
        connection.execute(
            text("UPDATE campaigns SET version = version + 1 WHERE slug = :slug RETURNING version"), {"slug": TESTS}
        ).scalar_one()
    )


def made_since(connection: Connection, since: datetime) -> int:
    """How many tests have been made since then."""
    query = select(func.count()).select_from(test_sends).where(test_sends.c.made_at > since)
    return int(connection.execute(query).scalar_one())


def add(
    connection: Connection, n: int, new: NewTest, *, now: datetime, patience: timedelta, sent_by: str
) -> tuple[int, int]:
    """Store test number `n` and plan its delivery, due now and for `patience`; returns (run, delivery)."""
    connection.execute(
        insert(campaign_versions).values(
            slug=TESTS, n=n, state=str(VersionState.APPROVED), hash=new.digest, definition=dict(new.definition),
            templates={new.message: dict(new.template)}, segments={}, source_text="", author=sent_by,
        )
    )  # fmt: skip
    run = connection.execute(
        insert(runs)
        .values(
            # The moment makes a run unlike any other; no schedule reads it.
            campaign=TESTS, message=new.message, scheduled_for=text("clock_timestamp()"), version=n,
            state=str(RunState.SENDING), lane=str(Lane.REPLY), steps=[str(new.channel)], mode=str(CascadeMode.ALL),
            wait_s=0, not_after_s=int(patience.total_seconds()), planned_at=now, gathered=True, trial=new.trial,
            **{"class": str(new.message_class)},
        )
        .returning(runs.c.id)
    ).scalar_one()  # fmt: skip
    recipient = connection.execute(
        insert(test_sends)
        .values(
            run_id=run, key_version=new.fingerprints[0][0], fingerprint=new.fingerprints[0][1],
            older=[one for _, one in new.fingerprints[1:]], value=new.value, who=new.who, mark=new.mark,
            sent_by=sent_by, made_at=now,
        )
        .returning(test_sends.c.id)
    ).scalar_one()  # fmt: skip
    delivery = connection.execute(
        insert(deliveries)
        .values(
            run_id=run, recipient_kind=str(RecipientKind.TEST), recipient_id=recipient, channel=str(new.channel),
            step=0, account=new.account, lane=str(Lane.REPLY), state=str(DeliveryState.PLANNED), due_at=now,
            next_attempt_at=now, expires_at=now + patience,
        )
        .returning(deliveries.c.id)
    ).scalar_one()  # fmt: skip
    connection.execute(
        insert(run_counts).values(run_id=run, channel=str(new.channel), state=str(DeliveryState.PLANNED), shard=0, n=1)
    )
    return int(run), int(delivery)


def standing(connection: Connection, run: int, delivery: int) -> TestState:
    """How a test stands; raises sqlalchemy.exc.NoResultFound for one that is forgotten."""
    row = connection.execute(
        text(
            "SELECT state, reason, code, parts, attempt, proved FROM deliveries"
            " WHERE run_id = :run AND id = :id AND recipient_kind = 'test'"
        ),
        {"run": run, "id": delivery},
    ).one()
    return TestState(DeliveryState(row.state), row.reason, row.code, row.parts, row.attempt, row.proved)


_OLD = "SELECT r.id FROM runs r JOIN test_sends y ON y.run_id = r.id WHERE r.campaign = :slug AND y.made_at < :before"

_FORGET = (
    "DELETE FROM raw_events e USING deliveries d WHERE d.run_id = ANY(CAST(:runs AS bigint[]))"
    " AND (e.run_id = d.run_id OR (e.account = d.account AND e.provider_id = d.provider_id))",
    "DELETE FROM deliveries WHERE run_id = ANY(CAST(:runs AS bigint[])) AND recipient_kind = 'test'",
    "DELETE FROM run_counts WHERE run_id = ANY(CAST(:runs AS bigint[]))",
    "DELETE FROM campaign_versions WHERE slug = :slug AND n IN (SELECT version FROM runs"
    " WHERE id = ANY(CAST(:runs AS bigint[])))",
    "DELETE FROM test_sends WHERE run_id = ANY(CAST(:runs AS bigint[]))",
    "DELETE FROM runs WHERE id = ANY(CAST(:runs AS bigint[]))",
)


def purge(connection: Connection, now: datetime) -> int:
    """Forget tests older than a day with all that came of them, addresses and texts too; returns how many."""
    old = list(connection.execute(text(_OLD), {"slug": TESTS, "before": now - KEPT}).scalars())
    for statement in _FORGET if old else ():
        values = {"runs": old, "slug": TESTS} if ":slug" in statement else {"runs": old}
        connection.execute(text(statement), values)
    return len(old)
