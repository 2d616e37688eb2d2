"""Whether the process lives is one question, whether it can serve another."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import redis
from sqlalchemy import text
from web_site import Site

from outreach.runtime import Runtime
from outreach.store.engine import connect
from tests.world import World


def test_a_site_with_everything_is_alive_and_ready(site: Site) -> None:
    assert site.get("/healthz").status == 200
    ready = site.get("/readyz")
    assert (ready.status, json.loads(ready.text)) == (
        200,
        {"ready": True, "database": "ok", "schema": "ok", "valkey": "ok"},
    )


def test_without_its_database_it_lives_and_is_not_ready(serve: Callable[[Runtime], Site], runtime: Runtime) -> None:
    gone = connect(runtime.database_url.replace("/test_", "/gone_"), name="gone")
    site = serve(replace(runtime, engine=gone))
    assert site.get("/healthz").status == 200
    ready = site.get("/readyz")
    assert (ready.status, json.loads(ready.text)) == (
        503,
        {"ready": False, "database": "away", "schema": "away", "valkey": "ok"},
    )


def test_without_valkey_it_is_not_ready(serve: Callable[[Runtime], Site], runtime: Runtime) -> None:
    nobody = redis.Redis.from_url("unix:///nonexistent/valkey.sock")
    ready = serve(replace(runtime, redis=nobody)).get("/readyz")
    assert (ready.status, json.loads(ready.text)["valkey"]) == (503, "away")


def test_with_another_programs_schema_it_is_not_ready(site: Site, world: World) -> None:
    with world.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '0000'"))
    ready = site.get("/readyz")
    assert (ready.status, json.loads(ready.text)["schema"]) == (503, "outdated")


def test_every_answer_carries_the_protecting_headers(site: Site) -> None:
    for path in ("/", "/healthz", "/readyz", "/nowhere", "/style.css", "/webhooks/nobody", "/u/x"):
        headers = site.get(path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert headers["strict-transport-security"]


def test_an_address_without_a_page_says_so_in_words(site: Site) -> None:
    page = site.get("/nowhere")
    assert (page.status, "Không có trang này" in page.text) == (404, True)
    assert "There is no such page" in site.get("/nowhere?lang=en").text
