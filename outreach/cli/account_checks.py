"""What `outreach doctor` finds in the database: accounts, what waits for them, units, workers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from outreach.cli.findings import Check, Finding, good
from outreach.dispatch.child import Child, myself, proven_dead
from outreach.dispatch.freshness import LOST
from outreach.dispatch.vault import NO_TOKEN, SEALED_TOKEN
from outreach.domain.circuits import Circuit
from outreach.domain.lifecycle import CampaignState
from outreach.domain.quotas import Quota
from outreach.runtime import Runtime
from outreach.store import accounts, bounces, campaigns, circuits, health, moves, polls, quotas, trial, units
from outreach.store.sharing import NOWHERE, with_paths

_RECENT = timedelta(days=2)
_GOING_ON = (CampaignState.RUNNING, CampaignState.PAUSED)
_START = "outreach up, or outreach worker"


def contents(runtime: Runtime) -> Iterator[Check]:
    """The checks that need the database."""
    with runtime.engine.connect() as connection:
        out, standings = accounts.paused(connection), circuits.standings(connection)
        known = units.count(connection)
        children = health.open_children(connection)
        asked = polls.read(connection, list(runtime.accounts))
        held = bounces.held(connection)
        now = runtime.clock.now()
        tests = len(trial.listed(connection))
        adrift = list(_adrift(connection, runtime))
        in_trial = [one.slug for one in campaigns.in_states(connection, *_GOING_ON) if one.trial]
        left = quotas.read(connection, list(runtime.accounts))
    sending = [name for name, account in runtime.accounts.items() if account.provider != "station"]
    if sending:
        yield good("accounts", ", ".join(sending))
    else:
        yield Check(
            "accounts", Finding.DOUBTFUL, "none but the loudspeakers'", f"write {runtime.settings.accounts_file}"
        )
    for name in runtime.accounts.keys() & out.keys():
        why = f"paused since {out[name].since:%Y-%m-%d %H:%M} UTC: {out[name].code} {out[name].reason}".rstrip()
        yield Check(f"account {name}", Finding.BROKEN, why, mending(name, out[name].code))
    for name in runtime.authorising().missing():
        if name not in out:
            yield Check(f"account {name}", Finding.BROKEN, "nobody has authorised it yet", mending(name, NO_TOKEN))
    yield from adrift
    yield from _asked(asked.values(), now)
    for one_held in held.values():
        what = (
            f"too much came back since {one_held.since:%Y-%m-%d %H:%M} UTC: {one_held.n:,} bounces bar nobody before a"
            " person has looked"
        )
        yield Check(f"bounces of {one_held.account}", Finding.DOUBTFUL, what, "outreach bounces held list")
    yield from _quotas(left, runtime.settings.zone, now)
    for one in standings.values():
        if one.circuit is Circuit.OPEN and one.name in runtime.accounts:
            why = f"its provider does not work ({one.cause})"
            again = f"tried again with what is sent next, or by outreach account test {one.name}; ask the provider"
            yield Check(f"account {one.name}", Finding.DOUBTFUL, why, again)
    names = [f"account {name}" for name, account in runtime.accounts.items() if account.trial]
    for name in [*names, *(f"campaign {slug}" for slug in in_trial)]:
        what = f"is in trial mode: it writes to {tests} listed test addresses and to nobody else"
        yield Check(
            name, Finding.DOUBTFUL, what, "outreach account trial list; docs/trial-and-tests.md says how it ends"
        )
    if known:
        yield good("units", f"{known:,} loaded")
    else:
        yield Check("units", Finding.DOUBTFUL, "none are loaded", "outreach units load")
    yield _workers(children)
    yield from _outdated(children, runtime.settings.accounts_file)


def _outdated(children: Iterable[health.Child], file: Path) -> Iterator[Check]:
    """Workers of this machine that began before the accounts file was last written do not know what it says now."""
    written = file.stat().st_mtime if file.exists() else 0.0
    ours = (Child(one.host, one.boot, one.pid, one.started) for one in children if one.host == myself().host)
    if any(one.started < written and not proven_dead(one) for one in ours):
        what = f"{file.name} was changed after their start: they send by what it said then"
        yield Check(
            "workers' accounts", Finding.DOUBTFUL, what, "restart outreach up, or the worker, web and scheduler"
        )


def _adrift(connection: Connection, runtime: Runtime) -> Iterator[Check]:
    """What a change of the accounts file has left behind: units that are not there, deliveries and people of nobody."""
    file = runtime.settings.accounts_file
    for one in with_paths(connection, runtime.accounts.values()):
        if one.unit == NOWHERE:
            what = f"sends nothing: there is no unit {runtime.accounts[one.name].unit!r}"
            yield Check(f"unit of {one.name}", Finding.BROKEN, what, f"mend its unit in {file}")
    for name, n in sorted(moves.waiting(connection, moves.gone(connection, runtime.accounts)).items()):
        what = f"is not in {file}, and {n:,} deliveries wait for it"
        mend = (
            "if others serve its SMS or e-mails, restart the scheduler: they get them; else put the account back under"
            " its old name, or cancel the campaign"
        )
        yield Check(f"account {name}", Finding.BROKEN, what, mend)
    for name, n in health.bound_to_nobody(connection, runtime.accounts).items():
        what = f"{n:,} people came to {name}, which is not in {file}: nothing else can write to them there"
        yield Check(f"addresses of {name}", Finding.DOUBTFUL, what, "put the account back under its old name")


def _asked(found: Iterable[polls.Poll], now: datetime) -> Iterator[Check]:
    """Mailboxes and what else must be asked: whether they answer, and what messages meet at their recipients'."""
    for one in sorted(found, key=lambda poll: poll.name):
        name = f"mailbox of {one.name}"
        if one.failing_since is not None:
            what = f"cannot be read since {one.failing_since:%Y-%m-%d %H:%M} UTC: {one.trouble}"
            yield Check(name, Finding.BROKEN, what, "mend that: bounces are not noticed meanwhile; nothing else waits")
        elif one.polled_at is not None:
            yield good(name, f"read {one.polled_at:%Y-%m-%d %H:%M} UTC")
        if one.warned_at is not None and now - one.warned_at < _RECENT:
            what = f"messages came back for what we are or send, last {one.warned_at:%Y-%m-%d %H:%M} UTC: {one.warning}"
            yield Check(f"mail of {one.name}", Finding.DOUBTFUL, what, "look at SPF, DKIM, DMARC and the server's name")


