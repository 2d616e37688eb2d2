"""Receipts may come in any order, any number of times, together or before their record: the end is the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from channels.contract import Receipt, ReceiptState
from outreach.domain.states import DeliveryState
from outreach.receipts.receiver import Receiver
from outreach.receipts.taking import Told
from outreach.store import deliveries
from outreach.store.deliveries import Change
from tests.world import SMS, World

CAMPAIGN = """
    campaign: thu
    title: Thử
    issuer: UBND xã
    starts: 2026-01-01
    ends: 2027-12-31
    messages:
      - {id: chao, segment: {kind: person}, text: {sms: "Kinh chao", email: {subject: Chào, body: Kính chào}},
         channels: [sms, email], schedule: {at: launch}}
"""
EXAMPLES = 80
RECORD = "record"
"""Our own record that the provider took it, which a receipt may be faster than."""
STATES = {
    "sent": ReceiptState.ACCEPTED,
    "failed": ReceiptState.FAILED,
    "refused": ReceiptState.FAILED,
    "delivered": ReceiptState.DELIVERED,
    "read": ReceiptState.READ,
}
"""What a provider may say, in the order in which it happens."""


@dataclass
class Post:
    """People who were written to one by one, each looked at alone."""

    world: World
    receiver: Receiver
    waiting: list[Any]

    def tell(self, told: Sequence[Sequence[str]], *, by_key: bool) -> tuple[Any, ...]:
        """Let the next delivery hear these in batches; how it stands in the end."""
        row = self.waiting.pop()
        for batch in told:
            receipts = [Told(SMS, [self._receipt(row, word, by_key)]) for word in batch if word != RECORD]
            if RECORD in batch:
                self._record(row)
            answers = self.receiver.take_all(receipts)
            assert not any(isinstance(answer, Exception) for answer in answers)
        self.receiver.replay()
        return self._standing(row)

    def _receipt(self, row: Any, word: str, by_key: bool) -> Receipt:
        key = f"{row.run_id}.{row.id}.0" if by_key else ""
        return Receipt(
            f"SM{row.id}:{word}", self.world.clock.now(), key=key, provider_id=f"SM{row.id}", state=STATES[word],
            code={"failed": "30005", "refused": "21610"}.get(word, ""), opted_out=word == "refused",
        )  # fmt: skip

    def _record(self, row: Any) -> None:
        with self.world.engine.begin() as connection:
            change = Change(row.run_id, row.id, DeliveryState.ACCEPTED, provider_id=f"SM{row.id}")
            deliveries.advance(connection, [change], now=self.world.clock.now())

    def _standing(self, row: Any) -> tuple[Any, ...]:
        with self.world.engine.connect() as connection:
            found = connection.execute(
                text(
                    """
                    SELECT d.state, d.reason, d.proved, d.cascade_at IS NULL AS ended,
                        (SELECT count(*) FROM reached r WHERE r.contact_id = d.recipient_id) AS reached,
                        (SELECT count(*) FROM suppressions s WHERE s.fingerprint = d.fingerprint) AS barred,
                        (SELECT count(*) FROM raw_events e WHERE e.provider_id = :sid AND e.applied_at IS NULL) AS left
                    FROM deliveries d WHERE d.run_id = :run AND d.id = :id
                    """
                ),
                {"run": row.run_id, "id": row.id, "sid": f"SM{row.id}"},
            ).one()
            return tuple(found)


@pytest.fixture
def post(world: World) -> Post:
    for n in range(2 * EXAMPLES + 50):
        world.person(f"Người {n:04}", phone=f"+8491210{n:04}", email=f"n{n}@example.vn")
    world.launch(CAMPAIGN)
    world.plan()
    rows = world.rows("d.channel = 'sms'")
    with world.engine.begin() as connection:
        claimed = [Change(row.run_id, row.id, DeliveryState.SENDING) for row in rows]
        deliveries.advance(connection, claimed, now=world.clock.now())
    return Post(world, Receiver(world.engine, {}, {"sms-main": SMS}, world.keys, world.clock), rows)


@st.composite
def disorder(draw: st.DrawFn) -> tuple[list[str], list[list[str]], bool]:
    """(what is said, in its order; the same shuffled, repeated and in batches; whether our key is given back)."""
    said = [word for word in STATES if draw(st.booleans())] or ["delivered"]
    repeated = draw(st.lists(st.sampled_from([*said, RECORD]), max_size=5))
    shuffled = draw(st.permutations([RECORD, *said, *repeated]))
    batches: list[list[str]] = [[]]
    for word in shuffled:
        batches[-1].append(word)
        if draw(st.booleans()):
            batches.append([])
    return said, batches, draw(st.booleans())


def test_any_order_and_repetition_of_receipts_ends_as_the_ordered_sequence(post: Post) -> None:
    @settings(max_examples=EXAMPLES, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(disorder())
    def same(case: tuple[list[str], list[list[str]], bool]) -> None:
        said, batches, by_key = case
        if len(post.waiting) < 2:
            return  # shrinking a failure takes more tries than there are people
        ordered = post.tell([[word] for word in (RECORD, *said)], by_key=by_key)
        assert post.tell(batches, by_key=by_key) == ordered

    same()
    assert post.world.counts_agree()


@pytest.mark.parametrize("by_key", [True, False], ids=["by our key", "by the provider's id alone"])
def test_the_ordered_sequence_is_what_it_should_be(post: Post, by_key: bool) -> None:
    def end(*words: str) -> tuple[Any, ...]:
        return post.tell([[word] for word in (RECORD, *words)], by_key=by_key)

    assert end("sent") == ("accepted", None, False, False, 0, 0, 0)
    assert end("sent", "delivered", "read") == ("read", None, True, True, 1, 0, 0)
    assert end("sent", "failed") == ("failed", "rejected", False, False, 0, 0, 0)
    assert end("refused") == ("failed", "rejected", False, False, 0, 1, 0)
    assert end("failed", "delivered") == ("delivered", None, True, True, 1, 0, 0)
