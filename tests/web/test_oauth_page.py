"""The whole round of an authorisation in a browser, against the sandbox: asked, allowed, sent back, and what next."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from web_site import PUBLIC_URL, Reply, Site

from outreach.dispatch.accounts_file import load_accounts
from outreach.dispatch.authorising import LASTS
from outreach.local.sandbox.credentials import ZaloApp
from outreach.runtime import Runtime
from outreach.store import accounts as account_store
from outreach.web.wrong import MOST
from tests.processes import sandbox
from tests.world import World

APP = ZaloApp()
BACK = f"{PUBLIC_URL}/oauth/zalo-tinh"


@pytest.fixture
def zalo(runtime: Runtime, tmp_path: Path) -> Iterator[Runtime]:
    """A runtime with two Zalo accounts nobody has authorised yet."""
    with sandbox(tmp_path / "sandbox") as box:
        here, file = f"{box.http}/zalo", tmp_path / "zalo.toml"
        section = f"""
            channel = ["zalo_oa", "zalo_zns"]
            provider = "zalo"
            app_id = "{APP.app_id}"
            app_secret = "{APP.app_secret}"
            oa_id = "{APP.oa_id}"
            oa_secret = "{APP.oa_secret}"
            base_url = "{here}"
            business_url = "{here}"
            oauth_url = "{here}"
        """
        file.write_text(f"[accounts.zalo-tinh]{section}\n[accounts.zalo-xa]{section}")
        loaded = load_accounts(file, timeout=5.0)
        settings = runtime.settings.model_copy(update={"data_dir": tmp_path / "data"})
        yield replace(runtime, settings=settings, accounts=loaded.known, makers=loaded.makers)


@pytest.fixture
def site(serve: Callable[[Runtime], Site], zalo: Runtime) -> Site:
    return serve(zalo)


def asked(zalo: Runtime, account: str = "zalo-tinh") -> str:
    return zalo.authorising().ask(account, BACK, who="quantri@tinh.example").address


def allowed(address: str) -> str:
    """Where the permission page's button leads: our path with its query, as the browser asks for it."""
    parts = urlsplit(address)
    path = f"{parts.path}?{parts.query}"
    for method, status in (("GET", 200), ("POST", 302)):
        connection = HTTPConnection(parts.hostname or "", parts.port, timeout=10)
        connection.request(method, path)
        answer = connection.getresponse()
        assert answer.status == status
        location, page = answer.headers["Location"], answer.read().decode()
        connection.close()
        if method == "GET":
            assert "Cho phép" in page
    assert location.startswith(BACK)
    back = urlsplit(location)
    return f"{back.path}?{back.query}"


def title(reply: Reply) -> str:
    return reply.text.split("<h1>")[1].split("</h1>")[0]


def test_a_first_authorisation_is_walked_in_a_browser(site: Site, zalo: Runtime) -> None:
    address = asked(zalo)
    reply = site.get(allowed(address))
    assert (reply.status, title(reply)) == (200, "Đã được cấp quyền")
    assert "zalo-tinh" in reply.text
    assert zalo.vaults().open("zalo-tinh", "")._look().access
    assert reply.headers["cache-control"] == "no-store"
    assert reply.headers["referrer-policy"] == "no-referrer"


def test_the_page_tells_whether_the_account_is_back_in_service(site: Site, zalo: Runtime) -> None:
    for code, told in (("no_token", "hoạt động trở lại"), ("-115", "vẫn tạm dừng")):
        with zalo.engine.begin() as connection:
            account_store.pause(connection, "zalo-tinh", code=code, reason="for a test")
        reply = site.get(allowed(asked(zalo)))
        assert reply.status == 200
        assert told in reply.text
    with zalo.engine.connect() as connection:
        assert account_store.paused(connection)["zalo-tinh"].code == "-115"


def test_a_replayed_answer_changes_nothing_and_says_what_next(site: Site, zalo: Runtime) -> None:
    path = allowed(asked(zalo))
    assert site.get(path).status == 200
    before = zalo.vaults().open("zalo-tinh", "")._look()
    reply = site.get(path)
    assert (reply.status, title(reply)) == (400, "Yêu cầu này không còn hiệu lực")
    assert "outreach account authorise" in reply.text
    assert zalo.vaults().open("zalo-tinh", "")._look() == before


def test_an_answer_to_another_account_or_to_nobody_is_refused(site: Site, zalo: Runtime) -> None:
    path = allowed(asked(zalo))
    for wrong in (path.replace("zalo-tinh", "zalo-xa"), path.replace("zalo-tinh", "nobody"), path + "x"):
        assert site.get(wrong).status == 400
    assert site.get(path).status == 200


def test_an_answer_that_comes_too_late_is_refused(site: Site, zalo: Runtime, world: World) -> None:
    path = allowed(asked(zalo))
    world.clock.advance(LASTS)
    assert site.get(path).status == 400


def test_a_look_without_a_code_uses_nothing_up(site: Site, zalo: Runtime) -> None:
    path = allowed(asked(zalo))
    assert title(site.get("/oauth/zalo-tinh")) == "Chưa được cấp quyền"
    assert site.ask("HEAD", path).status == 405
    assert site.get(path).status == 200


def test_a_code_zalo_does_not_take_is_told_with_its_number(site: Site, zalo: Runtime) -> None:
    path = allowed(asked(zalo))
    code = parse_qs(urlsplit(path).query)["code"][0]
    reply = site.get(path.replace(code, "made-up"))
    assert (reply.status, title(reply)) == (502, "Chưa nối được")
    assert "-14005" in reply.text


def test_nothing_of_an_answer_is_logged(site: Site, zalo: Runtime, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        path = allowed(asked(zalo))
        site.get(path)
        site.get(path)
        site.get(path.replace("zalo-tinh", "<b>nobody</b>"))
    query = parse_qs(urlsplit(path).query)
    assert "/oauth/{account}" in caplog.text
    logged = "\n".join(f"{one.name} {one.getMessage()}" for one in caplog.records if one.name.startswith("outreach"))
    assert [word for word in (query["state"][0], query["code"][0]) if word in logged] == []


def test_who_tries_too_often_has_to_wait(site: Site) -> None:
    for _ in range(MOST):
        assert site.get("/oauth/zalo-tinh?state=x&code=y").status == 400
    assert site.get("/oauth/zalo-tinh?state=x&code=y").status == 429
