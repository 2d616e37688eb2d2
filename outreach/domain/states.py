"""The states of a delivery, their ranks and finality: records and receipts only ever move one forward."""

from __future__ import annotations

from enum import StrEnum


class DeliveryState(StrEnum):
    """Where one message to one recipient over one channel stands."""

    PLANNED = "planned"
    SENDING = "sending"
    ACCEPTED = "accepted"
    UNKNOWN = "unknown"
    FAILED = "failed"
    DELIVERED = "delivered"
    READ = "read"
    SUPPRESSED = "suppressed"
    EXPIRED = "expired"
    CANCELLED = "cancelled"


class Reason(StrEnum):
    """Why a delivery stands where it stands, where the state alone does not say it."""

    NO_ADDRESS = "no_address"
    NO_ACCOUNT = "no_account"
    NO_STATION = "no_station"
    OPTED_OUT = "opted_out"
    HARD_BOUNCE = "hard_bounce"
    DO_NOT_CALL = "do_not_call"
    NO_CONSENT = "no_consent"
    UNDER_AGE = "under_age"
    CAPPED = "capped"
    SHARED_ADDRESS = "shared_address"
    BY_STATION = "by_station"
    CASE_CLOSED = "case_closed"
    CASE_MOVED = "case_moved"
    ERASED = "erased"
    CONTENT = "content"
    LATE = "late"
    CAMPAIGN_CANCELLED = "campaign_cancelled"
    REJECTED = "rejected"
    TRANSIENT = "transient"
    THROTTLED = "throttled"
    WINDOW_CLOSED = "window_closed"
    MISCONFIGURED = "misconfigured"
    UNCERTAIN = "uncertain"
    LEASE_LOST = "lease_lost"
    RETRIED = "retried"
    CLOSED_HOURS = "closed_hours"
    MOVED = "moved"
    TRIAL = "trial"


RANK = {
    DeliveryState.PLANNED: 0,
    DeliveryState.SENDING: 1,
    DeliveryState.ACCEPTED: 2,
    DeliveryState.FAILED: 3,
    DeliveryState.DELIVERED: 4,
    DeliveryState.READ: 5,
}
"""States outside the order: `unknown` (any ranked state from `accepted` up settles it) and those never sent."""

NEVER_SENT = frozenset({DeliveryState.SUPPRESSED, DeliveryState.EXPIRED, DeliveryState.CANCELLED})
OPEN = frozenset({DeliveryState.PLANNED, DeliveryState.SENDING, DeliveryState.UNKNOWN})
"""What keeps a run from being done; `accepted` keeps it too until it is closed."""

TROUBLES = (Reason.TRANSIENT, Reason.THROTTLED, Reason.MISCONFIGURED)
"""Why a planned delivery was put off: something went wrong at its provider."""

SERVED_BY_ANOTHER = frozenset({Reason.SHARED_ADDRESS, Reason.BY_STATION})
"""Suppressed, yet reached with somebody else's delivery: not left out."""

_SPECIAL: dict[DeliveryState, frozenset[DeliveryState]] = {
    # A claim or a retry; a person's retry of a failed or unknown one starts a new generation.
    # What is unknown is planned by its own sender's word that it sent nothing, or by recovery's proof of that.
    DeliveryState.PLANNED: frozenset({DeliveryState.SENDING, DeliveryState.UNKNOWN}),
    DeliveryState.SENDING: frozenset({DeliveryState.PLANNED}),
    # Once more by its own sender's word, after recovery had called it so.
    DeliveryState.UNKNOWN: frozenset({DeliveryState.SENDING, DeliveryState.UNKNOWN}),
    DeliveryState.SUPPRESSED: frozenset({DeliveryState.PLANNED}),
    DeliveryState.EXPIRED: frozenset({DeliveryState.PLANNED}),
    DeliveryState.CANCELLED: frozenset({DeliveryState.PLANNED}),
}


def sources(target: DeliveryState) -> frozenset[DeliveryState]:
    """The states from which `target` may be reached; everywhere else the change does nothing.

    `accepted`, `failed`, `delivered` and `read` take every lower rank and `unknown`.
    """
    if target in _SPECIAL:
        return _SPECIAL[target]
    lower = {state for state, rank in RANK.items() if rank < RANK[target]}
    return frozenset(lower | {DeliveryState.UNKNOWN})


def advance(current: DeliveryState, target: DeliveryState) -> DeliveryState:
    """The state after a record or receipt says `target`: never lower than before."""
    return target if current in sources(target) else current


def proved(state: DeliveryState, proof: DeliveryState) -> bool:
    """Whether `state` reaches the account's `proof` (accepted or delivered): the recipient counts as reached."""
    return proofs(proof) >= {state}


def proofs(proof: DeliveryState) -> frozenset[DeliveryState]:
    """The states that count as reached where `proof` is the first that does; `failed` never is."""
    return frozenset(state for state, rank in RANK.items() if rank >= RANK[proof] and state is not DeliveryState.FAILED)
