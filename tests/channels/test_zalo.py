"""Zalo: what is written to the wire, what its answers mean, tokens that rotate under sending."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from adapter_harness import everything_shown, http_server, mute_server, run
from aiohttp import web
from zalo_server import (
    ACCESS,
    APP_ID,
    APP_SECRET,
    FIRST,
    PRIVATE,
    TEXT,
    USER,
    MemoryVault,
    ZaloServer,
    consultation,
    lasting,
    template,
    zalo,
)

from channels import zalo_codes
from channels.contract import Content, ErrorKind, Lease, Outgoing, ReceiptState, SendError
from channels.zalo import Zalo
from channels.zalo_api import ZaloConfig

ENDED = timedelta(seconds=-1)
SAID_BY_ZALO = {
    ErrorKind.THROTTLED: (-32,),
    ErrorKind.TRANSIENT: (-100, -200),
    ErrorKind.POSTPONED: (-211, -218, -144, -147, -1441, -1471, -1472, -160, -133, -234),
    ErrorKind.REJECTED: (
        -108, -110, -114, -118, -119, -139, -140, -141, -213, -217, -227, -244, -109, -111, -112, -1121, -1122, -1124,
        -116, -121, -122, -131, -132, -145, -146, -201, -210, -233, -248, -249,
    ),
    ErrorKind.WINDOW_CLOSED: (-230, -232),
    ErrorKind.MISCONFIGURED: (
        -101, -102, -103, -104, -105, -115, -117, -120, -125, -135, -1351, -136, -137, -138, -209, -212, -219, -221,
        -223, -224, -320, -321, -216, -220, -124,
    ),
}  # fmt: skip
"""Every code Zalo's pages name for messages; the last three only where a new token is refused too."""


@asynccontextmanager
async def at(server: ZaloServer, **settings: Any) -> AsyncIterator[Zalo]:
    """An adapter that speaks with a server."""
    async with http_server(server.answer) as port:
        adapter = zalo(port, **settings)
        yield adapter
        await adapter.aclose()


async def refused(adapter: Zalo, outgoing: Outgoing | None = None) -> SendError:
    with pytest.raises(SendError) as caught:
        await adapter.send(outgoing or consultation())
    return caught.value


def refusal(code: int | str, message: str = "no") -> dict[str, Any]:
    return {"error": code, "message": message}


def test_a_consultation_message_goes_to_a_user_of_the_oa() -> None:
    async def story() -> None:
        server = ZaloServer()
        async with at(server) as adapter:
            accepted = await adapter.send(consultation())
        assert server.sent == [
            ("/v3.0/oa/message/cs", {"recipient": {"user_id": USER}, "message": {"text": TEXT}}),
        ]
        assert accepted.provider_id == "m1"

    run(story())


def test_a_template_goes_to_a_phone_number_with_our_key() -> None:
    async def story() -> None:
        server = ZaloServer()
        async with at(server) as adapter:
            await adapter.send(template("7.42.1"))
        [(path, body)] = server.sent
        assert path == "/message/template"
        assert body == {
            "phone": "84912345678", "template_id": "214507", "tracking_id": "7.42.1",
            "template_data": {"ho_ten": "ông Hùng", "ma_ho_so": "H1"},
        }  # fmt: skip

    run(story())


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (Content(channel="zalo_oa", body="x" * 2000), None),
        (Content(channel="zalo_oa", body="x" * 2001), "too_long"),
        (Content(channel="zalo_oa", body=" \n"), "empty"),
        (Content(channel="zalo_zns", template_id="214507", parameters={"ten": "An"}), None),
        (Content(channel="zalo_zns", parameters={"ten": "An"}), "template_id"),
        (Content(channel="zalo_zns", template_id="214507"), "parameters"),
        (Content(channel="sms", body="x"), "channel"),
    ],
)
def test_what_zalo_would_refuse_is_found_before(content: Content, code: str | None) -> None:
    assert [problem.code for problem in zalo(1).check(content)] == ([] if code is None else [code])


