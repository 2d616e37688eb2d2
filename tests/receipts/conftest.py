"""Citizens of a commune with an OA and a bot."""

from __future__ import annotations

import pytest
from accepted_world import accepted
from joining_world import BOT, OA, Citizens, household

from outreach.receipts.receiver import Receiver
from tests.world import SMS, World


@pytest.fixture
def citizens(world: World) -> Citizens:
    household(world)
    world.accounts = {**world.accounts, "oa": OA, "bot": BOT}
    accounts = {"oa": OA, "bot": BOT, "sms-main": SMS}
    return Citizens(world, Receiver(world.engine, {}, accounts, world.keys, world.clock))


@pytest.fixture
def places(citizens: Citizens, world: World) -> list[tuple[int, int]]:
    """Deliveries that the provider has accepted."""
    return accepted(world)
