"""The protocol of claims as a small model: two senders, a recovery and a provider, in whatever order things befall.

Time goes in whole steps. What each rule may do is what the statements of `claims`, `deliveries` and `recovery` do, no
more; `Protocol` takes a guard out, or lets in something that we hold to be impossible, to see that the model would
notice.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from enum import IntEnum, StrEnum

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


class Step(IntEnum):
    IDLE = 0
    PICKED = 1
    """It has read a row that was planned, and not yet written it."""
    CLAIMED = 2
    CHECKED = 3
    """Its deadline was looked at, the first byte has not left."""
    WRITTEN = 4


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
    wire_ends: bool = True
    """What the provider has not got when the lease ends is dropped by the sender's system."""
    arrives_at_once: bool = False
    """The provider has what was written in the same step."""
    clock_counts: bool = True
    """The sender's clock runs on while it is frozen."""
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
    due: int = 0
    said: bool = False
    """Unknown by its own sender's word, which is thus done with it."""


@dataclass(frozen=True)
class Verdict:
    """What a recovery has found, and not yet written."""

    state: State
    child: int
    attempt: int
    resend_until: int | None = None


@dataclass
class Sender:
    """A worker child; `child` is a new number after each start. `unheard`: it knows not whether its claim holds."""

    child: int
    alive: bool = True
    frozen: bool = False
    step: Step = Step.IDLE
    attempt: int = 0
    deadline: int = 0
    unheard: bool = False


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
    verdict: Verdict | None = None

    def possible(self) -> list[tuple[str, int]]:
        """What can happen next: the name of a method and the place of the sender it is about."""
        found = [("tick", 0)]
        if self.verdict is not None:
            found.append(("pronounce", 0))
        elif self._stranded():
            found.append(("recover", 0))
        if not self.protocol.wire_ends:
            found += [("arrive", place) for place in range(len(self.wires))]
        for place, one in enumerate(self.senders):
            if not one.alive:
                found.append(("start", place))
                continue
            found.append(("wake" if one.frozen else "freeze", place))
            if not one.frozen:
                found.append(("crash", place))
                found += [(what, place) for what in self._can(one)]
        return found

    def _stranded(self) -> bool:
        """Whether a recovery would change the row: past its lease, or unknown and something can be done about it."""
        row = self.row
        lost = row.state is State.SENDING or (row.state is State.UNKNOWN and row.child != 0)
        return lost and row.lease_until < self.now and self._judged()[0] is not row.state

    def _can(self, one: Sender) -> list[str]:
        match one.step:
            case Step.IDLE if one.unheard:
                return ["disown"]
            case Step.IDLE:
                return ["pick"] if self.row.state is State.PLANNED and self.row.due <= self.now else []
            case Step.PICKED:
                return ["claim", "claim_unheard"]
            case Step.CLAIMED:
                return ["look"]
            case Step.CHECKED:
                return ["write"]
            case Step.WRITTEN:
                answered = not any(wire.child == one.child for wire in self.wires)
                return ["record", "give_up"] if answered else ["give_up"]

    def copy(self) -> World:
        """The same world once more."""
        senders = [replace(one) for one in self.senders]
        wires = [*self.wires]
        return World(
            self.protocol, replace(self.row), senders, wires, [*self.taken], self.now, self.children, self.verdict
        )

    @property
    def key(self) -> tuple[object, ...]:
        """What tells this world from others, as far as it can still matter: who is who, and what is past, does not."""
        row, names = self.row, {0: 0}
        for one in sorted(self.senders, key=lambda one: (_standing(one), one.child == row.child)):
            names.setdefault(one.child, len(names))
        gone = len(names)

        def name(child: int) -> int:
            return names.get(child, gone)

        verdict = self.verdict
        told = verdict and (
            verdict.state, name(verdict.child), verdict.child == row.child, verdict.attempt - row.attempt,
            verdict.resend_until,
        )  # fmt: skip
        senders = sorted(
            (name(one.child), *_standing(one), one.attempt - row.attempt if one.step > Step.PICKED else 0)
            for one in self.senders
        )
        owned = row.state in (State.SENDING, State.UNKNOWN)
        return (
            self.now, row.state, owned and (name(row.child), row.lease_until, row.said), row.resend_until,
            row.due > self.now, told, len(self.taken), tuple(self.taken[-1:]), self.children, *senders,
            *sorted((name(wire.child), wire.written_at) for wire in self.wires),
        )  # fmt: skip

    def does(self, what: str, place: int) -> None:
        """Let one of the possible things happen."""
        if what in ("tick", "recover", "pronounce"):
            getattr(self, what)()
        elif what == "arrive":
            self._arrive(self.wires[place])
        else:
            getattr(self, what)(self.senders[place])

    def tick(self) -> None:
        """Time goes on; no request is longer on the wire than it may be."""
        self.now += 1
        for one in self.senders:
            if one.frozen and not self.protocol.clock_counts:
                one.deadline += 1
        for wire in [one for one in self.wires if self.now - one.written_at >= ON_THE_WIRE]:
            if self.protocol.wire_ends:
                self._arrive(wire)

    def pick(self, sender: Sender) -> None:
        sender.step = Step.PICKED

    def claim(self, sender: Sender) -> None:
        if self._claimed(sender):
            sender.step, sender.attempt, sender.deadline = Step.CLAIMED, self.row.attempt, self.now + DEADLINE

    def claim_unheard(self, sender: Sender) -> None:
        """The claim is committed, and the connection broke before its sender heard of it."""
        sender.unheard = self._claimed(sender)

    def disown(self, sender: Sender) -> None:
        """Give back what was claimed unheard: nothing of it has left."""
        row = self.row
        if row.child == sender.child and (row.state is State.SENDING or (row.state is State.UNKNOWN and not row.said)):
            self._plan(refund=1)
        sender.unheard = False

    def look(self, sender: Sender) -> None:
        if self.protocol.deadline and self.now > sender.deadline:
            if self._is_its_own(sender):
                self._plan(refund=1)
            sender.step = Step.IDLE
            return
        sender.step = Step.CHECKED
        if self.protocol.at_once:
            self.write(sender)

    def write(self, sender: Sender) -> None:
        self.wires.append(Wire(sender.child, self.now))
        sender.step = Step.WRITTEN
        if self.protocol.arrives_at_once:
            self._arrive(self.wires[-1])

    def record(self, sender: Sender) -> None:
        self.row.state = State.ACCEPTED
        sender.step = Step.IDLE

    def give_up(self, sender: Sender) -> None:
        """No answer came: the message may have left."""
        sender.step, row = Step.IDLE, self.row
        if not self._is_its_own(sender):
            return
        until = row.claimed_at + DROPS_FOR if row.resend_until is None else row.resend_until
        if self.protocol.drops_repetitions and until > self.now + LEASE:
            self._plan(resend_until=until)
            row.due = self.now + 1
        else:
            row.state, row.said = State.UNKNOWN, True

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
        """Look at the row, and ask the provider; what follows is written later."""
        row, (state, until) = self.row, self._judged()
        self.verdict = Verdict(state, row.child, row.attempt, until)

    def _judged(self) -> tuple[State, int | None]:
        row, protocol = self.row, self.protocol
        until = row.claimed_at + DROPS_FOR if row.resend_until is None else row.resend_until
        if protocol.drops_repetitions and until > self.now + LEASE:
            return State.PLANNED, until
        if not protocol.can_be_asked:
            return State.UNKNOWN, None
        if self.taken:
            return State.ACCEPTED, None
        dead = all(one.child != row.child or not one.alive for one in self.senders)
        over = dead or row.said or not protocol.proof_of_death
        return (State.PLANNED if over else State.UNKNOWN), None

    def pronounce(self) -> None:
        """Write what was found, if the row is still as it was looked at."""
        verdict, row = self.verdict, self.row
        assert verdict is not None
        self.verdict = None
        if verdict.state is State.ACCEPTED:
            row.state = State.ACCEPTED
            return
        same = (row.child, row.attempt) == (verdict.child, verdict.attempt)
        if not same or row.state not in (State.SENDING, State.UNKNOWN):
            return
        if verdict.state is State.PLANNED:
            self._plan(resend_until=verdict.resend_until)
        elif row.state is State.SENDING:
            row.state = State.UNKNOWN

    def _claimed(self, sender: Sender) -> bool:
        row = self.row
        sender.step = Step.IDLE
        if self.protocol.state_predicate and row.state is not State.PLANNED:
            return False
        if row.resend_until is not None and row.resend_until <= self.now + LEASE:
            row.state, row.child = State.UNKNOWN, 0
            return False
        row.state, row.child, row.attempt = State.SENDING, sender.child, row.attempt + 1
        row.claimed_at, row.lease_until, row.said = self.now, self.now + LEASE, False
        return True

    def _is_its_own(self, sender: Sender) -> bool:
        """Whether the sender's word counts: on its own attempt, also where recovery has called it unknown."""
        row = self.row
        mine = (row.child, row.attempt) == (sender.child, sender.attempt)
        return mine and row.state in (State.SENDING, State.UNKNOWN)

    def _plan(self, *, refund: int = 0, resend_until: int | None = None) -> None:
        row = self.row
        row.state, row.child, row.said = State.PLANNED, 0, False
        row.attempt -= refund
        row.resend_until = row.resend_until if resend_until is None else resend_until

    def _arrive(self, wire: Wire) -> None:
        self.wires.remove(wire)
        known = any(self.now - when < DROPS_FOR for when in self.taken)
        if not (self.protocol.drops_repetitions and known):
            self.taken.append(self.now)

    def _waits(self) -> bool:
        """Whether an unknown row is looked at again when its lease is over."""
        able = self.protocol.drops_repetitions or self.protocol.can_be_asked
        return self.row.state is State.UNKNOWN and self.row.child != 0 and able and self.row.lease_until >= self.now

    def settle(self) -> None:
        """Nothing befalls anybody any more: until all is done."""
        calm = ("wake", "start", "record", "disown", "write", "look", "claim", "pick", "pronounce", "recover")
        while True:
            next_ones = [one for one in self.possible() if one[0] in calm]
            if next_ones:
                self.does(*min(next_ones, key=lambda one: calm.index(one[0])))
            elif self.wires or self.row.state in (State.PLANNED, State.SENDING) or self._waits():
                self.tick()
            else:
                return


def _standing(one: Sender) -> tuple[int, ...]:
    """What a sender is about, without its name."""
    claimed = one.step is Step.CLAIMED
    return (one.alive, one.frozen, one.step, one.deadline if claimed else 0, one.unheard)


def explored(protocol: Protocol, *, until: int, restarts: int = 1, near_first: bool = True) -> Iterator[World]:
    """Every world that can come about in so many steps of time, each once, with so many restarts of senders.

    `near_first`: those few events away come first, else those far away.
    """
    first = World(protocol)
    seen, open_ones = {first.key}, deque([first])
    while open_ones:
        world = open_ones.popleft() if near_first else open_ones.pop()
        yield world
        for what, place in world.possible():
            if (what == "tick" and world.now == until) or (what == "start" and world.children == 2 + restarts):
                continue
            follows = world.copy()
            follows.does(what, place)
            if follows.key not in seen:
                seen.add(follows.key)
                open_ones.append(follows)
