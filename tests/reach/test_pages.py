"""Pages of deliveries hold what is wanted and nothing else, whichever way they are found."""

from __future__ import annotations

from itertools import product

import pytest

from outreach.domain.scope import EVERYTHING, Scope
from outreach.domain.states import DeliveryState
from outreach.domain.words import Channel
from outreach.reach.counting import sum_up_all
from outreach.store import explorer, unit_counts
from outreach.store.explorer import Listed, Wanted
from tests.reach.reach_world import OFFICER, ReachWorld
from tests.reach.test_archiving import past

PROVINCE = Scope("01/", "province@demo.vn")


def pages(land: ReachWorld, wanted: Wanted, scope: Scope) -> list[Listed]:
    """All pages of three."""
    found: list[Listed] = []
    with land.engine.connect() as connection:
        while True:
            page = explorer.page(connection, "thu", wanted, limit=3, scope=scope)
            found += page
            if len(page) < 3:
                return found
            wanted = Wanted(
                wanted.state, wanted.channel, wanted.reason, wanted.message, (page[-1].run, page[-1].delivery)
            )


@pytest.mark.parametrize("few", [0, 20])
@pytest.mark.parametrize("summed", [True, False])
@pytest.mark.parametrize("scope", [EVERYTHING, PROVINCE, OFFICER], ids=["everything", "province", "commune"])
def test_every_combination_of_filters_finds_its_deliveries_in_order(
    land: ReachWorld, monkeypatch: pytest.MonkeyPatch, scope: Scope, few: int, summed: bool
) -> None:
    monkeypatch.setattr(explorer, "_FEW", few)
    monkeypatch.setattr(unit_counts, "LARGE", 1 if summed else 1000)
    past(land, 3, at_first=lambda: sum_up_all(land.engine, land.clock))
    whole = pages(land, Wanted(), scope)
    paths = {None: "", "01": "01/", "00454": "01/00454/", "00004": "01/00004/"}
    own = [row for row in land.rows() if scope.everything or paths[row.unit_code].startswith(scope.path)]
    assert [(one.run, one.delivery) for one in whole] == sorted((row.run_id, row.id) for row in own)
    states = (None, DeliveryState.FAILED, DeliveryState.UNKNOWN, DeliveryState.PLANNED, DeliveryState.SUPPRESSED)
    for state, channel, reason, message in product(
        states, (None, Channel.EMAIL), ("", "rejected", "no_address", "nothing"), ("", "chao", "nobody")
    ):
        wanted = Wanted(state=state, channel=channel, reason=reason, message=message)
        assert pages(land, wanted, scope) == [
            one
            for one in whole
            if state in (None, one.state) and channel in (None, one.channel)
            and reason in ("", one.reason) and message in ("", one.message)
        ]  # fmt: skip


def test_what_failed_without_a_reason_is_found(land: ReachWorld) -> None:
    past(land, 3)
    failed = land.rows("d.state = 'failed'")
    assert failed
    with land.engine.connect() as connection:
        found = explorer.page(connection, "thu", Wanted(state=DeliveryState.FAILED), limit=1000, scope=EVERYTHING)
    assert {(one.run, one.delivery) for one in found} == {(row.run_id, row.id) for row in failed}
