"""What a run of the benchmark measures, as values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from benchmarks.adapters import Alone, Mailed
from benchmarks.usage import QUIET

BARE_PROCESSES, BARE_CONNECTIONS = 2, 48
"""Of the bare sender, at its best: more processes make it no faster, more connections slower."""
CHILDREN = 4
"""Of the engine: two a core, since each waits in turn for the provider and for the database."""
ENOUGH = 2.0
"""How many times the bare sender's rate the stub must sustain for the figures to count."""


@dataclass(frozen=True, slots=True)
class Parameters:
    """What was asked for.

    `children` send, each with so many `connections`; `patience` is how long to wait for a quiet machine (s).
    """

    people: int
    children: int
    connections: int
    repeat: int
    stub_processes: int
    patience: float
    provider: str = "twilio"


@dataclass(frozen=True, slots=True)
class Import:
    """One import in a process of its own: `memory` is that process's peak (MB)."""

    rows: int
    added: int
    unchanged: int
    rejected: int
    seconds: float
    memory: float

    @property
    def rate(self) -> float:
        return self.rows / self.seconds


@dataclass(frozen=True, slots=True)
class Segment:
    """Counting one segment, people and addresses: milliseconds of each time it was asked."""

    name: str
    people: int
    milliseconds: Sequence[float]


@dataclass(frozen=True, slots=True)
class Plan:
    """One run over everybody: `rows` deliveries written, `messages` of them to be sent; forecast before approval.

    `cpu_seconds`: processor seconds of PostgreSQL while it was planned.
    """

    run: int
    campaign: str
    rows: int
    messages: int
    seconds: float
    forecast_seconds: float
    cpu_seconds: float

    @property
    def rate(self) -> float:
        return self.rows / self.seconds

    @property
    def cpu_ms(self) -> float:
        """Processor milliseconds of PostgreSQL for a row."""
        return 1000 * self.cpu_seconds / self.rows


@dataclass(frozen=True, slots=True)
class Sent:
    """One side sending: processor seconds by group, peak memory (MB) of its largest sending process.

    `others`: the share (0…1) of the machine that was used by nobody of ours meanwhile.
    """

    messages: int
    seconds: float
    cpu: Mapping[str, float]
    memory: float
    others: float

    @property
    def rate(self) -> float:
        return self.messages / self.seconds

    def cpu_ms(self, group: str) -> float:
        """Processor milliseconds of a group for each message."""
        return 1000 * self.cpu[group] / self.messages


@dataclass(frozen=True, slots=True)
class Database:
    """What the engine's messages cost PostgreSQL: bytes of WAL, transactions that write, updates, those HOT."""

    wal_bytes: float
    transactions: float
    updates: float
    hot_share: float


@dataclass(frozen=True, slots=True)
class Pair:
    """Both sides, one right after the other, with the same number of messages."""

    bare: Sent
    engine: Sent
    database: Database
    processes_memory: Mapping[str, float]

    @property
    def ratio(self) -> float:
        return self.engine.rate / self.bare.rate

    @property
    def disturbed(self) -> bool:
        """Whether others had more than a twentieth of the machine while either side was sending."""
        return max(self.bare.others, self.engine.others) > QUIET


@dataclass(frozen=True, slots=True)
class Webhooks:
    """Callbacks answered: at `rate` a second for `seconds`, then at `highest` a second from many connections at once.

    `steady`, `flooded`: milliseconds of each answer; `cpu`, `flood_cpu`: processor milliseconds a callback took of the
    web and of PostgreSQL; `others`: the share of the machine others had during the flood.
    """

    rate: int
    seconds: int
    steady: Sequence[float]
    highest: float
    flooded: Sequence[float]
    cpu: Mapping[str, float]
    flood_cpu: Mapping[str, float]
    others: float


@dataclass(frozen=True, slots=True)
class Results:
    """Everything of one run of the benchmark. `stub_rates`: what the load generator got out of the stub, each time.

    `distant`: the engine and a slow provider; `task_each`: one task for each message; `statements`: of SQL a message.
    """

    parameters: Parameters
    machine: Mapping[str, str]
    imports: Sequence[Import]
    segments: Sequence[Segment]
    plans: Sequence[Plan]
    stub_rates: Sequence[float]
    pairs: Sequence[Pair]
    webhooks: Webhooks
    adapters: Sequence[Alone] = ()
    mailed: Sequence[Mailed] = ()
    distant: Sequence[Sent] = ()
    task_each: Sequence[Sent] = ()
    statements: float = 0.0

    @property
    def stub_factor(self) -> float:
        """The stub's slowest over the bare sender's fastest."""
        return min(self.stub_rates) / max(pair.bare.rate for pair in self.pairs)

    @property
    def disturbed(self) -> bool:
        """Whether every pair was."""
        return all(pair.disturbed for pair in self.pairs)

    @property
    def counted(self) -> Sequence[Pair]:
        """The pairs the figures are made of: the undisturbed ones, all where there is none."""
        return [pair for pair in self.pairs if not pair.disturbed] or self.pairs

    @property
    def valid(self) -> bool:
        return self.stub_factor >= ENOUGH
