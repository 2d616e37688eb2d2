"""Zalo's registered templates: what is read of one, and what is found before anything is sent."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from adapter_harness import http_server, run
from aiohttp import web
from zalo_server import ZaloServer, zalo

from channels.contract import Content, ErrorKind, SendError
from channels.templates import Misfit, Parameter, Registered
from channels.zalo import Zalo

ID = "214507"
INFO: dict[str, Any] = {
    "templateId": 214507, "templateName": "Nhắc hẹn", "status": "ENABLE", "price_sdt": "200.0",
    "listParams": [
        {"name": "ten", "require": True, "type": "STRING", "maxLength": 8, "minLength": 2, "acceptNull": False},
        {"name": "ghi_chu", "require": False, "type": "STRING", "maxLength": "5", "minLength": 0, "acceptNull": True},
    ],
}  # fmt: skip


@asynccontextmanager
async def at(server: ZaloServer, **settings: Any) -> AsyncIterator[Zalo]:
    async with http_server(server.answer) as port:
        adapter = zalo(port, **settings)
        yield adapter
        await adapter.aclose()


def filled(**values: str) -> Content:
    return Content(channel="zalo_zns", template_id=ID, parameters=values)


def test_a_template_is_read_with_its_price_and_what_it_asks_for() -> None:
    async def story() -> None:
        server = ZaloServer(templates={ID: INFO})
        async with at(server) as adapter:
            found = await adapter.registered(ID)
        ten = Parameter("ten", True, "STRING", 2, 8, False)
        assert found == Registered(
            ID, "Nhắc hẹn", "ENABLE", True, 200, (ten, Parameter("ghi_chu", False, "STRING", 0, 5, True))
        )
        assert server.asked == [f"/template/info/v2 {ID}"]

    run(story())


@pytest.mark.parametrize("status", ["PENDING_REVIEW", "REJECT", "DISABLE", None])
def test_only_an_enabled_template_is_usable(status: str | None) -> None:
    async def story() -> None:
        async with at(ZaloServer(templates={ID: {**INFO, "status": status}})) as adapter:
            found = await adapter.registered(ID)
        assert found is not None
        assert not found.usable

    run(story())


def test_a_template_zalo_does_not_have_is_none_and_one_of_another_oa_is_refused_for_good() -> None:
    async def story() -> None:
        server = ZaloServer()
        async with at(server) as adapter:
            assert await adapter.registered("1") is None
            server.answers.append({"error": -117, "message": "no"})
            with pytest.raises(SendError) as caught:
                await adapter.registered(ID)
        assert (caught.value.kind, caught.value.code) == (ErrorKind.REJECTED, "-117")

    run(story())


def test_a_question_renews_a_refused_token_and_asks_once_more() -> None:
    async def story() -> None:
        server = ZaloServer(templates={ID: INFO}, answers=[{"error": -124, "message": "no"}])
        async with at(server) as adapter:
            found = await adapter.registered(ID)
        assert found is not None
        assert (len(server.asked), len(server.renewals)) == (2, 1)

    run(story())


@pytest.mark.parametrize("status", [500, 404, 429])
def test_a_question_that_fails_is_never_uncertain(status: int) -> None:
    async def story() -> None:
        async with at(ZaloServer(answers=[web.Response(status=status, text="<html>")])) as adapter:
            with pytest.raises(SendError) as caught:
                await adapter.registered(ID)
        assert caught.value.kind is not ErrorKind.UNCERTAIN

    run(story())


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"ten": "ông Hùng", "ghi_chu": ""}, None),
        ({"ten": "ông Hùng"}, None),
        ({"ten": "ông Hùng Dũng"}, Misfit.TOO_LONG),
        ({"ten": "H"}, Misfit.TOO_SHORT),
        ({"ten": ""}, Misfit.MISSING),
        ({"ghi_chu": "x"}, Misfit.MISSING),
        ({"ten": "ông Hùng", "ghi_chu": "dài quá rồi"}, Misfit.TOO_LONG),
    ],
)
def test_what_a_learnt_template_does_not_take_is_found_before_it_is_sent(
    values: dict[str, str], code: Misfit | None
) -> None:
    async def story() -> None:
        server = ZaloServer(templates={ID: INFO})
        async with at(server) as adapter:
            await adapter.learn({ID})
            problems = adapter.check(filled(**values))
        assert [problem.code for problem in problems] == ([] if code is None else [code])
        assert not [value for problem in problems for value in values.values() if value and value in problem.what]

    run(story())


def test_a_template_is_asked_for_once_an_hour_whatever_the_number_of_messages() -> None:
    async def story() -> None:
        server = ZaloServer(templates={ID: INFO})
        async with at(server) as adapter:
            for _ in range(5):
                await adapter.learn({ID})
        assert len(server.asked) == 1

    run(story())


def test_what_cannot_be_learnt_is_left_to_zalos_answer_and_not_asked_for_with_every_message() -> None:
    async def story() -> None:
        server = ZaloServer(answers=[web.Response(status=500)] * 9)
        async with at(server) as adapter:
            for _ in range(5):
                await adapter.learn({ID})
            assert adapter.check(filled(ten="ông Hùng Dũng Cường")) == []
        assert len(server.asked) == 1

    run(story())


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        ("NUMBER", ("0", "1200000", "1.200.000", "-3"), ("", "hai", "12k", "1 200")),
        ("DATE", ("24/11/2026", "08:30 24/11/2026", "08:30:00 24/11/2026"), ("24-11-2026", "mai", "31/02/2026")),
        ("STRING", ("", "gì cũng được"), ()),
        ("", ("gì cũng được",), ()),
    ],
)
def test_values_are_judged_by_the_kind_of_their_parameter(
    kind: str, good: tuple[str, ...], bad: tuple[str, ...]
) -> None:
    assert [Zalo.kind_misfit(kind, value) for value in good] == [None] * len(good)
    assert [Zalo.kind_misfit(kind, value) for value in bad] == [Misfit.NOT_OF_ITS_KIND] * len(bad)


@pytest.mark.parametrize(
    "strange",
    [
        {"status": "ENABLE", "listParams": "x", "price_sdt": [1]},
        {"status": "ENABLE", "listParams": [1, None, {"name": "a", "maxLength": "x" * 40, "minLength": -3}]},
        {"status": "ENABLE", "listParams": [{"name": "a", "maxLength": True, "minLength": 10**30, "require": False}]},
    ],
)  # fmt: skip
def test_what_cannot_be_read_of_a_template_limits_nothing(strange: dict[str, Any]) -> None:
    async def story() -> None:
        async with at(ZaloServer(templates={ID: strange})) as adapter:
            await adapter.learn({ID})
            assert adapter.check(filled(a="gì cũng được")) == []

    run(story())
