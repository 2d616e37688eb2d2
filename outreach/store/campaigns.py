"""Campaigns, their frozen versions and approvals."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, func, insert, select, text, update

from outreach.domain.errors import NotFound
from outreach.domain.lifecycle import CampaignAction, CampaignState, VersionState, after, version_after
from outreach.store.tables import approvals, audit, campaign_versions, campaigns

TESTS = "~tests"
"""The campaign under which test sends run; no file can call itself so, and nobody is shown it."""


@dataclass(frozen=True, slots=True)
class Campaign:
    """A campaign as it stands; `version` is the newest, `approved_version` the one that runs or may be launched.

    `trial`: that one (before any approval the newest) writes to listed test addresses only.
    """

    slug: str
    title: str
    state: CampaignState
    version: int
    approved_version: int | None
    timezone: str
    launched_at: datetime | None
    shift_days: int
    occurrences_until: datetime | None
    trial: bool = False


@dataclass(frozen=True, slots=True)
class Version:
    """A frozen version: the definition, templates and segments as they were when it was loaded (all JSON)."""

    slug: str
    n: int
    state: VersionState
    hash: str
    definition: dict[str, Any]
    templates: dict[str, Any]
    segments: dict[str, Any]
    author: str
    submitted_by: str | None


_TRIAL = (
    select(campaign_versions.c.definition["trial"].as_boolean())
    .where(
        campaign_versions.c.slug == campaigns.c.slug,
        campaign_versions.c.n == func.coalesce(campaigns.c.approved_version, campaigns.c.version),
    )
    .scalar_subquery()
    .label("trial")
)


def _selected() -> Select[Any]:
    return select(campaigns, _TRIAL).where(campaigns.c.slug != TESTS)


def get(connection: Connection, slug: str, *, lock: bool = False) -> Campaign:
    """The campaign; `lock` holds its row until the transaction ends. Raises NotFound.

    The lock excludes other actions and leaves the row to foreign keys: a run being planned refers to it.
    """
    query = _selected().where(campaigns.c.slug == slug)
    row = connection.execute(query.with_for_update(key_share=True, of=campaigns) if lock else query).one_or_none()
    if row is None:
        raise NotFound(f"there is no campaign {slug!r}: `outreach campaign list` shows those loaded")
    return _campaign(row)


def find(connection: Connection, slug: str) -> Campaign | None:
    """The campaign, or None."""
    row = connection.execute(_selected().where(campaigns.c.slug == slug)).one_or_none()
    return None if row is None else _campaign(row)


def in_states(connection: Connection, *states: CampaignState) -> list[Campaign]:
    """The campaigns in any of these states (all of them if none is given), by slug."""
    query = _selected().order_by(campaigns.c.slug)
    if states:
        query = query.where(campaigns.c.state.in_([str(state) for state in states]))
    return [_campaign(row) for row in connection.execute(query)]


def version(connection: Connection, slug: str, n: int) -> Version:
    """One frozen version; raises NotFound."""
    row = connection.execute(
        select(campaign_versions).where(campaign_versions.c.slug == slug, campaign_versions.c.n == n)
    ).one_or_none()
    if row is None:
        raise NotFound(f"campaign {slug!r} has no version {n}")
    return Version(
        slug=row.slug, n=row.n, state=VersionState(row.state), hash=row.hash, definition=row.definition,
        templates=row.templates, segments=row.segments, author=row.author, submitted_by=row.submitted_by,
    )  # fmt: skip


def add_version(
    connection: Connection, new: Version, *, title: str, timezone: str, starts: Any, ends: Any, source_text: str
) -> int:
    """Store a new version of a campaign (made if it is new) and return its number.

    `new.n` and `new.state` are ignored. The newest version with the same hash is returned as it is: loading a file
    again changes nothing.
    """
    present = connection.execute(
        select(campaigns).where(campaigns.c.slug == new.slug).with_for_update(key_share=True)
    ).one_or_none()
    if present is not None:
        newest = version(connection, new.slug, present.version)
        if newest.hash == new.hash:
            return newest.n
        state = after(CampaignAction.LOAD, CampaignState(present.state))
    else:
        state = CampaignState.DRAFT
    n = 1 if present is None else present.version + 1
    values = {"title": title, "state": str(state), "version": n, "timezone": timezone, "starts": starts, "ends": ends}
    if present is not None and CampaignState(present.state) in (CampaignState.RUNNING, CampaignState.PAUSED):
        values = {"version": n}  # the approved version keeps its dates and zone until another is approved
    if present is None:
        connection.execute(insert(campaigns).values(slug=new.slug, **values))
    else:
        connection.execute(update(campaigns).where(campaigns.c.slug == new.slug).values(**values))
    connection.execute(
        insert(campaign_versions).values(
            slug=new.slug, n=n, state=str(VersionState.DRAFT), hash=new.hash, definition=new.definition,
            templates=new.templates, segments=new.segments, source_text=source_text, author=new.author,
        )
    )  # fmt: skip
    return n


def act(connection: Connection, campaign: Campaign, action: CampaignAction, **values: Any) -> CampaignState:
    """Move the campaign by `action`, storing `values` beside the state; raises IllegalTransition.

    The caller holds the campaign's lock (`get(…, lock=True)`).
    """
    state = after(action, campaign.state)
    connection.execute(
        update(campaigns)
        .where(campaigns.c.slug == campaign.slug)
        .values(state=str(state), updated_at=text("now()"), **values)
    )
    return state


def act_on_version(connection: Connection, frozen: Version, action: CampaignAction, **values: Any) -> VersionState:
    """Move a version by `action`; raises IllegalTransition."""
    state = version_after(action, frozen.state)
    connection.execute(
        update(campaign_versions)
        .where(campaign_versions.c.slug == frozen.slug, campaign_versions.c.n == frozen.n)
        .values(state=str(state), **values)
    )
    return state


def decide(
    connection: Connection, frozen: Version, *, decision: str, approver: str, reason: str, figures: dict[str, Any]
) -> None:
    """Take down who approved or rejected exactly what: the hash and each message's audience and cost."""
    connection.execute(
        insert(approvals).values(
            slug=frozen.slug, n=frozen.n, hash=frozen.hash, decision=decision, approver=approver, reason=reason,
            figures=figures,
        )
    )  # fmt: skip


