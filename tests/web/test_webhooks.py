"""Providers call back: signed, repeated, out of order, too much, and while the database is away."""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import replace
from itertools import islice

import pytest
from sqlalchemy import text
from web_site import PUBLIC_URL, TOKEN, Site, signature

from outreach.domain.states import DeliveryState
from outreach.runtime import Runtime
from outreach.settings import Settings
from outreach.store import deliveries
from outreach.store.deliveries import Change
from outreach.store.engine import connect
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


@pytest.fixture
def path(world: World) -> str:
    """Where the provider tells of the one delivery it has accepted."""
    world.person("An", phone="+84912345678")
    world.launch(CAMPAIGN)
    world.plan()
    row = world.rows()[0]
    place = {"run": row.run_id, "delivery": row.id}
    with world.engine.begin() as connection:
        connection.execute(text("UPDATE deliveries SET state = 'sending', attempt = 1"))
        connection.execute(text("UPDATE run_counts SET state = 'sending'"))
        deliveries.advance(
            connection, [Change(**place, state=DeliveryState.ACCEPTED, provider_id="SM1")], now=world.clock.now()
        )
    return f"/webhooks/sms-main?d={row.run_id}.{row.id}.0"


def stored(world: World) -> int:
    with world.engine.connect() as connection:
        return int(connection.execute(text("SELECT count(*) FROM raw_events")).scalar_one())


def state(world: World) -> str:
    return str(world.rows()[0].state)


def test_a_signed_receipt_moves_its_delivery_and_counts_the_person_as_reached(
    site: Site, world: World, path: str
) -> None:
    assert site.receipt(path, status="delivered").status == 200
    assert state(world) == "delivered"
    with world.engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM reached")).scalar_one() == 1
    assert world.counts_agree()


def test_a_repeated_receipt_is_taken_and_changes_nothing(site: Site, world: World, path: str) -> None:
    assert [site.receipt(path, status="delivered").status for _ in range(3)] == [200, 200, 200]
    assert (stored(world), state(world)) == (1, "delivered")
    assert world.counts_agree()


def test_receipts_in_the_wrong_order_end_in_the_same_state(site: Site, world: World, path: str) -> None:
    for status in ("delivered", "sent", "queued"):
        assert site.receipt(path, status=status).status == 200
    assert (stored(world), state(world)) == (3, "delivered")


def test_a_receipt_with_a_wrong_signature_is_refused_and_nothing_is_stored(site: Site, world: World, path: str) -> None:
    assert site.receipt(path, status="delivered", token="another token").status == 403
    assert site.post(path, {"MessageSid": "SM1", "MessageStatus": "delivered"}).status == 403
    assert site.get(path).status == 403
    assert (stored(world), state(world)) == (0, "accepted")


def test_a_signature_for_another_delivery_does_not_hold(site: Site, world: World, path: str) -> None:
    form = {"MessageSid": "SM1", "MessageStatus": "delivered"}
    signed = signature(PUBLIC_URL + path, form, "an auth token of Twilio, known to both")
    assert site.post(path.replace("d=", "d=9"), form, x_twilio_signature=signed).status == 403
    assert stored(world) == 0


def test_behind_a_proxy_that_strips_a_prefix_the_public_address_is_what_counts(
    serve: Callable[[Runtime], Site], runtime: Runtime, world: World, path: str
) -> None:
    prefixed = f"{PUBLIC_URL}/truyen-thong/"
    behind = serve(replace(runtime, settings=Settings(public_url=prefixed)))
    form = {"MessageSid": "SM1", "MessageStatus": "delivered"}
    signed = signature(f"{PUBLIC_URL}/truyen-thong{path}", form, "an auth token of Twilio, known to both")
    assert behind.post(path, form, x_twilio_signature=signed).status == 200
    assert state(world) == "delivered"


def test_an_unknown_account_is_not_found(site: Site, world: World) -> None:
    assert site.receipt("/webhooks/nobody?d=1.1.0", status="delivered").status == 404
    assert stored(world) == 0


def test_a_signed_body_that_is_not_a_receipt_is_a_bad_request(site: Site, world: World) -> None:
    path, form = "/webhooks/sms-main", {"What": "else"}
    signed = signature(PUBLIC_URL + path, form, "an auth token of Twilio, known to both")
    assert site.post(path, form, x_twilio_signature=signed).status == 400
    assert stored(world) == 0


