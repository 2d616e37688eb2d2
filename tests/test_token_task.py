"""From the scheduler's hint to the stored pair: what a worker does about tokens, as the wiring puts it together."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from sqlalchemy import text

from outreach import wiring
from outreach.local.embedded import Servers
from outreach.runtime import Runtime, Sending
from outreach.settings import Settings
from outreach.tasks import KEEP_FRESH, Hints, celery_app, register
from tests.channels.zalo_server import APP_ID, APP_SECRET, FIRST, OA_ID, OA_SECRET, ZaloServer, serving


@pytest.fixture
def server() -> ZaloServer:
    return ZaloServer()


@pytest.fixture
def runtime(server: ZaloServer, database_url: str, redis_url: str, tmp_path: Path) -> Iterator[Runtime]:
    with serving(server) as port:
        here = f"http://127.0.0.1:{port}"
        (tmp_path / "accounts.toml").write_text(
            f"""
            [accounts.zalo]
            channel = ["zalo_oa", "zalo_zns"]
            provider = "zalo"
            app_id = "{APP_ID}"
            app_secret = "{APP_SECRET}"
            oa_id = "{OA_ID}"
            oa_secret = "{OA_SECRET}"
            refresh_token = "{FIRST}"
            base_url = "{here}"
            business_url = "{here}"
            oauth_url = "{here}"
            """
        )
        chosen = Settings(data_dir=tmp_path, secret_key="a secret that is only of these tests, long enough")
        built = wiring.build(chosen, Servers(database_url, redis_url), name="test")
        yield built
        built.engine.dispose()


@pytest.fixture
def sending(runtime: Runtime) -> Iterator[Sending]:
    made = runtime.sending()
    yield made
    made.dispatcher.loop.close()


def test_a_worker_that_takes_the_hint_begins_the_chain(
    runtime: Runtime, sending: Sending, server: ZaloServer, redis_url: str
) -> None:
    app = celery_app(redis_url)
    hints = Hints(app, redis.Redis.from_url(redis_url))
    register(app, lambda: sending, hints)
    assert hints.keep_fresh()
    app.tasks[KEEP_FRESH]()
    assert [renewal["refresh_token"] for renewal in server.renewals] == [FIRST]
    with runtime.engine.connect() as connection:
        assert connection.execute(text("SELECT name FROM account_tokens")).all() == [("zalo",)]
    assert hints.keep_fresh(), "the hint was taken, another may follow"
