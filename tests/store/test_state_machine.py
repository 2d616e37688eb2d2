"""Any order and repetition of records and receipts ends in the same state; nothing leaves a final state downwards."""

from __future__ import annotations

from itertools import permutations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from outreach.domain import lifecycle
from outreach.domain.lifecycle import CampaignAction, CampaignState, IllegalTransition, RunState
from outreach.domain.states import NEVER_SENT, RANK, DeliveryState, advance, proofs, proved, sources
from outreach.store import deliveries
from outreach.store.deliveries import Change
from tests.world import World

SAID = (DeliveryState.ACCEPTED, DeliveryState.FAILED, DeliveryState.DELIVERED, DeliveryState.READ)
WORDS = st.lists(st.sampled_from(SAID), min_size=1, max_size=8)

CAMPAIGN = """
    campaign: thu
    title: Thử
    issuer: UBND xã
    starts: 2026-01-01
    ends: 2027-12-31
    messages:
      - {id: chao, segment: {kind: person}, text: {sms: "Kinh chao"}, channels: [sms], schedule: {at: launch}}
"""


@given(WORDS, st.randoms())
def test_the_order_of_what_is_said_does_not_matter(said: list[DeliveryState], chance: object) -> None:
    def end(words: list[DeliveryState]) -> DeliveryState:
        state = DeliveryState.SENDING
        for word in words:
            state = advance(state, word)
        return state

    shuffled = [*list(said), said[0]]
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    assert end(said) == end(shuffled) == max(said, key=lambda state: RANK[state])


@given(st.sampled_from(DeliveryState), st.sampled_from(DeliveryState))
def test_nothing_leaves_a_final_state_downwards(before: DeliveryState, word: DeliveryState) -> None:
    after = advance(before, word)
    if before in NEVER_SENT:
        assert after is before
    if before in RANK and after in RANK and before not in (DeliveryState.SENDING,):
        assert RANK[after] >= RANK[before]


@pytest.mark.parametrize("word", SAID)
def test_an_unknown_one_is_settled_by_anything_the_provider_says(word: DeliveryState) -> None:
    assert advance(DeliveryState.UNKNOWN, word) is word


def test_only_success_is_proof() -> None:
    assert proofs(DeliveryState.DELIVERED) == {DeliveryState.DELIVERED, DeliveryState.READ}
    assert proofs(DeliveryState.ACCEPTED) == {DeliveryState.ACCEPTED, DeliveryState.DELIVERED, DeliveryState.READ}
    assert not proved(DeliveryState.FAILED, DeliveryState.ACCEPTED)


def test_the_database_moves_a_delivery_as_the_rule_says(world: World) -> None:
    """Every pair of states, on one row each: SQL and rule agree, and so do the counters."""
    for number in range(len(DeliveryState) ** 2):
        world.person(f"P{number:03d}", phone=f"+8491{number:07d}")
    world.launch(CAMPAIGN)
    world.plan()
    rows = iter(world.rows())
    with world.engine.begin() as connection:
        for before in DeliveryState:
            for word in DeliveryState:
                row = next(rows)
                for step in _way_to(before):
                    deliveries.advance(connection, [Change(row.run_id, row.id, step)], now=world.clock.now())
                deliveries.advance(connection, [Change(row.run_id, row.id, word)], now=world.clock.now())
                found = connection.exec_driver_sql(
                    "SELECT state FROM deliveries WHERE run_id = %s AND id = %s", (row.run_id, row.id)
                ).scalar_one()
                # What is unknown is planned with the claim it is about alone: tests/dispatch/test_recovery.py.
                nobody = (before, word) == (DeliveryState.UNKNOWN, DeliveryState.PLANNED)
                assert found == (before if nobody else advance(before, word)), f"{before} hears {word}"
    assert world.counts_agree()


def _way_to(state: DeliveryState) -> list[DeliveryState]:
    if state is DeliveryState.PLANNED:
        return []
    if state in NEVER_SENT or state is DeliveryState.SENDING:
        return [state]
    return [DeliveryState.SENDING, state]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(said=WORDS, chance=st.randoms())
def test_in_the_database_too_the_order_does_not_matter(world: World, said: list[DeliveryState], chance: object) -> None:
    number = len(world.people)
    if number == 0:
        for person in range(60):
            world.person(f"P{person:03d}", phone=f"+8491{person:07d}")
        world.launch(CAMPAIGN)
        world.plan()
    unused = world.rows("d.state = 'planned'")
    if len(unused) < 2:
        return
    words = list(said)
    ends = []
    for row in unused[:2]:
        chance.shuffle(words)  # type: ignore[attr-defined]
        with world.engine.begin() as connection:
            deliveries.advance(connection, [Change(row.run_id, row.id, DeliveryState.SENDING)], now=world.clock.now())
        for word in words + words[:1]:
            with world.engine.begin() as connection:
                proves = proved(word, DeliveryState.DELIVERED)
                deliveries.advance(connection, [Change(row.run_id, row.id, word, proves=proves)], now=world.clock.now())
        ends.append(world.rows(f"d.id = {row.id}")[0].state)
    assert ends[0] == ends[1] == max(said, key=lambda state: RANK[state])
    assert world.counts_agree()


@pytest.mark.parametrize(("state", "target"), list(permutations(RunState, 2)))
def test_a_run_takes_only_its_own_ways(state: RunState, target: RunState) -> None:
    if target in lifecycle.RUN[state]:
        lifecycle.run_may_become(state, target)
    else:
        with pytest.raises(IllegalTransition, match=f"a run that is {state} cannot become {target}"):
            lifecycle.run_may_become(state, target)


@pytest.mark.parametrize("state", CampaignState)
@pytest.mark.parametrize("action", CampaignAction)
def test_a_campaign_takes_only_its_own_ways(action: CampaignAction, state: CampaignState) -> None:
    if state in lifecycle.CAMPAIGN[action]:
        assert lifecycle.after(action, state) in CampaignState
    else:
        with pytest.raises(IllegalTransition, match=f"cannot {action} a campaign that is {state}"):
            lifecycle.after(action, state)


def test_ended_campaigns_stay_ended() -> None:
    for ways in lifecycle.CAMPAIGN.values():
        assert CampaignState.FINISHED not in ways
        assert CampaignState.CANCELLED not in ways


def test_every_state_of_a_delivery_can_be_come_by() -> None:
    assert all(sources(state) for state in DeliveryState)
