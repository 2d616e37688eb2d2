"""The life of a campaign, as people steer it: load, submit, approve, launch, pause, resume, cancel, release, retry."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from hashlib import sha256
from typing import Any

from sqlalchemy import Connection, Engine

from outreach.domain.clock import Clock
from outreach.domain.definition import Definition, all_past, calendar, canonical, shifted
from outreach.domain.errors import OutreachError
from outreach.domain.frozen import Frozen
from outreach.domain.lifecycle import RUN, CampaignAction, CampaignState, RunState, VersionState
from outreach.domain.rendering import TemplateSource
from outreach.domain.segments import Segment, segment_to_json
from outreach.domain.states import DeliveryState, Reason
from outreach.domain.words import CascadeMode, Channel, MessageClass
from outreach.planning.forecast import Forecast
from outreach.store import attachments, audiences, campaigns, cascades, delivery_sweeps, runs
from outreach.store.campaigns import Version
from outreach.store.runs import Run
from outreach.store.versions import read_version

BOUNCES_WITHIN = timedelta(hours=72)
_SOON = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Loaded:
    """The version a file became; `new` is False where it is the one stored before."""

    slug: str
    version: int
    new: bool


def load(
    engine: Engine,
    definition: Definition,
    *,
    templates: Mapping[str, TemplateSource],
    segments: Mapping[str, Segment],
    source_text: str,
    who: str,
) -> Loaded:
    """Freeze a definition with the templates (by message id) and segments it uses; the same content changes nothing.

    Raises IllegalTransition for a campaign that has ended.
    """
    frozen_templates = {name: source.to_json() for name, source in templates.items()}
    frozen_segments = {name: segment_to_json(segments[name]) for name in sorted(definition.segment_names)}
    content: dict[str, Any] = {
        "definition": definition.to_json(),
        "templates": frozen_templates,
        "segments": frozen_segments,
    }
    new = Version(
        slug=definition.slug, n=0, state=VersionState.DRAFT, hash=_digest(content), author=who, submitted_by=None,
        definition=content["definition"], templates=frozen_templates, segments=frozen_segments,
    )  # fmt: skip
    files = {one.digest: one.content for source in templates.values() for one in source.attachments}
    with engine.begin() as connection:
        attachments.keep(connection, files)
        before = campaigns.find(connection, definition.slug)
        n = campaigns.add_version(
            connection, new, title=definition.title, timezone=definition.timezone, starts=definition.starts,
            ends=definition.ends, source_text=source_text,
        )  # fmt: skip
        is_new = before is None or before.version != n
        if is_new:
            campaigns.note(connection, who=who, action="load", what=definition.slug, detail={"version": n})
    return Loaded(definition.slug, n, is_new)


def submit(engine: Engine, slug: str, *, who: str) -> CampaignState:
    """Hand the newest version in for approval."""
    with engine.begin() as connection:
        campaign = campaigns.get(connection, slug, lock=True)
        newest = campaigns.version(connection, slug, campaign.version)
        campaigns.act_on_version(connection, newest, CampaignAction.SUBMIT, submitted_by=who)
        state = campaigns.act(connection, campaign, CampaignAction.SUBMIT)
        campaigns.note(connection, who=who, action="submit", what=slug, detail={"version": newest.n})
    return state


def approve(engine: Engine, slug: str, figures: Forecast, *, n: int, who: str) -> CampaignState:
    """Approve version `n` with the audience and cost of each message as `figures` foresees them.

    Raises OutreachError where the approver wrote or submitted it, or where another version has come since.
    """
    with engine.begin() as connection:
        campaign = campaigns.get(connection, slug, lock=True)
        newest = campaigns.version(connection, slug, campaign.version)
        if newest.n != n:
            raise OutreachError(f"version {n} of {slug} is not the newest any more: read version {newest.n} first")
        if who in (newest.author, newest.submitted_by):
            raise OutreachError(
                f"{who} wrote or submitted version {n} of {slug}: approval needs a second person (--as EMAIL)"
            )
        campaigns.act_on_version(connection, newest, CampaignAction.APPROVE)
        return _approved(connection, campaign, newest, figures, who)


def approve_alone(engine: Engine, slug: str, figures: Forecast, *, who: str) -> None:
    """Approve the newest version without a second person: only where approval is switched off; it is on the record."""
    with engine.begin() as connection:
        campaign = campaigns.get(connection, slug, lock=True)
        newest = campaigns.version(connection, slug, campaign.version)
        if newest.state is VersionState.APPROVED:
            return
        if newest.state is not VersionState.SUBMITTED:
            campaigns.act_on_version(connection, newest, CampaignAction.SUBMIT, submitted_by=who)
            campaigns.act(connection, campaign, CampaignAction.SUBMIT)
        newest = campaigns.version(connection, slug, campaign.version)
        campaigns.act_on_version(connection, newest, CampaignAction.APPROVE)
        _approved(connection, campaigns.get(connection, slug, lock=True), newest, figures, f"{who} (approval off)")


def _approved(
    connection: Connection, campaign: campaigns.Campaign, version: Version, figures: Forecast, who: str
) -> CampaignState:
    amounts = {
        message.message: {"audience": message.audience, "cost": message.cost_high} for message in figures.messages
    }
    if campaign.trial and not version.definition.get("trial", False):
        audiences.forget_trial_reminders(connection, version.slug)
    campaigns.decide(connection, version, decision="approve", approver=who, reason="", figures=amounts)
    definition = Frozen.from_json(version.definition, {}, {}, campaign.shift_days).definition
    state = campaigns.act(
        connection, campaign, CampaignAction.APPROVE, approved_version=version.n, title=definition.title,
        timezone=definition.timezone, starts=definition.starts, ends=definition.ends,
    )  # fmt: skip
    campaigns.note(connection, who=who, action="approve", what=version.slug, detail={"version": version.n})
    return state


def reject(engine: Engine, slug: str, *, who: str, reason: str) -> CampaignState:
    """Send the submitted version back, saying why."""
    if not reason.strip():
        raise OutreachError("a rejection needs its reason: --reason TEXT")
    with engine.begin() as connection:
        campaign = campaigns.get(connection, slug, lock=True)
        newest = campaigns.version(connection, slug, campaign.version)
        campaigns.act_on_version(connection, newest, CampaignAction.REJECT)
        campaigns.decide(connection, newest, decision="reject", approver=who, reason=reason, figures={})
        state = campaigns.act(connection, campaign, CampaignAction.REJECT)
        campaigns.note(connection, who=who, action="reject", what=slug, detail={"version": newest.n})
    return state


@dataclass(frozen=True, slots=True)
class Launch:
    """What a launch would do: by how many days everything is shifted, and when each message leaves.

    `trial`: only listed test addresses are written to.
    """

    slug: str
    shift_days: int
    calendar: tuple[tuple[datetime, str], ...]
    overdue: int
    trial: bool = False


def prepare_launch(engine: Engine, slug: str, clock: Clock, *, starting: date | None) -> Launch:
    """The calendar a launch would follow; raises OutreachError where nothing of it lies ahead."""
    with engine.connect() as connection:
        campaign = campaigns.get(connection, slug)
        n = campaign.approved_version or campaign.version
        definition = read_version(connection, slug, n, 0).definition
    days = 0 if starting is None else (starting - definition.starts).days
    moved = shifted(definition, days) if days else definition
    now = clock.now()
    if all_past(moved, now):
        raise OutreachError(
            f"every date of {slug} is past ({moved.starts} to {moved.ends}), so nothing would be sent: "
            "launch it with --starting DATE to move all its dates"
        )
    dates = calendar(moved, now)
    overdue = sum(1 for moment, message in dates if moment + moved.message(message).not_after <= now)
    return Launch(slug, days, tuple(dates), overdue, definition.trial)


def launch(engine: Engine, prepared: Launch, clock: Clock, *, who: str, reason: str = "") -> CampaignState:
    """Start an approved campaign with the calendar that was shown; raises IllegalTransition otherwise.

    A campaign with emergency messages, which no hours and no caps hold back, needs the `reason`: who launched it and
    why goes on the record.
    """
    with engine.begin() as connection:
        campaign = campaigns.get(connection, prepared.slug, lock=True)
        n = campaign.approved_version or campaign.version
        definition = read_version(connection, prepared.slug, n, prepared.shift_days).definition
        emergencies = [one for one in definition.messages if one.message_class is MessageClass.EMERGENCY]
        if emergencies and not reason.strip():
            raise OutreachError(
                f"{prepared.slug} has emergency messages, which go out at any hour: say why with --reason TEXT"
            )
        state = campaigns.act(
            connection, campaign, CampaignAction.LAUNCH, launched_at=clock.now(), launched_by=who,
            shift_days=prepared.shift_days, starts=definition.starts, ends=definition.ends,
        )  # fmt: skip
        detail = {"version": n, "shift_days": prepared.shift_days, "trial": definition.trial}
        campaigns.note(connection, who=who, action="launch", what=prepared.slug, detail=detail)
        for message in emergencies:
            what = f"{prepared.slug}/{message.id}"
            campaigns.note(connection, who=who, action="emergency", what=what, detail={"reason": reason.strip()})
    return state


def pause(engine: Engine, slug: str, *, who: str) -> CampaignState:
    """Let nothing more leave; what is on the wire ends there."""
    return _act(engine, slug, CampaignAction.PAUSE, who)


def resume(engine: Engine, slug: str, *, who: str) -> CampaignState:
    """Go on exactly where it stopped."""
    return _act(engine, slug, CampaignAction.RESUME, who)


def _act(engine: Engine, slug: str, action: CampaignAction, who: str) -> CampaignState:
    with engine.begin() as connection:
        campaign = campaigns.get(connection, slug, lock=True)
        state = campaigns.act(connection, campaign, action)
        campaigns.note(connection, who=who, action=str(action), what=slug)
    return state


def cancel(engine: Engine, slug: str, clock: Clock, *, who: str) -> CampaignState:
    """End a campaign for good: its open runs and every planned delivery are cancelled, sent ones stay as they are."""
    with engine.begin() as connection:
        campaign = campaigns.get(connection, slug, lock=True)
        state = campaigns.act(connection, campaign, CampaignAction.CANCEL)
        campaigns.note(connection, who=who, action="cancel", what=slug)
        for run in runs.of_campaign(connection, slug):
            locked = runs.get(connection, run.id, lock=True)
            if RunState.CANCELLED in RUN[locked.state]:
                runs.move(connection, locked, RunState.CANCELLED, finished_at=clock.now())
    sweep_cancelled(engine, clock)
    return state


def sweep_cancelled(engine: Engine, clock: Clock) -> int:
    """Cancel what is still planned in cancelled runs, a slice at a time; returns how many deliveries."""
    cancelled = 0
    while True:
        with engine.begin() as connection:
            swept = delivery_sweeps.advance_where(
                connection,
                "d.run_id IN (SELECT r.id FROM runs r WHERE r.state = 'cancelled' AND EXISTS (SELECT 1 FROM"
                " run_counts k WHERE k.run_id = r.id AND k.state = 'planned' GROUP BY k.run_id HAVING sum(k.n) > 0))",
                {},
                state=DeliveryState.CANCELLED,
                reason="campaign_cancelled",
                now=clock.now(),
                limit=50_000,
            )
        cancelled += swept
        if swept == 0:
            return cancelled


def release(engine: Engine, slug: str, run_id: int, *, who: str) -> RunState:
    """Let a held run go, grown as it is."""
    with engine.begin() as connection:
        run = runs.get(connection, run_id, lock=True)
        if run.campaign != slug:
            raise OutreachError(f"run {run_id} is not one of {slug}: `outreach campaign status {slug}` lists its runs")
        if run.state is not RunState.HELD:
            raise OutreachError(f"run {run_id} is {run.state}, not held: there is nothing to release")
        runs.move(connection, run, RunState.SENDING, released_by=who, reason="")
        detail = {"run": run_id, "audience": run.audience, "cost": run.cost}
        campaigns.note(connection, who=who, action="release", what=slug, detail=detail)
    return RunState.SENDING


def retry(engine: Engine, slug: str, state: DeliveryState, clock: Clock, *, who: str) -> int:
    """Send failed or unknown deliveries of a campaign once more; returns how many.

    A person decides this: an `unknown` one may have arrived, so it may arrive twice.
    """
    if state not in (DeliveryState.FAILED, DeliveryState.UNKNOWN):
        raise OutreachError(f"only failed or unknown deliveries can be sent again, not {state} ones")
    now = clock.now()
    with engine.begin() as connection:
        campaign = campaigns.get(connection, slug, lock=True)
        if campaign.state not in (CampaignState.RUNNING, CampaignState.PAUSED):
            raise OutreachError(f"{slug} is {campaign.state}: only a running or paused campaign can retry deliveries")
        again = 0
        for listed in runs.of_campaign(connection, slug):
            run = runs.get(connection, listed.id, lock=True)
            if run.state not in (RunState.SENDING, RunState.DONE):
                continue
            until = now + max(run.not_after, _SOON)
            retried = delivery_sweeps.retry(connection, run.id, state, now=now, until=until)
            if retried and run.state is RunState.DONE:
                runs.move(connection, run, RunState.SENDING, finished_at=None)
            again += retried
        campaigns.note(connection, who=who, action="retry", what=slug, detail={"state": str(state), "n": again})
    return again


def finish_ended(engine: Engine, clock: Clock) -> list[str]:
    """End the runs that are done and the running campaigns with nothing left to come; returns those campaigns."""
    now = clock.now()
    with engine.begin() as connection:
        _expire_rows(connection, runs.expire_held(connection, now), now)
        cascades.reach_in_the_end(connection, runs.finish_done(connection, now), now)
        running = campaigns.in_states(connection, CampaignState.RUNNING)
    return [campaign.slug for campaign in running if _finish(engine, campaign.slug, now)]


def _expire_rows(connection: Connection, ended: list[int], now: datetime) -> None:
    """What was planned in held runs that nobody released expires with them."""
    while ended and delivery_sweeps.advance_where(
        connection, "d.run_id = ANY(CAST(:runs AS bigint[]))", {"runs": ended}, state=DeliveryState.EXPIRED,
        reason=str(Reason.LATE), now=now,
    ):  # fmt: skip
        pass


def _finish(engine: Engine, slug: str, now: datetime) -> bool:
    ended = (RunState.DONE, RunState.EXPIRED, RunState.CANCELLED)
    with engine.begin() as connection:
        campaign = campaigns.get(connection, slug, lock=True)
        if campaign.state is not CampaignState.RUNNING or campaign.approved_version is None:
            return False
        definition = read_version(connection, slug, campaign.approved_version, campaign.shift_days).definition
        caught_up = campaign.occurrences_until is not None
        over = caught_up and not any(moment > now for moment, _ in calendar(definition, campaign.launched_at))
        reminders = any(message.lane == "reminder" for message in definition.messages)
        last_day_over = now.astimezone(definition.zone).date() > definition.ends
        # In trial mode it stays open, so that it can be taken out of it.
        if not over or ((reminders or definition.trial) and not last_day_over):
            return False
        if any(run.state not in ended or _may_bounce(run, now) for run in runs.of_campaign(connection, slug)):
            return False
        campaigns.act(connection, campaign, CampaignAction.FINISH)
        campaigns.note(connection, who="engine", action="finish", what=slug)
    return True


def _may_bounce(run: Run, now: datetime) -> bool:
    """Whether an e-mail of this run may still come back, so that its people must be handed on to a next channel."""
    follows = run.mode is CascadeMode.CASCADE and Channel.EMAIL in run.steps[:-1]
    return follows and run.finished_at is not None and run.finished_at + BOUNCES_WITHIN > now


def _digest(content: Mapping[str, Any]) -> str:
    return sha256(canonical(content)).hexdigest()