@pytest.mark.parametrize("declared", [True, False], ids=["with its length declared", "in chunks"])
def test_a_body_that_is_too_large_is_refused(site: Site, declared: bool) -> None:
    body = b"x" * (256 * 1024 + 1)
    headers = {} if declared else {"transfer-encoding": "chunked"}
    sent = body if declared else b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
    assert site.ask("POST", "/webhooks/sms-main", sent, headers).status == 413


def test_a_body_of_just_the_limit_is_read(site: Site) -> None:
    assert site.ask("POST", "/webhooks/sms-main", b"x" * 256 * 1024).status == 403


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/webhooks/sms-main?d=" + "1" * 5000, {}, 414),
        ("/webhooks/" + "a" * 3000, {}, 414),
        ("/webhooks/sms-main", {"x_much": "x" * 17_000}, 431),
    ],
    ids=["a query", "a path", "headers"],
)
def test_too_much_is_refused(site: Site, path: str, headers: dict[str, str], status: int) -> None:
    assert site.get(path, **headers).status == status


def test_while_the_database_is_away_the_provider_is_asked_to_try_again(
    serve: Callable[[Runtime], Site], runtime: Runtime, world: World, path: str
) -> None:
    gone = connect(runtime.database_url.replace("/test_", "/gone_"), name="gone")
    receiver = replace(runtime.receiver(), engine=gone)
    reply = serve(replace(runtime, engine=gone, receiver=lambda: receiver)).receipt(path, status="delivered")
    assert (reply.status, reply.headers["retry-after"]) == (503, "30")
    assert (stored(world), state(world)) == (0, "accepted")


def test_a_database_that_was_restarted_is_found_again(site: Site, world: World, path: str) -> None:
    assert site.receipt(path, status="sent").status == 200
    with world.engine.connect() as connection:
        ended = connection.execute(
            text(
                "SELECT count(*) FILTER (WHERE pg_terminate_backend(pid)) FROM pg_stat_activity"
                " WHERE application_name = 'web test' AND datname = current_database()"
            )
        ).scalar_one()
    assert ended >= 1
    assert site.receipt(path, status="delivered").status == 200
    assert state(world) == "delivered"


def test_more_than_can_wait_are_told_to_come_again_and_who_waits_is_stored(
    serve: Callable[[Runtime], Site], runtime: Runtime, world: World, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("outreach.web.webhooks._WAITING", 3)
    site = serve(runtime)
    with world.engine.connect() as connection, ThreadPoolExecutor(12) as threads:
        connection.execute(text("LOCK TABLE raw_events"))
        asked = [threads.submit(site.receipt, path, status="delivered", sid=f"SM{n}") for n in range(12)]
        refused = [one.result() for one in islice(as_completed(asked, timeout=20), 6)]
        connection.rollback()
        taken = [reply for one in asked if (reply := one.result(20)) not in refused]
    assert {(reply.status, reply.headers["retry-after"]) for reply in refused} == {(503, "5")}
    assert {reply.status for reply in taken} == {200}
    assert stored(world) == len(taken)
    assert world.counts_agree()


def test_a_refusal_in_a_text_keeps_no_receipt_waiting(site: Site, world: World, path: str) -> None:
    """Somebody else has the lock on suppressions for a while; receipts need none."""
    form = {"MessageSid": "SM9", "From": "+84912345678", "To": "+1", "Body": "TC"}
    signed = signature(PUBLIC_URL + "/webhooks/sms-main", form, TOKEN)
    with world.engine.connect() as connection, ThreadPoolExecutor(2) as threads:
        connection.execute(text("LOCK TABLE suppressions"))
        refusing = threads.submit(site.post, "/webhooks/sms-main", form, x_twilio_signature=signed)
        assert site.receipt(path, status="delivered").status == 200
        assert not refusing.done()
        connection.rollback()
        assert refusing.result(20).status == 200
    assert state(world) == "delivered"
    assert len(world.barred()) == 1


def test_the_log_names_routes_and_no_token_no_number(site: Site, path: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, "outreach.web"):
        site.receipt(path, status="delivered")
        site.get("/u/some-secret-token?lang=en")
        site.get("/webhooks/nobody")
    assert "POST /webhooks/{account} 200" in caplog.text
    assert "GET /u/{token} 404" in caplog.text
    for secret in ("some-secret-token", "+84912345678", "d=", "nobody"):
        assert secret not in caplog.text
