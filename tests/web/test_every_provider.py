"""Callbacks of each provider over HTTP: signed over the raw bytes, kept before the answer, repetitions harmless."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import text
from web_site import Site

from benchmarks import callbacks
from outreach.dispatch.accounts_file import load_accounts
from outreach.receipts.receiver import Receiver
from outreach.runtime import Runtime
from tests.world import World


@pytest.fixture
def everybody(serve: Callable[[Runtime], Site], runtime: Runtime, tmp_path: Path) -> Iterator[Site]:
    """A site with an account of each provider that calls back."""
    file = tmp_path / "all.toml"
    file.write_text(callbacks.ACCOUNTS)
    accounts = load_accounts(file, timeout=2.0)
    adapters = {name: make() for name, make in accounts.makers.items()}
    receiver = Receiver(runtime.engine, adapters, accounts.known, runtime.keys, runtime.clock)
    yield serve(replace(runtime, receiver=lambda: receiver))


def request_of(provider: str, site: Site) -> bytes:
    return callbacks._MAKERS[provider](site.port, "1.2.0", 7)


def answer(site: Site, request: bytes) -> int:
    with socket.create_connection(("127.0.0.1", site.port), timeout=20) as connection:
        connection.sendall(request)
        return int(connection.recv(100).split(b" ")[1])


def stored(world: World) -> list[str]:
    with world.engine.connect() as connection:
        return [row.account for row in connection.execute(text("SELECT account FROM raw_events"))]


@pytest.mark.parametrize("provider", ["esms", "zalo", "telegram"])
def test_a_signed_callback_is_kept_and_a_repetition_is_taken_too(everybody: Site, world: World, provider: str) -> None:
    request = request_of(provider, everybody)
    assert [answer(everybody, request) for _ in range(3)] == [200, 200, 200]
    assert stored(world) == [provider]


@pytest.mark.parametrize(
    ("provider", "right", "wrong"),
    [
        ("esms", b"SendSuccess", b"SendSuccess&t=0"),
        ("esms", b"d=1.2.0", b"d=1.3.0"),
        ("zalo", b'"1.2.0"', b'"1.3.0"'),
        ("zalo", b"mac=", b"mac=0"),
        ("telegram", b"webhook-secret", b"webhook-Secret"),
    ],
    ids=["a second token is ignored", "another key", "another body", "another signature", "another secret"],
)
def test_a_callback_that_was_changed_is_refused_and_nothing_is_kept(
    everybody: Site, world: World, provider: str, right: bytes, wrong: bytes
) -> None:
    request = request_of(provider, everybody)
    assert right in request
    changed = request.replace(right, wrong)
    expected = 200 if b"&t=0" in wrong else 403
    assert answer(everybody, changed) == expected
    assert stored(world) == ([provider] if expected == 200 else [])


def test_an_event_of_zalo_that_is_too_old_is_refused(
    everybody: Site, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("benchmarks.callbacks.time.time", lambda: 1_700_000_000.0)
    assert answer(everybody, request_of("zalo", everybody)) == 403
    assert stored(world) == []


@pytest.mark.parametrize("provider", ["esms", "zalo", "telegram"])
def test_what_one_provider_signs_does_not_open_another_s_door(everybody: Site, world: World, provider: str) -> None:
    request = request_of(provider, everybody)
    for other in {"esms", "zalo", "telegram", "twilio"} - {provider}:
        moved = request.replace(f"/webhooks/{provider}".encode(), f"/webhooks/{other}".encode())
        assert answer(everybody, moved) in (400, 403)
    assert stored(world) == []


def test_a_refusal_in_a_chat_bars_it_before_the_provider_has_its_answer(everybody: Site, world: World) -> None:
    head, _, body = request_of("telegram", everybody).partition(b"\r\n\r\n")
    update = json.loads(body)
    update["message"]["text"] = "Từ chối ạ"
    written = json.dumps(update).encode()
    length = f"Content-Length: {len(body)}".encode()
    request = head.replace(length, f"Content-Length: {len(written)}".encode()) + b"\r\n\r\n" + written
    assert answer(everybody, request) == 200
    with world.engine.connect() as connection:
        assert connection.execute(text("SELECT channel, reason FROM suppressions")).all() == [("telegram", "opted_out")]
        assert connection.execute(text("SELECT state FROM confirmations")).scalar_one() == "planned"