@pytest.mark.parametrize(("kind", "code"), [(kind, code) for kind, codes in SAID_BY_ZALO.items() for code in codes])
def test_every_code_of_zalo_has_its_kind_and_plain_words(kind: ErrorKind, code: int) -> None:
    meaning = zalo_codes.CODES[str(code)]
    assert meaning.kind is kind
    assert len(meaning.reason.split()) >= 3
    assert (kind in (ErrorKind.POSTPONED, ErrorKind.THROTTLED)) == (meaning.until is not zalo_codes.Until.UNSAID)


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (-100, ErrorKind.TRANSIENT),
        ("-118", ErrorKind.REJECTED),
        (-230, ErrorKind.WINDOW_CLOSED),
        (-131, ErrorKind.REJECTED),
        (-115, ErrorKind.MISCONFIGURED),
        (-32, ErrorKind.THROTTLED),
        (-144, ErrorKind.POSTPONED),
        (-133, ErrorKind.POSTPONED),
        (-9999, ErrorKind.TRANSIENT),
    ],
)
def test_an_error_in_a_good_answer_is_an_error(code: int | str, kind: ErrorKind) -> None:
    async def story() -> None:
        server = ZaloServer(answers=[refusal(code, f"not for {USER}")])
        async with at(server) as adapter:
            error = await refused(adapter)
        assert (error.kind, error.code) == (kind, str(code))
        assert USER not in everything_shown(error)
        assert len(server.sent) == 1

    run(story())


@pytest.mark.parametrize(
    ("code", "message", "kind"),
    [
        (-32, "Your application reached limit call api", ErrorKind.THROTTLED),
        (-32, "Your application reached limit calls per day", ErrorKind.POSTPONED),
        (-223, "OA has not upgraded its package", ErrorKind.MISCONFIGURED),
        (-223, "OA has exceeded the quota of this function", ErrorKind.POSTPONED),
    ],
)
def test_codes_that_mean_several_things_are_told_apart_by_their_message(
    code: int, message: str, kind: ErrorKind
) -> None:
    assert zalo_codes.meaning(str(code), message).kind is kind


@pytest.mark.parametrize(
    ("code", "now", "then"),
    [
        ("-133", "2026-11-23T23:10", "2026-11-24T06:05"),
        ("-234", "2026-11-23T02:00", "2026-11-23T06:05"),
        ("-144", "2026-11-23T09:30", "2026-11-24T00:05"),
        ("-32", "2026-11-23T09:30:40", "2026-11-23T09:31"),
    ],
)
def test_what_comes_too_early_says_when_to_come_back(code: str, now: str, then: str) -> None:
    moment, back = (datetime.fromisoformat(text).replace(tzinfo=zalo_codes.HANOI) for text in (now, then))
    wait = zalo_codes.CODES[code].retry_after(moment.astimezone(UTC))
    assert wait is not None
    assert moment + timedelta(seconds=wait) == back


def test_while_a_quota_is_used_up_its_channel_is_not_asked_again_and_the_other_goes_on() -> None:
    async def story() -> None:
        server = ZaloServer(answers=[refusal(-144)])
        async with at(server) as adapter:
            first = await refused(adapter, template("7.42.1"))
            second = await refused(adapter, template("7.43.1"))
            assert (await adapter.send(consultation())).provider_id
        assert [error.kind for error in (first, second)] == [ErrorKind.POSTPONED] * 2
        assert second.code == "-144"
        assert [path for path, _ in server.sent] == ["/message/template", "/v3.0/oa/message/cs"]

    run(story())


def test_a_refusal_for_one_recipient_shuts_nothing() -> None:
    async def story() -> None:
        server = ZaloServer(answers=[refusal(-133)])
        async with at(server) as adapter:
            assert (await refused(adapter, template("7.42.1"))).retry_after is not None
            assert (await adapter.send(template("7.43.1"))).provider_id

    run(story())


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (429, ErrorKind.THROTTLED),
        (503, ErrorKind.THROTTLED),
        (500, ErrorKind.UNCERTAIN),
        (504, ErrorKind.UNCERTAIN),
        (404, ErrorKind.MISCONFIGURED),
        (403, ErrorKind.MISCONFIGURED),
        (302, ErrorKind.MISCONFIGURED),
        (413, ErrorKind.REJECTED),
    ],
)
def test_other_statuses_than_200_are_judged_by_what_may_have_happened(status: int, kind: ErrorKind) -> None:
    async def story() -> SendError:
        answer = web.Response(status=status, headers={"Retry-After": "9", "Location": "/elsewhere"})
        async with at(ZaloServer(answers=[answer])) as adapter:
            return await refused(adapter)

    error = run(story())
    assert error.kind is kind
    assert kind is not ErrorKind.THROTTLED or error.retry_after == 9


