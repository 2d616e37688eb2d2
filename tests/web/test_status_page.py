"""The front page tells how campaigns are doing, in counts, to anybody."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import redis
from sqlalchemy import text
from web_site import Site

from outreach.domain.lifecycle import CampaignState
from outreach.domain.states import DeliveryState
from outreach.domain.words import Channel
from outreach.runtime import Runtime
from outreach.store import accounts as account_store
from outreach.store import deliveries
from outreach.store.deliveries import Change
from outreach.web.language import Language
from outreach.web.overview import GROUPS, Group
from outreach.web.words import WORDS
from tests.processes import wait_for
from tests.world import World

CAMPAIGN = """
    campaign: thu
    title: Giới thiệu dịch vụ công
    issuer: UBND xã
    starts: 2026-01-01
    ends: 2027-12-31
    messages:
      - {id: chao, segment: {kind: person}, text: {sms: "Kinh chao"}, channels: [sms], schedule: {at: launch}}
"""


@pytest.fixture
def launched(world: World) -> World:
    world.person("Nguyễn Văn An", phone="+84912345678", email="an@example.vn")
    world.person("Trần Thị Bình", phone="+84987654321")
    world.person("Lê Văn Chi")
    world.launch(CAMPAIGN)
    world.plan()
    return world


def test_it_says_that_a_campaign_is_in_trial_mode(site: Site, world: World) -> None:
    world.load(CAMPAIGN.replace("    messages:", "    trial: true\n    messages:"))
    assert WORDS["status.trial"][Language.VI] in site.get("/").text


def test_it_says_nothing_of_trial_mode_where_there_is_none(site: Site, launched: World) -> None:
    page = site.get("/").text
    assert WORDS["status.trial"][Language.VI] not in page
    assert "ở chế độ thử" not in page


def test_it_says_that_bounces_wait_for_a_person(site: Site, launched: World) -> None:
    words = "thư bị trả lại cùng lúc"
    assert words not in site.get("/").text
    with launched.engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO bounces (run_id, delivery_id, generation, account, channel, fingerprint, key_version,"
                " code, left_at, at, state) SELECT 1, n, 0, 'mail', 'email', 'x', 1, '5.1.1', now(), now(), 'held'"
                " FROM generate_series(1, 1234) n"
            )
        )
    wait_for("the page to be read anew", lambda: f"1.234 {words}" in site.get("/").text, seconds=10)


def figure(page: str, label: str) -> str:
    """The number that stands beside a label."""
    return page.split(f"<dt>{label}<", 1)[1].split("<dd>", 1)[1].split("</dd>", 1)[0]


def test_before_the_first_campaign_it_says_how_to_load_one(site: Site) -> None:
    page = site.get("/")
    assert page.status == 200
    assert "outreach campaign load" in page.text


def test_it_counts_the_deliveries_of_a_campaign(site: Site, launched: World) -> None:
    page = site.get("/").text
    assert "Giới thiệu dịch vụ công" in page
    assert "đang chạy" in page
    assert figure(page, "Đang chờ gửi") == "2"
    assert figure(page, "Không gửi") == "1"
    assert figure(page, "Đã tới nơi") == "0"
    assert "0 trong 1 đợt gửi đã xong" in page


def test_it_speaks_english_when_asked(site: Site, launched: World) -> None:
    page = site.get("/?lang=en").text
    assert '<html lang="en">' in page
    assert figure(page, "Waiting") == "2"


def test_nothing_on_it_is_personal(site: Site, launched: World) -> None:
    with launched.engine.begin() as connection:
        account_store.pause(connection, "sms-main", code="20003", reason="wrong token of +84912345678")
    for page in (site.get("/").text, site.get("/?lang=en").text):
        for personal in ("Nguyễn", "Trần", "Bình", "912345678", "an@example.vn", "sms-main", "20003"):
            assert personal not in page


def test_a_paused_account_shows_as_work_for_a_person(site: Site, launched: World) -> None:
    with launched.engine.begin() as connection:
        account_store.pause(connection, "sms-main", code="20003", reason="wrong token")
    assert "1 trong 3 tạm dừng" in site.get("/").text


def test_a_held_run_shows_as_work_for_a_person(site: Site, launched: World) -> None:
    with launched.engine.begin() as connection:
        connection.execute(text("UPDATE runs SET state = 'held'"))
    assert "bị giữ lại, chờ người cho phép: 1" in site.get("/").text


def test_it_is_there_while_valkey_is_away(serve: Callable[[Runtime], Site], runtime: Runtime) -> None:
    nobody = redis.Redis.from_url("unix:///nonexistent/valkey.sock")
    page = serve(replace(runtime, redis=nobody)).get("/")
    assert (page.status, "không trả lời" in page.text) == (200, True)


def test_it_needs_no_script_and_no_other_host(site: Site, launched: World) -> None:
    page = site.get("/").text
    assert "<script" not in page
    assert "//" not in page.replace("<!doctype html>", "")
    style = site.get(page.split('rel="stylesheet" href="', 1)[1].split('"', 1)[0])
    assert (style.status, style.headers["content-type"]) == (200, "text/css; charset=utf-8")
    assert "url(" not in style.text


def test_it_says_what_went_wrong_and_what_to_do_in_both_languages(site: Site, launched: World) -> None:
    codes = {"Nguyễn Văn An": "21211", "Trần Thị Bình": "+84987654321"}
    for state in (DeliveryState.SENDING, DeliveryState.FAILED):
        failed = state is DeliveryState.FAILED
        changes = [
            Change(row.run_id, row.id, state, reason="rejected", code=codes[row.name] if failed else None)
            for row in launched.rows("d.address_id IS NOT NULL")
        ]
        with launched.engine.begin() as connection:
            deliveries.advance(connection, changes, now=launched.clock.now())
    vietnamese, english = site.get("/").text, site.get("/?lang=en").text
    assert "Vì sao không tới được, và cần làm gì" in vietnamese
    assert "Số điện thoại không đúng." in vietnamese
    assert "The phone number is not valid." in english
    assert "Check the phone number in the list" in english
    assert "21211" in vietnamese
    assert "987654321" not in vietnamese + english


def test_every_state_has_its_place_and_every_word_both_languages() -> None:
    assert set(GROUPS) == set(DeliveryState)
    wanted = {f"campaign.{state}" for state in CampaignState} | {f"channel.{channel}" for channel in Channel}
    wanted |= {f"group.{group}" for group in Group} | {f"group.hint.{group}" for group in Group}
    assert wanted <= set(WORDS)
    assert all(set(said) == set(Language) and all(said.values()) for said in WORDS.values())
