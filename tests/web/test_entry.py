"""The web part as a process of its own, started as operators start it."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from http.client import HTTPException
from pathlib import Path
from urllib.parse import parse_qsl, urlencode

import pytest
from sqlalchemy import text
from web_site import Site, signature

from benchmarks import callbacks
from outreach.domain.errors import OutreachError
from outreach.settings import PROJECT
from outreach.store.engine import connect
from outreach.wiring import settings
from tests.processes import free_port, wait_for

UVICORN = (sys.executable, "-m", "uvicorn", "--factory", "outreach.wiring:web_app", "--host", "127.0.0.1", "--port")


def listens(site: Site) -> bool:
    try:
        return site.get("/healthz").status == 200
    except OSError:
        return False


@pytest.fixture
def environment(tmp_path: Path, database_url: str, redis_url: str) -> dict[str, str]:
    return {
        **os.environ, "OUTREACH_DATA_DIR": str(tmp_path), "OUTREACH_DATABASE_URL": database_url,
        "OUTREACH_REDIS_URL": redis_url,
    }  # fmt: skip


def test_started_by_uvicorn_alone_it_serves_logs_no_token_and_ends_when_asked(
    environment: dict[str, str], tmp_path: Path
) -> None:
    site, log = Site(free_port()), tmp_path / "web.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*UVICORN, str(site.port)], cwd=PROJECT, env=environment, stdout=output, stderr=subprocess.STDOUT
        )
    try:
        wait_for("the web", lambda: process.poll() is not None or listens(site))
        assert site.get("/readyz").status == 200
        assert site.get("/u/a-secret-token?lang=en").status == 404
    finally:
        process.terminate()
        process.wait(20)
    said = log.read_text()
    assert "GET /u/{token} 404" in said
    assert "a-secret-token" not in said
    assert "Application shutdown complete" in said


def test_killed_at_any_moment_it_has_stored_whatever_it_acknowledged(
    environment: dict[str, str], tmp_path: Path, database_url: str
) -> None:
    (tmp_path / "accounts.toml").write_text(callbacks.ACCOUNTS)
    port, answered, half = free_port(), set[int](), threading.Event()
    settings = {"OUTREACH_ACCOUNTS": str(tmp_path / "accounts.toml"), "OUTREACH_PUBLIC_URL": f"http://127.0.0.1:{port}"}
    process = subprocess.Popen([*UVICORN, str(port)], cwd=PROJECT, env={**environment, **settings})

    def call(number: int) -> None:
        body = urlencode({"MessageSid": f"SM{number}", "MessageStatus": "delivered", "AccountSid": "AC0"})
        path = f"/webhooks/twilio?d=1.{number}.0"
        signed = signature(f"http://127.0.0.1:{port}{path}", dict(parse_qsl(body)), callbacks.SECRET)
        sent = {"Content-Type": "application/x-www-form-urlencoded", "X-Twilio-Signature": signed}
        with suppress(OSError, HTTPException):
            if Site(port).ask("POST", path, body.encode(), sent).status == 200:
                answered.add(number)
        if len(answered) > 100:
            half.set()

    try:
        wait_for("the web", lambda: process.poll() is not None or listens(Site(port)))
        with ThreadPoolExecutor(24) as threads:
            calls = [threads.submit(call, number) for number in range(1000)]
            assert half.wait(30)
            process.kill()
            assert [one for one in calls if one.exception(30)] == []
    finally:
        process.kill()
        process.wait(20)
    engine = connect(database_url)
    with engine.connect() as connection:
        rows = connection.execute(text("SELECT event_key FROM raw_events")).scalars()
        stored = {int(key.split(":")[0].removeprefix("SM")) for key in rows}
    engine.dispose()
    assert 100 < len(answered) < 1000
    assert answered - stored == set()


def test_with_a_wrong_setting_it_ends_with_a_line_that_says_which(environment: dict[str, str]) -> None:
    ended = subprocess.run(
        [*UVICORN, str(free_port())], cwd=PROJECT, env={**environment, "OUTREACH_LANGUAGE": "fr"}, text=True,
        capture_output=True, timeout=60,
    )  # fmt: skip
    assert ended.returncode != 0
    assert "language" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_wrong_setting_is_told_in_our_words_alone() -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OUTREACH_TIMEZONE", "Hanoi")
        with pytest.raises(OutreachError, match="timezone: no such time zone: Hanoi; write one like"):
            settings()