@pytest.mark.parametrize("text", ["", "null", "[]", '{"data": {"msg_id": "m1"}}', '{"error": "broken"}', "[" * 100_000])
def test_an_answer_that_cannot_be_read_leaves_the_message_uncertain(text: str) -> None:
    async def story() -> SendError:
        async with at(ZaloServer(answers=[web.Response(text=text)])) as adapter:
            return await refused(adapter)

    assert run(story()).kind is ErrorKind.UNCERTAIN


def test_a_message_taken_without_an_id_is_uncertain() -> None:
    async def story() -> SendError:
        async with at(ZaloServer(answers=[{"error": 0, "data": {}}])) as adapter:
            return await refused(adapter)

    assert run(story()).kind is ErrorKind.UNCERTAIN


@pytest.mark.parametrize("code", sorted(zalo_codes.RENEW))
def test_a_refused_token_is_renewed_once_and_the_message_sent_once_more(code: str) -> None:
    async def story() -> None:
        server = ZaloServer(answers=[refusal(code)])
        async with at(server) as adapter:
            assert (await adapter.send(consultation())).provider_id == "m2"
        assert server.renewals == [
            {"refresh_token": FIRST, "app_id": APP_ID, "grant_type": "refresh_token", "secret_key": APP_SECRET}
        ]

    run(story())


def test_a_token_refused_twice_needs_a_person() -> None:
    async def story() -> None:
        server = ZaloServer(answers=[refusal(-216), refusal(-216)])
        async with at(server) as adapter:
            error = await refused(adapter)
        assert error.kind is ErrorKind.MISCONFIGURED
        assert len(server.sent) == 2
        assert len(server.renewals) == 1

    run(story())


def test_an_ended_token_is_renewed_before_it_is_used() -> None:
    async def story() -> None:
        server, vault = ZaloServer(), MemoryVault(lasting(ENDED))
        async with at(server, vault=vault) as adapter:
            await adapter.send(consultation())
            await adapter.send(consultation())
        assert len(server.renewals) == 1
        assert len(server.sent) == 2
        assert vault.pair.access == f"{ACCESS}-1"
        assert timedelta(hours=24) < vault.pair.expires_at - datetime.now(UTC) <= timedelta(hours=25)

    run(story())


def test_a_lost_refresh_token_says_what_to_do() -> None:
    async def story() -> None:
        server, vault = ZaloServer(number=5), MemoryVault(lasting(ENDED))
        async with at(server, vault=vault) as adapter:
            error = await refused(adapter)
        assert (error.kind, error.code) == (ErrorKind.MISCONFIGURED, "-14014")
        assert "authorise the app" in error.reason
        assert server.sent == []
        assert [word for word in PRIVATE if word in everything_shown(error)] == []

    run(story())


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (web.json_response({"error": -14001, "error_name": "Invalid app secret"}), ErrorKind.MISCONFIGURED),
        (web.Response(status=400), ErrorKind.MISCONFIGURED),
        (web.Response(status=502), ErrorKind.THROTTLED),
        (web.Response(status=429), ErrorKind.THROTTLED),
        (web.Response(text="<html>busy</html>"), ErrorKind.THROTTLED),
    ],
)
def test_without_a_token_nothing_leaves_and_no_attempt_is_lost(answer: web.Response, kind: ErrorKind) -> None:
    async def story() -> None:
        server = ZaloServer(token_answer=answer)
        async with at(server, vault=MemoryVault(lasting(ENDED))) as adapter:
            error = await refused(adapter)
        assert error.kind is kind
        assert server.sent == []

    run(story())


def test_a_silent_token_service_leaves_no_message_uncertain() -> None:
    async def story() -> None:
        server = ZaloServer()
        async with mute_server() as (mute_port, got):
            settings = {"oauth_url": f"http://127.0.0.1:{mute_port}", "vault": MemoryVault(lasting(ENDED))}
            async with at(server, timeout=0.3, **settings) as adapter:
                error = await refused(adapter)
        assert error.kind is ErrorKind.THROTTLED
        assert error.retry_after is not None
        assert b"refresh_token" in got
        assert server.sent == []

    run(story())


