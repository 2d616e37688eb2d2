"""The protocol of claims under every order of claims, writes, crashes, freezes and recoveries.

Every world within a few steps of time is looked at; beyond them Hypothesis wanders.
"""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from tests.chaos.protocol import DROPS_FOR, LEASE, Protocol, State, World, explored

PROVIDERS = {
    "neither drops repetitions nor can be asked": Protocol(),
    "drops repetitions": Protocol(drops_repetitions=True),
    "can be asked": Protocol(can_be_asked=True),
    "both": Protocol(drops_repetitions=True, can_be_asked=True),
}
NEAR = LEASE + 5
"""Steps of time within which every world is looked at: a lease runs out, and what was left is sent again."""
FAR = LEASE + 1 + DROPS_FOR + 2
"""Steps after which a provider has forgotten what a recovery has sent again."""
WANDERING = settings(
    max_examples=300, stateful_step_count=60, deadline=None, derandomize=True, database=None,
    suppress_health_check=list(HealthCheck), phases=[Phase.generate],
)  # fmt: skip


def wanderer(protocol: Protocol) -> type[RuleBasedStateMachine]:
    """A state machine whose one step is something that can happen next, or a long time in which nothing does."""

    class Wanderer(RuleBasedStateMachine):
        def __init__(self) -> None:
            super().__init__()
            self.world = World(protocol)

        @rule(data=st.data())
        def something(self, data: st.DataObject) -> None:
            self.world.does(*data.draw(st.sampled_from(self.world.possible())))

        @rule(steps=st.sampled_from([LEASE + 1, DROPS_FOR]))
        def nothing(self, steps: int) -> None:
            for _ in range(steps):
                self.world.tick()

        @invariant()
        def nobody_gets_two(self) -> None:
            assert len(self.world.taken) <= 1

        @invariant()
        def what_counts_as_sent_was_sent(self) -> None:
            assert self.world.taken or self.world.row.state is not State.ACCEPTED

        def teardown(self) -> None:
            self.world.settle()
            assert len(self.world.taken) <= 1
            assert self.world.row.state in (State.ACCEPTED, State.UNKNOWN), "nobody is forgotten"

    return Wanderer


def somebody_gets_two(protocol: Protocol, until: int) -> bool:
    return any(len(world.taken) > 1 for world in explored(protocol, until=until))


@pytest.mark.parametrize("name", PROVIDERS)
def test_in_no_order_of_things_does_anybody_get_two(name: str) -> None:
    assert not somebody_gets_two(PROVIDERS[name], NEAR)


@pytest.mark.parametrize("name", PROVIDERS)
def test_wandering_far_nobody_gets_two_and_nobody_is_forgotten(name: str) -> None:
    run_state_machine_as_test(wanderer(PROVIDERS[name]), settings=WANDERING)


@pytest.mark.parametrize(
    ("name", "guards"),
    [
        *((name, ["state_predicate"]) for name in PROVIDERS),
        ("drops repetitions", ["deadline"]),
        ("can be asked", ["deadline", "proof_of_death"]),
    ],
)
def test_without_a_guard_somebody_gets_two(name: str, guards: list[str]) -> None:
    assert somebody_gets_two(replace(PROVIDERS[name], **dict.fromkeys(guards, False)), FAR)


def test_the_model_notices_by_wandering_too_that_the_state_was_not_looked_at() -> None:
    without = replace(PROVIDERS["can be asked"], state_predicate=False)
    with pytest.raises(AssertionError):
        run_state_machine_as_test(wanderer(without), settings=WANDERING)


@pytest.mark.parametrize("name", ["drops repetitions", "can be asked"])
def test_a_freeze_between_the_look_and_the_write_is_the_window_that_remains_where_something_is_sent_again(
    name: str,
) -> None:
    """Where a provider can be asked, a kill right after that write, and a question before it arrives, come on top."""
    assert somebody_gets_two(replace(PROVIDERS[name], at_once=False), FAR)


def test_where_nothing_is_sent_again_not_even_that_freeze_sends_anything_twice() -> None:
    assert not somebody_gets_two(replace(PROVIDERS["neither drops repetitions nor can be asked"], at_once=False), NEAR)
