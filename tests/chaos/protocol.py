"""The protocol of claims as a small model: two senders, a recovery and a provider, in whatever order things befall.

Time goes in whole steps. What each rule may do is what the statements of `claims`, `deliveries` and `recovery` do, no
more; `Protocol` takes a guard out, to see that the model would notice.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from enum import StrEnum

LEASE = 3
DEADLINE = 2
"""Steps after its claim in which a sender may begin to write; the rest of the lease is for the wire."""
ON_THE_WIRE = LEASE - DEADLINE
"""Most steps between the write and the provider's taking it."""
DROPS_FOR = 8
"""Steps for which a provider that drops repetitions knows a key."""


class State(StrEnum):
    PLANNED = "planned"
    SENDING = "sending"
    ACCEPTED = "accepted"
    UNKNOWN = "unknown"


class Step(StrEnum):
    IDLE = "idle"
    PICKED = "picked"
    """It has read a row that was planned, and not yet written it."""
    CLAIMED = "claimed"
    CHECKED = "checked"
    """Its deadline was looked at, the first byte has not left."""
    WRITTEN = "written"


@dataclass(frozen=True)
class Protocol:
    """The guards, and what the provider can do."""

    state_predicate: bool = True
    """A claim changes only what is still planned."""
    deadline: bool = True
    """Nothing is written after the deadline."""
    proof_of_death: bool = True
    """What a provider does not know is sent again only where its sender is proven dead."""
    at_once: bool = True
    """Nothing comes between the look at the deadline and the write."""
    drops_repetitions: bool = False
    can_be_asked: bool = False


@dataclass
class Row:
    """A delivery as the database has it."""

    state: State = State.PLANNED
    child: int = 0
    attempt: int = 0
    claimed_at: int = 0
    lease_until: int = 0
    resend_until: int | None = None


@dataclass
class Sender:
    """A worker child; `child` is a new number after each start."""

    child: int
    alive: bool = True
    frozen: bool = False
    step: Step = Step.IDLE
    attempt: int = 0
    deadline: int = 0


@dataclass
class Wire:
    """A request under way."""

    child: int
    written_at: int


