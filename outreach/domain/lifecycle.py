"""What may follow what for campaigns, versions and runs: every illegal transition is refused here."""

from __future__ import annotations

from enum import StrEnum

from outreach.domain.errors import OutreachError


class IllegalTransition(OutreachError):
    """Something was asked of a campaign, version or run that its state does not allow."""


class CampaignState(StrEnum):
    """The life of a campaign; before its launch it follows its newest version."""

    DRAFT = "draft"
    SUBMITTED = "submitted"
    APPROVED = "approved"
    RUNNING = "running"
    PAUSED = "paused"
    FINISHED = "finished"
    CANCELLED = "cancelled"


class CampaignAction(StrEnum):
    """What people (and, for `finish`, the engine) do with a campaign."""

    LOAD = "load"
    SUBMIT = "submit"
    APPROVE = "approve"
    REJECT = "reject"
    LAUNCH = "launch"
    PAUSE = "pause"
    RESUME = "resume"
    CANCEL = "cancel"
    FINISH = "finish"


class VersionState(StrEnum):
    """One frozen version on its way through approval."""

    DRAFT = "draft"
    SUBMITTED = "submitted"
    APPROVED = "approved"
    REJECTED = "rejected"


class RunState(StrEnum):
    """One occurrence of a message."""

    SCHEDULED = "scheduled"
    PLANNING = "planning"
    SENDING = "sending"
    HELD = "held"
    DONE = "done"
    EXPIRED = "expired"
    CANCELLED = "cancelled"


_C, _A = CampaignState, CampaignAction
_LAUNCHED = {_C.RUNNING: _C.RUNNING, _C.PAUSED: _C.PAUSED}

CAMPAIGN: dict[CampaignAction, dict[CampaignState, CampaignState]] = {
    _A.LOAD: {_C.DRAFT: _C.DRAFT, _C.SUBMITTED: _C.DRAFT, _C.APPROVED: _C.DRAFT, **_LAUNCHED},
    _A.SUBMIT: {_C.DRAFT: _C.SUBMITTED, **_LAUNCHED},
    _A.APPROVE: {_C.SUBMITTED: _C.APPROVED, **_LAUNCHED},
    _A.REJECT: {_C.SUBMITTED: _C.DRAFT, **_LAUNCHED},
    _A.LAUNCH: {_C.APPROVED: _C.RUNNING},
    _A.PAUSE: {_C.RUNNING: _C.PAUSED},
    _A.RESUME: {_C.PAUSED: _C.RUNNING},
    _A.CANCEL: dict.fromkeys((_C.DRAFT, _C.SUBMITTED, _C.APPROVED, _C.RUNNING, _C.PAUSED), _C.CANCELLED),
    _A.FINISH: {_C.RUNNING: _C.FINISHED},
}
"""Action → state before → state after. A version loaded, submitted or approved while the campaign runs leaves it so."""

_V = VersionState
VERSION: dict[CampaignAction, dict[VersionState, VersionState]] = {
    _A.SUBMIT: {_V.DRAFT: _V.SUBMITTED, _V.REJECTED: _V.SUBMITTED},
    _A.APPROVE: {_V.SUBMITTED: _V.APPROVED},
    _A.REJECT: {_V.SUBMITTED: _V.REJECTED},
}

_R = RunState
RUN: dict[RunState, frozenset[RunState]] = {
    _R.SCHEDULED: frozenset({_R.PLANNING, _R.EXPIRED, _R.CANCELLED}),
    _R.PLANNING: frozenset({_R.SENDING, _R.HELD, _R.CANCELLED}),
    _R.HELD: frozenset({_R.SENDING, _R.EXPIRED, _R.CANCELLED}),
    _R.SENDING: frozenset({_R.DONE, _R.CANCELLED}),
    _R.DONE: frozenset({_R.SENDING}),  # a person's retry of failed or unknown deliveries opens it again
    _R.EXPIRED: frozenset(),
    _R.CANCELLED: frozenset(),
}
"""State before → states that may follow."""


def after(action: CampaignAction, state: CampaignState) -> CampaignState:
    """The campaign's state after `action`; raises IllegalTransition, saying from which states it is possible."""
    allowed = CAMPAIGN[action]
    if state not in allowed:
        raise IllegalTransition(f"cannot {action} a campaign that is {state}: it must be {_or(allowed)}")
    return allowed[state]


def version_after(action: CampaignAction, state: VersionState) -> VersionState:
    """The version's state after `action`; raises IllegalTransition."""
    allowed = VERSION[action]
    if state not in allowed:
        raise IllegalTransition(f"cannot {action} a version that is {state}: it must be {_or(allowed)}")
    return allowed[state]


def run_may_become(state: RunState, target: RunState) -> None:
    """Raise IllegalTransition unless a run in `state` may become `target`."""
    if target not in RUN[state]:
        raise IllegalTransition(f"a run that is {state} cannot become {target}")


def run_sources(target: RunState) -> list[RunState]:
    """The states a run may be in to become `target`."""
    return [state for state, followers in RUN.items() if target in followers]


def _or(states: dict[CampaignState, CampaignState] | dict[VersionState, VersionState]) -> str:
    return " or ".join(str(state) for state in states)
