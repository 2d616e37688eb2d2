"""Deliveries that the provider has accepted, and what it tells of them."""

from __future__ import annotations

from channels.contract import Receipt, ReceiptState
from outreach.domain.states import DeliveryState
from outreach.store import deliveries
from outreach.store.deliveries import Change
from tests.world import World

CAMPAIGN = """
    campaign: thu
    title: Thử
    issuer: UBND xã
    starts: 2026-01-01
    ends: 2027-12-31
    messages:
      - {id: chao, segment: {kind: person}, text: {sms: "Kinh chao"}, channels: [sms], schedule: {at: launch}}
"""
PEOPLE = 12


def accepted(world: World) -> list[tuple[int, int]]:
    """(run, delivery) of each."""
    for n in range(PEOPLE):
        world.person(f"Người {n}", phone=f"+8491210{n:04}")
    world.launch(CAMPAIGN)
    world.plan()
    found = [(row.run_id, row.id) for row in world.rows("d.state = 'planned'")]
    for state in (DeliveryState.SENDING, DeliveryState.ACCEPTED):
        with world.engine.begin() as connection:
            deliveries.advance(connection, [Change(*place, state) for place in found], now=world.clock.now())
    return found


def receipt(world: World, place: tuple[int, int], key: str, state: ReceiptState = ReceiptState.DELIVERED) -> Receipt:
    return Receipt(key, world.clock.now(), key=f"{place[0]}.{place[1]}.0", state=state)