@dataclass
class World:
    """Everything there is; the methods are what can happen."""

    protocol: Protocol
    row: Row = field(default_factory=Row)
    senders: list[Sender] = field(default_factory=lambda: [Sender(1), Sender(2)])
    wires: list[Wire] = field(default_factory=list)
    taken: list[int] = field(default_factory=list)
    """When the provider took a message that it did not drop."""
    now: int = 0
    children: int = 2

    def possible(self) -> list[tuple[str, int]]:
        """What can happen next: the name of a method and the place of the sender it is about."""
        found = [("tick", 0)]
        if self.row.state is State.SENDING and self.row.lease_until < self.now:
            found.append(("recover", 0))
        for place, one in enumerate(self.senders):
            if not one.alive:
                found.append(("start", place))
                continue
            found.append(("wake" if one.frozen else "freeze", place))
            if one.frozen:
                continue
            found.append(("crash", place))
            if one.step is Step.IDLE and self.row.state is State.PLANNED:
                found.append(("pick", place))
            if one.step is Step.WRITTEN and not any(wire.child == one.child for wire in self.wires):
                found.append(("record", place))
            if one.step in (Step.PICKED, Step.CLAIMED, Step.CHECKED):
                found.append(({Step.PICKED: "claim", Step.CLAIMED: "look", Step.CHECKED: "write"}[one.step], place))
        return found

    def copy(self) -> World:
        """The same world once more."""
        senders = [replace(one) for one in self.senders]
        return World(self.protocol, replace(self.row), senders, [*self.wires], [*self.taken], self.now, self.children)

    @property
    def key(self) -> tuple[object, ...]:
        """What tells this world from others."""
        row = self.row
        return (
            self.now, row.state, row.child, row.attempt, row.lease_until, row.resend_until, tuple(self.taken),
            *((one.child, one.alive, one.frozen, one.step, one.attempt, one.deadline) for one in self.senders),
            *((one.child, one.written_at) for one in self.wires),
        )  # fmt: skip

    def does(self, what: str, place: int) -> None:
        """Let one of the possible things happen."""
        if what in ("tick", "recover"):
            getattr(self, what)()
        else:
            getattr(self, what)(self.senders[place])

    def tick(self) -> None:
        """Time goes on; no request is longer on the wire than it may be."""
        self.now += 1
        for wire in [one for one in self.wires if self.now - one.written_at >= ON_THE_WIRE]:
            self._arrive(wire)

    def pick(self, sender: Sender) -> None:
        sender.step = Step.PICKED

    def claim(self, sender: Sender) -> None:
        row = self.row
        sender.step = Step.IDLE
        if self.protocol.state_predicate and row.state is not State.PLANNED:
            return
        if row.resend_until is not None and row.resend_until <= self.now + LEASE:
            row.state = State.UNKNOWN
            return
        row.state, row.child, row.attempt = State.SENDING, sender.child, row.attempt + 1
        row.claimed_at, row.lease_until = self.now, self.now + LEASE
        sender.step, sender.attempt, sender.deadline = Step.CLAIMED, row.attempt, self.now + DEADLINE

    def look(self, sender: Sender) -> None:
        if self.protocol.deadline and self.now > sender.deadline:
            self._give_back(sender)
            return
        sender.step = Step.CHECKED
        if self.protocol.at_once:
            self.write(sender)

    def write(self, sender: Sender) -> None:
        self.wires.append(Wire(sender.child, self.now))
        sender.step = Step.WRITTEN

    def record(self, sender: Sender) -> None:
        self.row.state = State.ACCEPTED
        sender.step = Step.IDLE

    def crash(self, sender: Sender) -> None:
        sender.alive = False

    def start(self, sender: Sender) -> None:
        self.children += 1
        self.senders[self.senders.index(sender)] = Sender(self.children)

    def freeze(self, sender: Sender) -> None:
        sender.frozen = True

    def wake(self, sender: Sender) -> None:
        sender.frozen = False

    def recover(self) -> None:
        row = self.row
        until = row.claimed_at + DROPS_FOR if row.resend_until is None else row.resend_until
        if self.protocol.drops_repetitions and until > self.now + LEASE:
            row.state, row.resend_until = State.PLANNED, until
        elif not self.protocol.can_be_asked:
            row.state = State.UNKNOWN
        elif self.taken:
            row.state = State.ACCEPTED
        else:
            dead = all(one.child != row.child or not one.alive for one in self.senders)
            row.state = State.PLANNED if dead or not self.protocol.proof_of_death else State.UNKNOWN

    def _give_back(self, sender: Sender) -> None:
        if self.row.state is State.SENDING and (self.row.child, self.row.attempt) == (sender.child, sender.attempt):
            self.row.state = State.PLANNED
        sender.step = Step.IDLE

    def _arrive(self, wire: Wire) -> None:
        self.wires.remove(wire)
        known = any(self.now - when < DROPS_FOR for when in self.taken)
        if not (self.protocol.drops_repetitions and known):
            self.taken.append(self.now)

    def settle(self) -> None:
        """Nothing befalls anybody any more: until all is done."""
        calm = ("wake", "start", "record", "write", "look", "claim", "pick", "recover")
        while True:
            next_ones = [one for one in self.possible() if one[0] in calm]
            if next_ones:
                self.does(*min(next_ones, key=lambda one: calm.index(one[0])))
            elif self.wires or self.row.state in (State.PLANNED, State.SENDING):
                self.tick()
            else:
                return


def explored(protocol: Protocol, *, until: int, restarts: int = 1) -> Iterator[World]:
    """Every world that can come about in so many steps of time, each once, with so many restarts of senders."""
    first = World(protocol)
    seen, open_ones = {first.key}, [first]
    while open_ones:
        world = open_ones.pop()
        yield world
        for what, place in world.possible():
            if (what == "tick" and world.now == until) or (what == "start" and world.children == 2 + restarts):
                continue
            follows = world.copy()
            follows.does(what, place)
            if follows.key not in seen:
                seen.add(follows.key)
                open_ones.append(follows)
