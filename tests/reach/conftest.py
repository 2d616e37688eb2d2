from __future__ import annotations

import pytest
from sqlalchemy import Engine

from outreach.domain.clock import VirtualClock
from outreach.domain.privacy import KeyRing
from tests.reach.reach_world import ReachWorld


@pytest.fixture
def land(engine: Engine, keys: KeyRing, clock: VirtualClock) -> ReachWorld:
    """A province with a rural commune (2 people in earshot) and a ward (1000 in earshot)."""
    return ReachWorld(engine, keys, clock)
