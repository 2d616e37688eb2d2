"""What is asked of a provider about its templates, and how often."""

from __future__ import annotations

import pytest
from aiohttp import web
from sqlalchemy import Engine

from channels.station import Station, StationConfig
from outreach.dispatch.desk import asking
from outreach.dispatch.template_check import Verdict, examine, filled
from outreach.dispatch.vault import Vaults
from outreach.domain.privacy import KeyRing
from outreach.domain.words import Channel
from tests.channels.zalo_server import PRIVATE, ZaloServer, serving, zalo
from tests.world import account

ZALO = account("zalo", Channel.ZALO_ZNS, price=200)
INFO = {"status": "ENABLE", "price_sdt": "200", "listParams": [{"name": "ten", "type": "STRING", "maxLength": 5}]}
USED = [filled(f"message {n}", template_id, {"ten": "An"}) for n, template_id in enumerate(("1", "2", "1", "3"))]


def examined(server: ZaloServer, engine: Engine, keys: KeyRing) -> Verdict:
    with serving(server) as port, asking({"zalo": lambda: zalo(port)}, Vaults(engine, keys)) as desk:
        return examine(desk, {"zalo": ZALO}, USED)


def test_each_template_is_asked_about_once_whoever_uses_it(engine: Engine, keys: KeyRing) -> None:
    server = ZaloServer(templates=dict.fromkeys("123", INFO))
    verdict = examined(server, engine, keys)
    assert (verdict.errors, verdict.warnings, len(verdict.prices)) == ([], [], 3)
    assert server.asked == [f"/template/info/v2 {number}" for number in "123"]


def test_a_provider_that_does_not_answer_is_asked_once_for_all_and_every_message_is_warned_of(
    engine: Engine, keys: KeyRing
) -> None:
    server = ZaloServer(answers=[web.Response(status=500)])
    verdict = examined(server, engine, keys)
    assert len(server.asked) == 1
    assert (verdict.errors, len(verdict.warnings)) == ([], len(USED))
    assert all("NOT CHECKED" in told for told in verdict.warnings)
    assert [word for word in PRIVATE for told in verdict.warnings if word in told] == []


def test_a_template_of_another_oa_is_a_mistake_and_the_others_are_asked_about(engine: Engine, keys: KeyRing) -> None:
    server = ZaloServer(templates=dict.fromkeys("123", INFO), answers=[{"error": -117, "message": "no"}])
    verdict = examined(server, engine, keys)
    assert len(server.asked) == 3
    assert [error for error in verdict.errors if "template 1 " in error and "-117" in error] == verdict.errors
    assert len(verdict.errors) == 2  # two messages use it


@pytest.mark.parametrize("code", [-14014, -216])
def test_a_lost_token_is_a_warning_and_no_mistake_of_the_campaign(engine: Engine, keys: KeyRing, code: int) -> None:
    server = ZaloServer(token_answer=web.json_response({"error": code, "error_name": "no"}))
    verdict = examined(server, engine, keys)
    assert verdict.errors == []
    assert all(f"({code})" in told for told in verdict.warnings)


def test_an_account_whose_provider_tells_nothing_does_not_pass_silently(engine: Engine, keys: KeyRing) -> None:
    with asking({"zalo": lambda: Station(StationConfig(), timeout=1)}, Vaults(engine, keys)) as desk:
        verdict = examine(desk, {"zalo": ZALO}, USED)
    assert ["NOT CHECKED" in told for told in verdict.warnings] == [True]
