"""How many statements of SQL a message takes: counted where the engine hands them to the driver."""

from __future__ import annotations

from collections import Counter
from typing import Any

from sqlalchemy import event

from benchmarks import campaigns
from benchmarks.measures import Plan
from benchmarks.processes import BenchmarkError
from benchmarks.site import ACCOUNT, Site
from outreach.domain.words import Lane

_SECONDS = 1.0


def statements_a_message(site: Site, plan: Plan) -> float:
    """Of one drain of a second in this process, beginnings and ends of transactions among them."""
    campaigns.resume(site, plan.campaign)
    sending = site.runtime.sending()
    seen: Counter[str] = Counter()

    def count(*_: Any) -> None:
        seen["statements"] += 1

    engine = sending.dispatcher.engine
    for what in ("before_cursor_execute", "begin", "commit", "rollback"):
        event.listen(engine, what, count)
    try:
        sent = sending.dispatcher.drain(ACCOUNT, Lane.BULK, longest=_SECONDS).sent
    finally:
        sending.dispatcher.loop.close()
        engine.dispose()
        campaigns.cancel(site, plan.campaign)
    if not sent:
        raise BenchmarkError("nothing was sent while statements were counted")
    return seen["statements"] / sent