def _quotas(known: Iterable[Quota], zone: ZoneInfo, now: datetime) -> Iterator[Check]:
    """What providers still take, as they last said."""
    for one in known:
        name, what = f"quota of {one.account}", one.told(zone)
        today = now.astimezone(zone).date()
        if one.nearly_used and one.left_on(today, zone) == one.remaining:
            yield Check(name, Finding.DOUBTFUL, what, "spread what is due, use another channel, or ask for more")
        else:
            yield good(name, what)


def mending(name: str, code: str) -> str:
    """What brings a paused account back: a lost token by another authorisation, the rest once it is mended."""
    if code in (LOST, NO_TOKEN, SEALED_TOKEN):
        again = "" if code == NO_TOKEN else " again"
        return f"authorise the app{again}: outreach account authorise {name}"
    return f"mend that, then: outreach account resume {name}"


def _workers(children: list[health.Child]) -> Check:
    """What the enrolled children tell: they enrol when they first look for something to send, not at their start."""
    here = myself().host
    elsewhere = sum(1 for one in children if one.host != here)
    alive = sum(
        1 for one in children if one.host == here and not proven_dead(Child(one.host, one.boot, one.pid, one.started))
    )
    beside = f"; {elsewhere:,} enrolled on other machines, whose life cannot be seen from here" if elsewhere else ""
    if alive:
        return good("workers", f"{alive:,} living on this machine{beside}")
    if elsewhere:
        return good("workers", f"none on this machine{beside}")
    if children:
        return Check("workers", Finding.DOUBTFUL, "no worker is alive: those that were at work have ended", _START)
    return Check(
        "workers",
        Finding.DOUBTFUL,
        "none has enrolled yet: one enrols with its first run to send, so an idle one cannot be told from none",
        f"if none was started: {_START}",
    )
