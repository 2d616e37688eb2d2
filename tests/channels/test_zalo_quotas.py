"""Zalo's quotas: asked for, and taken from the answers to messages."""

from __future__ import annotations

from typing import Any

import pytest
from adapter_harness import http_server, run
from aiohttp import web
from zalo_server import ZaloServer, consultation, template, zalo

from channels.abilities import Quota
from channels.contract import SendError

TEMPLATES = {"/message/quota": {"dailyQuota": "500", "remainingQuota": "499"}}
PACKAGE = {
    "/v3.0/oa/quota/message": [
        {"asset_id": "a", "total": 2000, "remain": 1500},
        {"asset_id": "b", "total": "100", "remain": "7"},
    ]
}


def asked(server: ZaloServer) -> list[Quota]:
    async def story() -> list[Quota]:
        async with http_server(server.answer) as port:
            adapter = zalo(port)
            try:
                return list(await adapter.quotas())
            finally:
                await adapter.aclose()

    return run(story())


def test_templates_are_counted_by_the_day_and_messages_by_the_package() -> None:
    left = Quota("zalo_zns", 499, 500, daily=True), Quota("zalo_oa", 1507, 2100, daily=False)
    assert asked(ZaloServer(quotas={**TEMPLATES, **PACKAGE})) == list(left)


def test_what_one_call_does_not_tell_does_not_hide_the_other() -> None:
    assert asked(ZaloServer(quotas=dict(TEMPLATES))) == [Quota("zalo_zns", 499, 500)]
    assert asked(ZaloServer(quotas=dict(PACKAGE))) == [Quota("zalo_oa", 1507, 2100, daily=False)]


@pytest.mark.parametrize("strange", ["", "many", None, -1, True, 10**30, [1]])
def test_what_cannot_be_read_is_not_known_and_never_nought(strange: object) -> None:
    told = {"/message/quota": {"remainingQuota": strange}, "/v3.0/oa/quota/message": [{"remain": strange}, "x"]}
    assert asked(ZaloServer(quotas=told)) == []


def test_a_refusal_of_both_is_told() -> None:
    with pytest.raises(SendError):
        asked(ZaloServer())
    with pytest.raises(SendError):
        asked(ZaloServer(answers=[web.Response(status=502)]))


def answers(*quotas: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"error": 0, "data": {"message_id": "m", "msg_id": "m", "quota": quota}} for quota in quotas]


def told(server: ZaloServer, *messages: Any) -> list[Quota]:
    async def story() -> list[Quota]:
        async with http_server(server.answer) as port:
            adapter = zalo(port)
            for message in messages:
                await adapter.send(message)
            first, again = list(adapter.told_quotas()), adapter.told_quotas()
            assert list(again) == []
            await adapter.aclose()
            return first

    return run(story())


def test_answers_to_templates_tell_what_is_left_whatever_their_order() -> None:
    said = answers(*({"dailyQuota": "500", "remainingQuota": left} for left in ("11", "9", "10")))
    assert told(ZaloServer(answers=said), *[template()] * 3) == [Quota("zalo_zns", 9, 500)]


def test_a_reply_takes_nothing_of_the_package_and_what_comes_later_does() -> None:
    reply = {"quota_type": "reply", "remain": "7", "total": "8"}
    paid = {"quota_type": "sub_quota", "owner_type": "OA", "remain": "1999", "total": "2000"}
    of_the_app = {**paid, "owner_type": "App", "remain": "3"}
    assert told(ZaloServer(answers=answers(reply, of_the_app)), *[consultation()] * 2) == []
    assert told(ZaloServer(answers=answers(paid)), consultation()) == [Quota("zalo_oa", 1999, 2000, daily=False)]