def approved_figures(connection: Connection, slug: str, n: int) -> dict[str, dict[str, int]]:
    """Audience and cost of each message as they were approved with version `n` ({} without an approval)."""
    figures = connection.execute(
        select(approvals.c.figures)
        .where(approvals.c.slug == slug, approvals.c.n == n, approvals.c.decision == "approve")
        .order_by(approvals.c.id.desc())
        .limit(1)
    ).scalar()
    return dict(figures or {})


def move_cursor(connection: Connection, slug: str, until: datetime) -> None:
    """Remember that every occurrence up to `until` has its run; never moves back."""
    connection.execute(
        update(campaigns)
        .where(
            campaigns.c.slug == slug,
            (campaigns.c.occurrences_until.is_(None)) | (campaigns.c.occurrences_until < until),
        )
        .values(occurrences_until=until)
    )


def note(connection: Connection, *, who: str, action: str, what: str, detail: dict[str, Any] | None = None) -> None:
    """Write a line of the audit trail: who did what to which object; never personal data."""
    connection.execute(insert(audit).values(who=who, action=action, object=what, detail=detail or {}))


def _campaign(row: Any) -> Campaign:
    return Campaign(
        slug=row.slug, title=row.title, state=CampaignState(row.state), version=row.version,
        approved_version=row.approved_version, timezone=row.timezone, launched_at=row.launched_at,
        shift_days=row.shift_days, occurrences_until=row.occurrences_until, trial=bool(row.trial),
    )  # fmt: skip
