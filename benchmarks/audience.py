"""The audience's part: an import, the same file again, and how long each segment takes to count."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from datetime import date

from benchmarks.measures import Import, Segment
from benchmarks.people import places, write_people
from benchmarks.processes import BenchmarkError, output_of
from benchmarks.site import Site
from outreach.audience.units import load_official
from outreach.domain.scope import EVERYTHING
from outreach.domain.segment_file import load_segments
from outreach.domain.segments import Rule
from outreach.store import segments

_TIMES = 5


def today(site: Site) -> date:
    """The installation's calendar day."""
    return site.runtime.clock.now().astimezone(site.runtime.settings.zone).date()


def measure_imports(site: Site) -> list[Import]:
    """The first import of everybody, then the same file again."""
    with site.runtime.engine.begin() as connection:
        load_official(connection)
        where = places(connection)
    file = site.folder / "people.csv"
    write_people(file, site.parameters.people, where, today(site))
    found = [Import(**json.loads(output_of("benchmarks.importing", str(file)))) for _ in range(2)]
    if found[0].rejected or found[1].unchanged != found[0].added:
        raise BenchmarkError(f"the import is not what was written: {found}")
    return found


def measure_segments(site: Site) -> Sequence[Segment]:
    """Every segment of `campaigns/segments.yaml`, people and addresses by channel, a few times each."""
    known = load_segments(site.runtime.settings.campaigns_dir / "segments.yaml")
    return [_count(site, name, segment.where) for name, segment in known.items()]


def _count(site: Site, name: str, rule: Rule) -> Segment:
    people, taken = 0, []
    with site.runtime.engine.connect() as connection:
        for _ in range(_TIMES):
            started = time.perf_counter()
            people = segments.count(connection, rule, scope=EVERYTHING, today=today(site)).contacts
            taken.append(1000 * (time.perf_counter() - started))
    return Segment(name, people, taken)
