"""Tokens of idle accounts are renewed; where they are lost, the account pauses and says why."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import timedelta

import pytest
from aiohttp import web
from sqlalchemy import Engine, text

from channels.station import Station, StationConfig
from outreach.dispatch.freshness import Freshness
from outreach.dispatch.loop import SendingLoop
from outreach.dispatch.vault import Vaults
from outreach.domain.privacy import KeyRing
from outreach.domain.words import Channel
from outreach.store import accounts as account_store
from tests.channels.zalo_server import PRIVATE, ZaloServer, serving, zalo
from tests.world import STATION, account

ZALO = account("zalo", Channel.ZALO_OA)


@pytest.fixture
def server() -> ZaloServer:
    return ZaloServer()


@pytest.fixture
def freshness(server: ZaloServer, engine: Engine, keys: KeyRing) -> Iterator[Freshness]:
    with serving(server) as port:
        makers = {"loudspeaker": lambda: Station(StationConfig(), timeout=1), "zalo": lambda: zalo(port)}
        loop = SendingLoop(makers, Vaults(engine, keys).open)
        yield Freshness(engine, loop, {"loudspeaker": STATION, "zalo": ZALO})
        loop.close()


def paused(engine: Engine) -> list[tuple[str, str]]:
    with engine.connect() as connection:
        return [(row.name, row.code) for row in connection.execute(text("SELECT * FROM account_states WHERE paused"))]


def test_a_chain_is_begun_and_then_left_alone_while_it_lasts(freshness: Freshness, server: ZaloServer) -> None:
    assert [freshness.keep() for _ in range(3)] == [1, 0, 0]
    assert len(server.renewals) == 1


def test_what_ends_within_hours_is_renewed(freshness: Freshness, server: ZaloServer) -> None:
    server.life = str(int(timedelta(hours=7).total_seconds()))
    assert [freshness.keep() for _ in range(3)] == [1, 1, 1]


def test_a_lost_token_pauses_its_account_and_says_what_to_do(
    freshness: Freshness, server: ZaloServer, engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    server.number = 5  # the configured token is not the one that is due
    with caplog.at_level(logging.DEBUG):
        assert freshness.keep() == 0
    assert paused(engine) == [("zalo", "-14014")]
    assert "authorise the app" in caplog.text
    assert [word for word in PRIVATE if word in caplog.text] == []


def test_a_token_service_that_is_away_pauses_nothing(freshness: Freshness, server: ZaloServer, engine: Engine) -> None:
    server.token_answer = web.Response(status=503)
    assert freshness.keep() == 0
    assert paused(engine) == []


def test_an_account_whose_token_is_found_again_goes_back_into_service(
    freshness: Freshness, server: ZaloServer, engine: Engine
) -> None:
    server.number = 5
    assert freshness.keep() == 0
    server.number = 0  # the host that had taken the pair down has it
    assert freshness.keep() == 1
    assert paused(engine) == []


def test_what_a_person_must_mend_stays_paused_though_the_token_is_fresh(freshness: Freshness, engine: Engine) -> None:
    with engine.begin() as connection:
        account_store.pause(connection, "zalo", code="-115", reason="out of balance")
    assert freshness.keep() == 1
    assert paused(engine) == [("zalo", "-115")]
