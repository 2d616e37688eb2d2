"""Behind an invitation: the ways in, in plain words, nothing of the person, and nothing changes by looking."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta

import pytest
from sqlalchemy import text
from web_site import Site

from outreach.domain.words import Channel
from outreach.runtime import Runtime
from outreach.web.wrong import MOST, WITHIN_S, WrongTries
from tests.world import World, account

OA = account("oa", Channel.ZALO_OA, provider="zalo", public_name="4318657068771012646")
COMMUNE = account("commune", Channel.ZALO_OA, provider="zalo", public_name="1111", unit="00454")
ELSEWHERE = account("elsewhere", Channel.ZALO_OA, provider="zalo", public_name="2222", unit="00004")
BOT = account("bot", Channel.TELEGRAM, provider="telegram", public_name="TinDongAnhBot")


@pytest.fixture
def open_site(serve: Callable[[Runtime], Site], runtime: Runtime) -> Callable[..., Site]:
    return lambda *accounts: serve(replace(runtime, accounts={one.name: one for one in accounts}))


@pytest.fixture
def token(world: World) -> str:
    world.person("Nguyễn Văn Hùng", phone="+84912345678")
    return world.keys.invitation(world.people["Nguyễn Văn Hùng"], world.clock.now().date())


def rows(world: World, table: str) -> int:
    with world.engine.connect() as connection:
        return int(connection.execute(text(f"SELECT count(*) FROM {table}")).scalar_one())


def test_it_leads_to_zalo_with_the_code_to_send_and_to_telegram_with_the_code_in_the_link(
    open_site: Callable[..., Site], token: str
) -> None:
    page = open_site(OA, BOT).get(f"/j/{token}")
    assert page.status == 200
    assert 'href="https://zalo.me/4318657068771012646"' in page.text
    assert f'translate="no">{token}</code>' in page.text
    assert f'href="https://t.me/TinDongAnhBot?start={token}"' in page.text
    assert "Nhận thông báo qua Zalo, Telegram" in page.text


def test_it_leads_to_the_account_nearest_to_where_the_person_lives(open_site: Callable[..., Site], token: str) -> None:
    page = open_site(OA, ELSEWHERE, COMMUNE).get(f"/j/{token}").text
    assert "https://zalo.me/1111" in page
    assert "2222" not in page
    assert OA.public_name not in page


def test_it_shows_only_what_there_is(open_site: Callable[..., Site], token: str) -> None:
    page = open_site(BOT).get(f"/j/{token}").text
    assert "<h1>Nhận thông báo qua Telegram</h1>" in page
    assert "zalo.me" not in page
    for none in (open_site(ELSEWHERE), open_site(replace(OA, public_name=""))):
        assert "Chưa mở kênh này" in none.get(f"/j/{token}").text


def test_looking_changes_nothing_and_says_nothing_of_the_person(
    open_site: Callable[..., Site], world: World, token: str
) -> None:
    site = open_site(OA, BOT)
    for _ in range(3):
        page = site.get(f"/j/{token}")
        for personal in ("Hùng", "912345678", "Đông Anh", "00454"):
            assert personal not in page.text
    assert site.ask("HEAD", f"/j/{token}").status == 200
    assert [rows(world, table) for table in ("joins", "arrivals", "consents", "raw_events")] == [0, 0, 0, 0]


def test_a_used_invitation_says_so(open_site: Callable[..., Site], world: World, token: str) -> None:
    with world.engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO joins (contact_id, made_on, account, fingerprint, used_at)"
                " SELECT id, :day, 'oa', '', now() FROM contacts"
            ),
            {"day": world.clock.now().date()},
        )
    assert "Lời mời này đã được dùng" in open_site(OA).get(f"/j/{token}").text


@pytest.mark.parametrize(("days", "status"), [(90, 200), (91, 410)])
def test_an_old_invitation_says_so(
    open_site: Callable[..., Site], world: World, token: str, days: int, status: int
) -> None:
    old = world.keys.invitation(1, world.clock.now().date() - timedelta(days=days))
    page = open_site(OA).get(f"/j/{old}")
    assert (page.status, "hết hạn" in page.text) == (status, status == 410)


@pytest.mark.parametrize("wrong", ["unknown", "1" * 25, "a" * 26, "%C4%91", "-", "AAAA%00"])
def test_what_is_no_invitation_gets_a_page_in_plain_words(
    open_site: Callable[..., Site], token: str, wrong: str
) -> None:
    page = open_site(OA).get(f"/j/{wrong}")
    assert (page.status, "Lời mời không đúng" in page.text) == (404, True)


def test_one_of_somebody_who_is_not_there_any_more_is_none(open_site: Callable[..., Site], world: World) -> None:
    stranger = world.keys.invitation(4711, date(2026, 11, 23))
    assert open_site(OA).get(f"/j/{stranger}").status == 404


def test_who_guesses_too_often_has_to_wait(open_site: Callable[..., Site], token: str) -> None:
    site = open_site(OA)
    assert [site.get("/j/nothing").status for _ in range(MOST + 1)] == [404] * MOST + [429]
    assert site.get(f"/j/{token}").status == 429


def test_and_may_go_on_after_a_while() -> None:
    now = [0.0]
    wrong = WrongTries(clock=lambda: now[0])
    for _ in range(MOST):
        wrong.one_more("a")
    assert (wrong.too_many("a"), wrong.too_many("b")) == (True, False)
    now[0] = WITHIN_S
    assert not wrong.too_many("a")
    wrong.one_more("a")
    assert not wrong.too_many("a")


def test_it_speaks_english_to_who_asks(open_site: Callable[..., Site], token: str) -> None:
    page = open_site(OA, BOT).get(f"/j/{token}?lang=en")
    assert "Get notices by Zalo, Telegram" in page.text


def test_the_link_is_kept_from_those_it_leads_to(open_site: Callable[..., Site], token: str) -> None:
    page = open_site(OA).get(f"/j/{token}")
    assert page.headers["referrer-policy"] == "no-referrer"
    assert page.headers["cache-control"] == "no-store"
    assert "<script" not in page.text