def test_a_lease_that_ends_while_the_token_is_renewed_lets_nothing_out() -> None:
    async def story() -> None:
        server, lease, reached = ZaloServer(), Lease.lasting(30), asyncio.Event()
        release = asyncio.Event()
        whole = server.answer

        async def slow(request: web.Request) -> web.StreamResponse:
            reached.set()
            await release.wait()
            return await whole(request)

        server.answer = slow  # type: ignore[method-assign]
        async with at(server, vault=MemoryVault(lasting(ENDED))) as adapter:
            sending = asyncio.create_task(refused(adapter, consultation(lease=lease)))
            await reached.wait()
            lease.deadline = Lease.clock()
            release.set()
            error = await sending
        assert error.kind is ErrorKind.NOT_SENT
        assert server.sent == []

    run(story())


@pytest.mark.parametrize(("life", "renewed"), [(timedelta(hours=25), False), (timedelta(hours=7), True), (ENDED, True)])
def test_an_idle_account_is_kept_fresh(life: timedelta, renewed: bool) -> None:
    async def story() -> None:
        server = ZaloServer()
        async with at(server, vault=MemoryVault(lasting(life))) as adapter:
            assert await adapter.keep_fresh() is renewed
        assert len(server.renewals) == renewed
        assert server.sent == []

    run(story())


@pytest.mark.parametrize("life", ["9" * 13, "9" * 5000, "-5", "soon", 10**13])
def test_a_token_is_not_lost_for_a_life_that_cannot_be_true(life: str | int) -> None:
    async def story() -> None:
        vault = MemoryVault(lasting(ENDED))
        async with at(ZaloServer(life=life), vault=vault) as adapter:
            assert await adapter.keep_fresh()
        assert vault.pair.access == f"{ACCESS}-1"
        assert vault.pair.expires_at - datetime.now(UTC) < timedelta(hours=1)

    run(story())


@pytest.mark.parametrize("setting", ["app_secret", "oa_secret", "refresh_token"])
def test_a_secret_with_a_line_break_is_refused_at_the_start_and_not_shown(setting: str) -> None:
    """In a header it would stop every request half-way; read from a file it happens."""
    with pytest.raises(ValueError, match="line break") as caught:
        zalo(1, **{setting: "hidden-secret\n"})
    assert "hidden-secret" not in str(caught.value)


@pytest.mark.parametrize("life", ["90000", 90000])
def test_the_life_of_a_token_may_be_written_as_text_or_number(life: str | int) -> None:
    async def story() -> None:
        vault = MemoryVault(lasting(ENDED))
        async with at(ZaloServer(life=life), vault=vault) as adapter:
            await adapter.keep_fresh()
        assert vault.pair.expires_at - datetime.now(UTC) > timedelta(hours=24)

    run(story())


def test_delivery_is_the_proof_but_where_an_oa_sends_no_receipts() -> None:
    silent = zalo(1, receipts=False)._config
    loud = zalo(1)._config
    assert Zalo.proof_on("zalo_oa", loud) is ReceiptState.DELIVERED
    assert Zalo.proof_on("zalo_oa", silent) is ReceiptState.ACCEPTED
    assert Zalo.proof_on("zalo_zns", silent) is ReceiptState.DELIVERED


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"base_url": "http://openapi.zalo.me"}, "unencrypted"),
        ({"oauth_url": "http://oauth.zaloapp.com"}, "unencrypted"),
        ({"business_url": "zalo.me"}, "write an address"),
        ({"app_id": "my app"}, "app_id"),
    ],
)
def test_wrong_settings_are_told_without_their_secrets(changes: dict[str, str], what: str) -> None:
    with pytest.raises(ValueError, match=what) as caught:
        zalo(1, **changes)
    assert [word for word in PRIVATE if word in str(caught.value)] == []


def test_by_default_it_is_the_real_zalo_that_is_spoken_to() -> None:
    config = ZaloConfig(app_id="1", app_secret="s", oa_id="2", oa_secret="t", refresh_token="r")
    assert config.base_url == "https://openapi.zalo.me"
    assert config.business_url == "https://business.openapi.zalo.me"
    assert config.oauth_url == "https://oauth.zaloapp.com"
