"""The engine before a provider that takes its time: more children, since each waits for what it has on the wire."""

from __future__ import annotations

from dataclasses import replace

from benchmarks import audience, campaigns, dispatch
from benchmarks.measures import CHILDREN, Parameters, Sent
from benchmarks.processes import stub
from benchmarks.site import site
from channels.http import CONNECTIONS

DELAY = 0.3
"""Seconds before each answer: four children, a hundred messages out each, can do 1,333 a second before it."""
WANTED = 1_000
"""The fewest messages a second."""


def measure_distant(asked: Parameters, people: int) -> Sent:
    """One run to `people`, in an installation of its own."""
    distant = replace(asked, people=people, children=CHILDREN, connections=CONNECTIONS)
    with stub(1, DELAY) as provider, site(provider, distant) as here:
        audience.measure_imports(here)
        plan = campaigns.plan(here, "duong-xa", campaigns.EVERYBODY)
        sent, _, _ = dispatch.measure_engine(here, plan)
    return sent
