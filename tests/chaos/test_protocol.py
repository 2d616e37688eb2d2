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
NEAR = {False: LEASE + 4, True: LEASE + 2}
"""Steps of time within which every world is looked at (fewer where the provider drops repetitions, as there are many):
a lease runs out, and what was left is sent again."""
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
            asked = protocol.can_be_asked and not protocol.drops_repetitions
            assert self.world.row.state is State.ACCEPTED or not asked, "who can be asked leaves nothing unknown"

    return Wanderer


def somebody_gets_two(protocol: Protocol, until: int | None = None) -> bool:
    worlds = explored(protocol, until=until or NEAR[protocol.drops_repetitions])
    return any(len(world.taken) > 1 for world in worlds)


@pytest.mark.parametrize("name", PROVIDERS)
def test_in_no_order_of_things_does_anybody_get_two(name: str) -> None:
    assert not somebody_gets_two(PROVIDERS[name])


@pytest.mark.parametrize("name", PROVIDERS)
def test_wandering_far_nobody_gets_two_and_nobody_is_forgotten(name: str) -> None:
    run_state_machine_as_test(wanderer(PROVIDERS[name]), settings=WANDERING)


@pytest.mark.parametrize("guard", ["deadline", "wire_ends"])
def test_without_a_guard_somebody_gets_two(guard: str) -> None:
    assert somebody_gets_two(replace(PROVIDERS["can be asked"], **{guard: False}))


@pytest.mark.parametrize("guard", ["deadline", "at_once", "clock_counts"])
def test_where_repetitions_are_dropped_only_who_wakes_after_the_provider_has_forgotten_sends_a_second_one(
    guard: str,
) -> None:
    without = replace(PROVIDERS["drops repetitions"], **{guard: False})
    assert any(len(world.taken) > 1 for world in explored(without, until=FAR, restarts=0, near_first=False))


@pytest.mark.parametrize("name", [name for name, one in PROVIDERS.items() if not one.drops_repetitions])
def test_without_a_look_at_the_state_somebody_gets_two(name: str) -> None:
    without = replace(PROVIDERS[name], state_predicate=False)
    with pytest.raises(AssertionError):
        run_state_machine_as_test(wanderer(without), settings=WANDERING)


def test_a_freeze_between_the_look_and_the_write_and_a_kill_right_after_it_is_what_remains_where_one_can_be_asked() -> (
    None
):
    assert somebody_gets_two(replace(PROVIDERS["can be asked"], at_once=False))


def test_where_a_clock_stands_still_with_its_sender_only_the_proof_that_it_is_done_keeps_a_second_one_back() -> None:
    """A virtual machine that is paused from outside: why what is unknown is not sent again for its age alone."""
    paused = replace(PROVIDERS["can be asked"], clock_counts=False, arrives_at_once=True)
    assert not somebody_gets_two(paused)
    assert somebody_gets_two(replace(paused, proof_of_death=False))


@pytest.mark.parametrize("window", ["at_once", "wire_ends", "clock_counts"])
def test_where_nothing_is_sent_again_none_of_the_windows_sends_anything_twice(window: str) -> None:
    assert not somebody_gets_two(replace(PROVIDERS["neither drops repetitions nor can be asked"], **{window: False}))
