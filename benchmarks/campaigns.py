"""Campaigns to everybody: loaded, approved, launched and planned as any other, and held back until the clock starts."""

from __future__ import annotations

import time
from datetime import timedelta
from pathlib import Path

from sqlalchemy import text

from benchmarks.audience import today
from benchmarks.measures import Plan
from benchmarks.processes import BenchmarkError
from benchmarks.site import Site
from benchmarks.usage import tree_seconds
from outreach.cli.campaign_files import load_campaign
from outreach.domain.lifecycle import RunState
from outreach.planning import actions
from outreach.planning.forecast import forecast
from outreach.planning.occurrences import schedule_due
from outreach.planning.planner import plan_run
from outreach.store import runs
from outreach.store.versions import read_version

EVERYBODY = "{kind: {in: [person, business]}}"
WARM = '{attr.warm: "1"}'
_STAFF, _LEADER = "staff@example.org", "leader@example.org"
_TEXT = "{{ issuer }} thông báo tới {{ contact | salute }}: hồ sơ đã có kết quả, mời đến bộ phận một cửa để nhận."
_FILE = """
campaign: {slug}
title: Đo lường
issuer: UBND thành phố
starts: {starts}
ends: {ends}
messages:
  - id: thong-bao
    segment: {segment}
    text: {{sms: "{text}"}}
    channels: [sms]
    schedule: {{at: launch}}
"""


def plan(site: Site, slug: str, segment: str, *, caps_from_nothing: bool = True) -> Plan:
    """A campaign planned and paused; where caps count from nothing, every time plans the same work."""
    engine, clock, accounts = site.runtime.engine, site.runtime.clock, site.runtime.accounts
    if caps_from_nothing:
        with engine.begin() as connection:
            connection.execute(text("TRUNCATE contact_ledger"))
    foreseen = _launch(site, slug, segment)
    schedule_due(engine, clock)
    with engine.connect() as connection:
        run = runs.in_state(connection, RunState.SCHEDULED, slug)[0].id
    postmaster = site.postmaster()
    used, started = tree_seconds(postmaster), time.perf_counter()
    planned = plan_run(engine, run, accounts, clock)
    seconds, used = time.perf_counter() - started, tree_seconds(postmaster) - used
    if planned is None or planned.state is not RunState.SENDING:
        raise BenchmarkError(f"the run was not planned: {planned}")
    actions.pause(engine, slug, who=_STAFF)
    return Plan(run, slug, planned.audience, states(site, run).get("planned", 0), seconds, foreseen, used)


def resume(site: Site, slug: str) -> None:
    """Let it go."""
    actions.resume(site.runtime.engine, slug, who=_STAFF)


def cancel(site: Site, slug: str) -> None:
    """End it: what has not left stays."""
    actions.cancel(site.runtime.engine, slug, site.runtime.clock, who=_STAFF)


def states(site: Site, run: int) -> dict[str, int]:
    """How many deliveries of a run are in which state."""
    with site.runtime.engine.connect() as connection:
        return {state: n for (_, _, state), n in runs.counts(connection, [run]).items()}


def load(site: Site, slug: str, segment: str) -> int:
    """Store a campaign; returns its version."""
    return load_campaign(site.runtime, _file(site, slug, segment), who=_STAFF).version


def _launch(site: Site, slug: str, segment: str) -> float:
    """Load, submit, approve as a second person, launch; returns how long the forecast took (s)."""
    runtime = site.runtime
    version = load(site, slug, segment)
    actions.submit(runtime.engine, slug, who=_STAFF)
    with runtime.engine.connect() as connection:
        frozen = read_version(connection, slug, version, 0)
    started = time.perf_counter()
    figures = forecast(runtime.engine, frozen, runtime.accounts, runtime.clock.now())
    seconds = time.perf_counter() - started
    actions.approve(runtime.engine, slug, figures, n=version, who=_LEADER)
    prepared = actions.prepare_launch(runtime.engine, slug, runtime.clock, starting=None)
    actions.launch(runtime.engine, prepared, runtime.clock, who=_STAFF)
    return seconds


def _file(site: Site, slug: str, segment: str) -> Path:
    file, day = site.folder / f"{slug}.yaml", today(site)
    file.write_text(_FILE.format(slug=slug, text=_TEXT, segment=segment, starts=day, ends=day + timedelta(days=30)))
    return file
