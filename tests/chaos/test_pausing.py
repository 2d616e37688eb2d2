"""Pause, resume and cancel by real workers: from the moment it is on record, the provider hears nothing more."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from outreach.planning import actions
from outreach.planning.forecast import forecast
from outreach.store.versions import read_version
from tests.chaos.fleet import CHILDREN, WORKERS, Fleet, campaign, esms, fleet, pass_by
from tests.processes import Sandbox, mail, twilio, wait_for

pytestmark = pytest.mark.slow
ALLOWED = 2.0
"""Seconds after the word in which something may still arrive."""
WATCHED = 5.0
AT_WORK = {"twilio": 20, "esms": 10, "smtp": 4}
"""Messages by which each provider is seen to be written to."""
Started = Callable[..., AbstractContextManager[Fleet]]


@pytest.fixture
def start(
    engine: Engine, database_url: str, redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Started]:
    yield partial(fleet, engine, database_url, redis_url, tmp_path, monkeypatch)


def accounts(box: Sandbox) -> str:
    return twilio(box, "50/s") + esms(box, "100/s") + mail(box, "190/s")


def latest(site: Fleet, since: datetime) -> float:
    """Seconds after `since` of the last message; 0 where there was none."""
    last = max(one.moment for one in site.tail.accepted())
    return max(0.0, (last - since).total_seconds())


def stand_in_line(site: Fleet) -> bool:
    """Whether mails that are claimed wait for a connection: a few leave every three seconds unless called back."""
    with site.engine.connect() as connection:
        claimed = text("SELECT count(*) FROM deliveries WHERE state = 'sending' AND account = 'mail'")
        return int(connection.execute(claimed).scalar_one()) >= 40


def test_after_a_pause_nothing_leaves_and_a_resume_goes_on_where_it_stopped(start: Started) -> None:
    people: int = 2000
    found: list[float] = []
    with start(accounts, "--latency", "smtp=3000ms", "--latency", "esms=3000ms") as site:
        site.populate(people, mailboxes=True)
        site.world.launch(campaign("dot-lon", channels=("sms", "email")))
        for _ in range(2):
            before = Counter(one.provider for one in site.tail.accepted())

            def all_go_on(before: Counter[str] = before) -> bool:
                now = Counter(one.provider for one in site.tail.accepted())
                return stand_in_line(site) and all(now[one] >= before[one] + least for one, least in AT_WORK.items())

            wait_for("every account at work", all_go_on, seconds=60)
            actions.pause(site.engine, "dot-lon", who="staff@demo.vn")
            stopped = datetime.now(UTC)
            pass_by(WATCHED)
            found.append(latest(site, stopped))
            standing = len(site.tail.accepted())
            pass_by(1)
            assert len(site.tail.accepted()) == standing
            actions.resume(site.engine, "dot-lon", who="staff@demo.vn")
        site.faults()  # nobody is slow any more
        wait_for("the rest", lambda: len(site.tail.accepted()) >= 2 * people, seconds=90)
        wait_for("all of it on record", lambda: site.waiting("dot-lon") == 0, seconds=60)
        reached = Counter((one.channel, one.to) for one in site.tail.accepted())
    print(f"\nthe last message {', '.join(f'{one:.2f}' for one in found)} s after the pause")
    assert max(found) <= ALLOWED
    assert len(reached) == 2 * people
    assert set(reached.values()) == {1}, "each person once"


def test_after_a_cancel_nothing_leaves_and_nothing_stays_planned(start: Started) -> None:
    with start(accounts, "--latency", "smtp=3000ms", "--latency", "esms=3000ms") as site:
        site.populate(2000, mailboxes=True)
        site.world.launch(campaign("dot-lon", channels=("sms", "email")))
        wait_for(
            "every account at work",
            lambda: stand_in_line(site) and {one.provider for one in site.tail.accepted()} >= {*AT_WORK},
            seconds=60,
        )
        stopped = datetime.now(UTC)
        actions.cancel(site.engine, "dot-lon", site.world.clock, who="staff@demo.vn")
        pass_by(WATCHED)
        late = latest(site, stopped)
        wait_for("the last to be settled", lambda: site.waiting("dot-lon") == 0, seconds=30)
        counts = site.counts()
    print(f"\nthe last message {late:.2f} s after the cancel; {dict(counts)}")
    assert late <= ALLOWED
    assert counts["cancelled"] > 0
    assert counts["unknown"] == 0, "what was called back has not left, and that is known"
    assert site.world.counts_agree()


def planning(site: Fleet) -> str:
    """How the newest run stands: "" before there is one."""
    with site.engine.connect() as connection:
        return str(connection.execute(text("SELECT state FROM runs ORDER BY id DESC LIMIT 1")).scalar() or "")


def test_a_cancel_that_races_with_planning_leaves_nothing_planned(start: Started) -> None:
    people, times = 10_000, 8
    met: Counter[str] = Counter()
    with start(lambda box: twilio(box, "100/s")) as site:
        site.populate(people)
        engine, clock = site.engine, site.world.clock
        slugs = [f"dot-{number}" for number in range(times)]
        for slug in slugs:
            site.world.load(campaign(slug))
            actions.submit(engine, slug, who="staff@demo.vn")
        with engine.connect() as connection:
            frozen = read_version(connection, slugs[0], 1, 0)
        figures = forecast(engine, frozen, site.world.accounts, clock.now())
        late = []
        for number, slug in enumerate(slugs):
            actions.approve(engine, slug, figures, n=1, who="leader@demo.vn")
            prepared = actions.prepare_launch(engine, slug, clock, starting=None)
            actions.launch(engine, prepared, clock, who="staff@demo.vn")
            wait_for("its run", lambda n=number: run_count(site) > n, seconds=30)
            pass_by(0.03 * number)
            met[planning(site)] += 1
            actions.cancel(engine, slug, clock, who="staff@demo.vn")
            late.append((slug, datetime.now(UTC)))
            assert unsent(site, slug) <= CHILDREN * len(WORKERS) * 100, "what was claimed and is given back"
        pass_by(ALLOWED)
        wait_for("what was on its way", lambda: all(site.waiting(slug) == 0 for slug in slugs), seconds=30)
        for slug, returned in late:
            last = max((one.moment for one in site.sent(slug)), default=returned)
            assert (last - returned).total_seconds() <= ALLOWED
        assert site.world.counts_agree()
    print(f"\nthe runs it met: {dict(met)}")
    assert met["scheduled"] + met["planning"] >= 2, "it raced with the planning"


def run_count(site: Fleet) -> int:
    with site.engine.connect() as connection:
        return int(connection.execute(text("SELECT count(*) FROM runs")).scalar_one())


def unsent(site: Fleet, slug: str) -> int:
    """Deliveries that are planned; a chunk on its way is given back within a moment, and swept."""
    with site.engine.connect() as connection:
        found = connection.execute(
            text(
                "SELECT count(*) FROM deliveries d JOIN runs r ON r.id = d.run_id"
                " WHERE r.campaign = :slug AND d.state = 'planned'"
            ),
            {"slug": slug},
        )
        return int(found.scalar_one())
