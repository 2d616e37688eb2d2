"""A citizen refuses further messages with one click, and nothing less than that click counts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from sqlalchemy import text
from web_site import Site

from outreach.runtime import Runtime
from outreach.store.engine import connect
from tests.world import World

CAMPAIGN = """
    campaign: thu
    title: Giới thiệu <dịch vụ công>
    issuer: UBND xã
    starts: 2026-01-01
    ends: 2027-12-31
    messages:
      - {id: chao, segment: {kind: person}, text: {sms: "Kinh chao"}, channels: [sms], schedule: {at: launch}}
"""
ONE_CLICK = {"List-Unsubscribe": "One-Click"}


@pytest.fixture
def link(world: World) -> str:
    world.person("Nguyễn Văn An", phone="+84912345678")
    world.launch(CAMPAIGN)
    world.plan()
    row = world.rows()[0]
    return f"/u/{world.keys.token(row.run_id, row.id)}"


def refused(world: World) -> list[tuple[str, str]]:
    with world.engine.connect() as connection:
        rows = connection.execute(text("SELECT channel, reason FROM suppressions"))
        return [(row.channel, row.reason) for row in rows]


def test_looking_at_the_link_refuses_nothing(site: Site, world: World, link: str) -> None:
    page = site.get(link)
    assert page.status == 200
    assert "Ngừng nhận tin?" in page.text
    assert '<form method="post"' in page.text
    assert site.ask("HEAD", link).status == 200
    assert refused(world) == []


def test_one_click_refuses_and_again_is_harmless(site: Site, world: World, link: str) -> None:
    for _ in range(2):
        page = site.post(link, ONE_CLICK)
        assert (page.status, "Đã ghi nhận" in page.text) == (200, True)
    assert refused(world) == [("sms", "opted_out")]


def test_a_mail_program_may_send_the_form_in_parts(site: Site, world: World, link: str) -> None:
    body = b'--b\r\nContent-Disposition: form-data; name="List-Unsubscribe"\r\n\r\nOne-Click\r\n--b--\r\n'
    assert site.ask("POST", link, body, {"content-type": "multipart/form-data; boundary=b"}).status == 200
    assert refused(world) == [("sms", "opted_out")]


def test_the_pages_say_nothing_about_the_person(site: Site, link: str) -> None:
    for page in (site.get(link), site.post(link, ONE_CLICK), site.get("/u/unknown")):
        for personal in ("Nguyễn", "An</", "912345678", "+84"):
            assert personal not in page.text


def test_the_title_of_a_campaign_cannot_become_markup(site: Site, link: str) -> None:
    assert "Giới thiệu &lt;dịch vụ công&gt;" in site.get(link).text


@pytest.mark.parametrize("token", ["unknown", "a" * 60, "%C4%91", "-", "AAAA%00"])
def test_a_link_that_is_not_ours_gets_a_page_in_plain_words(site: Site, world: World, token: str) -> None:
    for page in (site.get(f"/u/{token}"), site.post(f"/u/{token}", ONE_CLICK)):
        assert page.status == 404
        assert "Đường dẫn không đúng" in page.text
    assert refused(world) == []


def test_a_token_of_another_installation_is_not_ours(site: Site, world: World, link: str) -> None:
    broken = link[:-2] + ("AA" if link[-2:] != "AA" else "BB")
    assert site.post(broken, ONE_CLICK).status == 404
    assert refused(world) == []


@pytest.mark.parametrize(
    ("address", "accept", "heading"),
    [
        ("", "", "Ngừng nhận tin?"),
        ("", "en-GB,en;q=0.8", "Stop these messages?"),
        ("", "fr,vi;q=0.4,en;q=0.7", "Stop these messages?"),
        ("", "fr;q=1, vi;q=0.9, en;q=0.7", "Ngừng nhận tin?"),
        ("", "en;q=rubbish", "Ngừng nhận tin?"),
        ("?lang=vi", "en", "Ngừng nhận tin?"),
        ("?lang=en", "vi", "Stop these messages?"),
        ("?lang=xx", "", "Ngừng nhận tin?"),
    ],
)
def test_the_language_is_the_visitors(site: Site, link: str, address: str, accept: str, heading: str) -> None:
    page = site.get(link + address, accept_language=accept)
    assert f"<h1>{heading}</h1>" in page.text


def test_the_pages_keep_the_link_to_themselves(site: Site, link: str) -> None:
    for page in (site.get(link), site.post(link, ONE_CLICK)):
        assert page.headers["referrer-policy"] == "no-referrer"
        assert page.headers["cache-control"] == "no-store"
        assert "noindex" in page.headers["x-robots-tag"]
        assert page.headers["content-security-policy"].startswith("default-src 'none'; style-src 'self'")
        assert "set-cookie" not in page.headers


def test_while_the_database_is_away_nobody_is_told_it_was_done(
    serve: Callable[[Runtime], Site], runtime: Runtime, world: World, link: str
) -> None:
    gone = connect(runtime.database_url.replace("/test_", "/gone_"), name="gone")
    page = serve(replace(runtime, engine=gone)).post(link, ONE_CLICK)
    assert page.status == 503
    assert "chưa được ghi nhận" in page.text
    assert refused(world) == []
