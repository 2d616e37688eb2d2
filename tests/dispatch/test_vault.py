"""Tokens that work once: renewed once for all processes, stored before use, found again after anything."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiohttp import web
from sqlalchemy import Engine, text

from channels.abilities import Tokens
from channels.contract import ErrorKind, SendError
from channels.zalo import Zalo
from outreach.dispatch.loop import SendingLoop
from outreach.dispatch.vault import LONG_AGO, AccountVault, Vaults
from outreach.domain.privacy import KeyRing
from outreach.settings import PROJECT
from outreach.store.engine import connect
from tests.channels.zalo_server import FIRST, ZaloServer, consultation, event, serving, signed, zalo
from tests.processes import wait_for

NEW_FIRST = "another-first-token"
PROCESS = """
import asyncio, sys
from outreach.dispatch.vault import Vaults
from outreach.domain.privacy import KeyRing
from outreach.store.engine import connect
from tests.channels.zalo_server import FIRST, zalo

async def story(vaults):
    vault = vaults.open("zalo", FIRST)
    adapter = zalo(int(sys.argv[2]), timeout=20, vault=vault)
    await adapter.keep_fresh()
    await adapter.aclose()
    print((await vault.current()).access)

vaults = Vaults(connect(sys.argv[1]), KeyRing({1: sys.argv[3]}))
print("ready", flush=True)
sys.stdin.readline()
asyncio.run(story(vaults))
"""
SECRET = "a secret of this test run, long enough to be one"


@dataclass
class Chain:
    """A provider's chain of pairs: `refresh` is what a vault calls; a token used twice is refused."""

    calls: list[str] = field(default_factory=list)
    meanwhile: Callable[[], None] = lambda: None

    async def refresh(self, before: Tokens) -> Tokens:
        if before.refresh in self.calls:
            raise SendError(ErrorKind.MISCONFIGURED, "-14014", "used before")
        self.calls.append(before.refresh)
        await asyncio.sleep(0)
        self.meanwhile()
        number = len(self.calls)
        return Tokens(f"access-{number}", f"refresh-{number}", datetime.now(UTC) + timedelta(hours=25))


@pytest.fixture
def vaults(engine: Engine, keys: KeyRing) -> Vaults:
    return Vaults(engine, keys, pauses=(0, 0, 0))


def rotated(vault: AccountVault, chain: Chain) -> Tokens:
    async def story() -> Tokens:
        return await vault.rotate(await vault.current(), chain.refresh)

    return asyncio.run(story())


def stored(engine: Engine) -> Any:
    with engine.connect() as connection:
        return connection.execute(text("SELECT * FROM account_tokens")).one_or_none()


def cut_others(engine: Engine) -> None:
    """As a restart of PostgreSQL does."""
    with engine.connect() as connection:
        connection.execute(
            text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        )


def test_before_the_first_renewal_there_is_only_the_configured_token(vaults: Vaults) -> None:
    assert asyncio.run(vaults.open("zalo", FIRST).current()) == Tokens("", FIRST, LONG_AGO)


def test_a_renewed_pair_is_found_by_every_process(vaults: Vaults) -> None:
    made = rotated(vaults.open("zalo", FIRST), Chain())
    assert made.access == "access-1"
    assert asyncio.run(vaults.open("zalo", FIRST).current()) == made


def test_each_account_has_its_own_chain(vaults: Vaults) -> None:
    rotated(vaults.open("zalo", FIRST), Chain())
    assert asyncio.run(vaults.open("zalo-2", FIRST).current()) == Tokens("", FIRST, LONG_AGO)


def test_no_token_is_stored_in_clear_nor_shown(vaults: Vaults, engine: Engine) -> None:
    made = rotated(vaults.open("zalo", FIRST), Chain())
    row = stored(engine)
    kept = bytes(row.sealed) + b"".join(bytes(seed) for seed in row.seeds)
    assert [token for token in (FIRST, "access-1", "refresh-1") if token.encode() in kept] == []
    assert "access-1" not in repr(made)
    assert "refresh-1" not in repr(made)


def test_while_a_pair_lasts_the_database_is_not_asked(vaults: Vaults, engine: Engine) -> None:
    vault = vaults.open("zalo", FIRST)
    made = rotated(vault, Chain())
    with engine.begin() as connection:
        connection.execute(text("DELETE FROM account_tokens"))
    assert asyncio.run(vault.current()) == made


def test_who_asks_at_the_same_time_shares_one_renewal(vaults: Vaults) -> None:
    chain, vault = Chain(), vaults.open("zalo", FIRST)

    async def story() -> list[Tokens]:
        stale = await vault.current()
        return await asyncio.gather(*(vault.rotate(stale, chain.refresh) for _ in range(50)))

    assert {pair.access for pair in asyncio.run(story())} == {"access-1"}
    assert chain.calls == [FIRST]


def test_who_comes_late_with_an_old_pair_gets_the_new_one(vaults: Vaults) -> None:
    chain, late = Chain(), vaults.open("zalo", FIRST)

    async def story() -> Tokens:
        stale = await late.current()
        other = vaults.open("zalo", FIRST)
        await other.rotate(await other.current(), chain.refresh)
        return await late.rotate(stale, chain.refresh)

    assert asyncio.run(story()).access == "access-1"
    assert chain.calls == [FIRST]


def test_processes_that_renew_at_once_use_the_token_once(engine: Engine, database_url: str) -> None:
    """The answer is held back until the other process waits for the lock: they are at it together."""
    server = ZaloServer()
    whole = server.answer

    def another_waits() -> bool:
        with engine.connect() as connection:
            return bool(
                connection.execute(
                    text("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
                ).scalar_one()
            )

    async def answer(request: web.Request) -> web.StreamResponse:
        await asyncio.to_thread(wait_for, "the other process at the lock", another_waits)
        return await whole(request)

    server.answer = answer  # type: ignore[method-assign]
    with serving(server) as port:
        processes = [
            subprocess.Popen(
                [sys.executable, "-c", PROCESS, database_url, str(port), SECRET], cwd=PROJECT, text=True,
                env={**os.environ, "PYTHONPATH": str(PROJECT)}, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            )
            for _ in range(2)
        ]  # fmt: skip
        for process in processes:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        for process in processes:
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()
        found = [process.communicate(timeout=60)[0].strip() for process in processes]
    assert found == ["zalo-access-token-1"] * 2
    assert [renewal["refresh_token"] for renewal in server.renewals] == [FIRST]


def test_a_new_pair_is_stored_before_it_is_used(engine: Engine, keys: KeyRing) -> None:
    server, seen = ZaloServer(), []
    whole = server.answer

    async def answer(request: web.Request) -> web.StreamResponse:
        if request.path != "/v4/oa/access_token":
            row = await asyncio.to_thread(stored, engine)
            seen.append(request.headers["access_token"] in keys.open(bytes(row.sealed), row.key_version))
        return await whole(request)

    server.answer = answer  # type: ignore[method-assign]
    with serving(server) as port:
        loop = SendingLoop({"zalo": lambda: zalo(port)}, Vaults(engine, keys).open)
        sending = loop.submit(loop.adapter("zalo")).result(10)
        assert loop.submit(sending.send(consultation())).result(20).provider_id == "m1"
        loop.close()
    assert seen == [True]


def test_a_token_a_person_configures_anew_wins_over_the_stored_pair(vaults: Vaults, engine: Engine) -> None:
    chain = Chain()
    rotated(vaults.open("zalo", FIRST), chain)
    assert asyncio.run(vaults.open("zalo", NEW_FIRST).current()) == Tokens("", NEW_FIRST, LONG_AGO)
    made = rotated(vaults.open("zalo", NEW_FIRST), chain)
    assert chain.calls == [FIRST, NEW_FIRST]
    assert asyncio.run(vaults.open("zalo", NEW_FIRST).current()) == made


def test_a_process_that_still_has_the_older_setting_follows_the_newer_chain(vaults: Vaults) -> None:
    chain = Chain()
    rotated(vaults.open("zalo", FIRST), chain)
    made = rotated(vaults.open("zalo", NEW_FIRST), chain)
    assert asyncio.run(vaults.open("zalo", FIRST).current()) == made


def test_a_refused_renewal_changes_nothing_and_holds_nobody_up(vaults: Vaults, engine: Engine) -> None:
    vault = vaults.open("zalo", FIRST)

    async def away(_: Tokens) -> Tokens:
        raise SendError(ErrorKind.THROTTLED, "", "no token now", 60)

    async def story() -> None:
        with pytest.raises(SendError, match="no token now"):
            await vault.rotate(await vault.current(), away)

    asyncio.run(story())
    assert stored(engine) is None
    assert rotated(vaults.open("zalo", FIRST), Chain()).access == "access-1"


def test_a_pair_won_while_the_database_went_away_is_stored_when_it_is_back(vaults: Vaults, engine: Engine) -> None:
    chain = Chain(meanwhile=lambda: cut_others(engine))
    made = rotated(vaults.open("zalo", FIRST), chain)
    assert chain.calls == [FIRST]
    assert asyncio.run(vaults.open("zalo", FIRST).current()) == made


def test_a_pair_that_could_not_be_stored_is_kept_and_not_asked_for_again(
    engine: Engine, database_url: str, keys: KeyRing
) -> None:
    own = connect(database_url)
    vault = Vaults(own, keys, pauses=()).open("zalo", FIRST)
    chain = Chain(meanwhile=lambda: cut_others(engine))

    async def story() -> Tokens:
        stale = await vault.current()
        with pytest.raises(SendError) as caught:
            await vault.rotate(stale, chain.refresh)
        assert caught.value.kind is ErrorKind.THROTTLED
        return await vault.rotate(stale, chain.refresh)

    made = asyncio.run(story())
    own.dispose()
    assert (made.access, chain.calls) == ("access-1", [FIRST])
    assert asyncio.run(Vaults(engine, keys).open("zalo", FIRST).current()) == made


def test_it_is_stored_without_anybody_asking_before_another_process_uses_its_forerunner(
    engine: Engine, database_url: str, keys: KeyRing
) -> None:
    own = connect(database_url)
    vault = Vaults(own, keys, pauses=(), later=0.01).open("zalo", FIRST)
    chain = Chain(meanwhile=lambda: cut_others(engine))

    async def story() -> None:
        with pytest.raises(SendError, match="cannot be stored now"):
            await vault.rotate(await vault.current(), chain.refresh)
        await asyncio.to_thread(wait_for, "the pair in the database", lambda: stored(engine) is not None)

    asyncio.run(story())
    own.dispose()
    assert asyncio.run(Vaults(engine, keys).open("zalo", FIRST).current()).access == "access-1"
    assert chain.calls == [FIRST]


def test_a_child_that_ends_tries_once_more_to_store_it(engine: Engine, database_url: str, keys: KeyRing) -> None:
    own = connect(database_url)
    vault = Vaults(own, keys, pauses=(), later=3600).open("zalo", FIRST)
    chain = Chain(meanwhile=lambda: cut_others(engine))

    async def story() -> None:
        with pytest.raises(SendError, match="cannot be stored now"):
            await vault.rotate(await vault.current(), chain.refresh)
        await vault.aclose()

    asyncio.run(story())
    own.dispose()
    assert stored(engine) is not None


def test_a_token_is_not_used_up_where_the_next_one_cannot_be_written(
    engine: Engine, database_url: str, keys: KeyRing
) -> None:
    """As on a standby that connections were moved to."""
    with engine.begin() as connection:
        name = connection.execute(text("SELECT current_database()")).scalar_one()
        connection.execute(text(f"ALTER DATABASE {name} SET default_transaction_read_only = on"))
    own = connect(database_url)
    vault, chain = Vaults(own, keys, pauses=()).open("zalo", FIRST), Chain()
    with pytest.raises(SendError) as caught:
        rotated(vault, chain)
    own.dispose()
    assert caught.value.kind is ErrorKind.THROTTLED
    assert chain.calls == []


def test_whatever_is_wrong_with_the_database_nothing_counts_as_sent(engine: Engine, vaults: Vaults) -> None:
    with engine.begin() as connection:
        connection.execute(text("DROP TABLE account_tokens"))
    with pytest.raises(SendError) as caught:
        asyncio.run(vaults.open("zalo", FIRST).current())
    assert caught.value.kind is ErrorKind.THROTTLED


def test_without_the_database_the_account_waits(keys: KeyRing) -> None:
    away = Vaults(connect("postgresql://nobody@127.0.0.1:9/none"), keys, pauses=()).open("zalo", FIRST)
    chain = Chain()

    async def story() -> list[ErrorKind]:
        kinds = []
        for attempt in (away.current(), away.rotate(Tokens("", FIRST, LONG_AGO), chain.refresh)):
            with pytest.raises(SendError) as caught:
                await attempt
            kinds.append(caught.value.kind)
        return kinds

    assert asyncio.run(story()) == [ErrorKind.THROTTLED] * 2
    assert chain.calls == []


def test_a_sender_that_gives_up_does_not_take_the_renewal_with_it(vaults: Vaults) -> None:
    vault = vaults.open("zalo", FIRST)
    asked, answered = asyncio.Event(), asyncio.Event()

    async def slow(before: Tokens) -> Tokens:
        asked.set()
        await answered.wait()
        return await Chain().refresh(before)

    async def story() -> None:
        sender = asyncio.create_task(vault.rotate(await vault.current(), slow))
        await asked.wait()
        sender.cancel()
        answered.set()
        await vault.aclose()

    asyncio.run(story())
    assert asyncio.run(vaults.open("zalo", FIRST).current()).access == "access-1"


def test_tokens_outlive_a_change_of_the_secret_key(engine: Engine, keys: KeyRing) -> None:
    made = rotated(Vaults(engine, keys).open("zalo", FIRST), Chain())
    both = KeyRing({1: SECRET, 2: "the next secret of this test run, long enough"})
    newer = Vaults(engine, both).open("zalo", FIRST)
    assert asyncio.run(newer.current()) == made


def test_with_another_secret_key_the_chain_begins_at_the_configured_token(engine: Engine, keys: KeyRing) -> None:
    rotated(Vaults(engine, keys).open("zalo", FIRST), Chain())
    other = Vaults(engine, KeyRing({1: "quite another secret, and long enough to be one"})).open("zalo", FIRST)
    assert asyncio.run(other.current()) == Tokens("", FIRST, LONG_AGO)


def test_a_stored_pair_that_cannot_be_opened_needs_a_person(vaults: Vaults, engine: Engine) -> None:
    rotated(vaults.open("zalo", FIRST), Chain())
    with engine.begin() as connection:
        connection.execute(text("UPDATE account_tokens SET sealed = '\\x00112233445566778899aabbccddeeff0011'"))
    with pytest.raises(SendError) as caught:
        asyncio.run(vaults.open("zalo", FIRST).current())
    assert caught.value.kind is ErrorKind.MISCONFIGURED
    assert "authorise the app again" in caught.value.reason


def test_an_adapter_without_a_vault_reads_webhooks_and_sends_nothing() -> None:
    adapter = Zalo(zalo(1)._config, timeout=1)
    callback = signed(event("follow", follower={"id": "5"}))
    adapter.verify(callback)
    assert len(adapter.parse(callback)) == 1
    with pytest.raises(RuntimeError, match="without a vault"):
        asyncio.run(adapter.send(consultation()))


def test_a_child_that_ends_waits_for_a_renewal_under_way(engine: Engine, keys: KeyRing) -> None:
    server, asked, answered = ZaloServer(), threading.Event(), threading.Event()
    whole = server.answer

    async def answer(request: web.Request) -> web.StreamResponse:
        asked.set()
        await asyncio.to_thread(answered.wait, 20)
        return await whole(request)

    server.answer = answer  # type: ignore[method-assign]
    with serving(server) as port:
        loop = SendingLoop({"zalo": lambda: zalo(port, timeout=20)}, Vaults(engine, keys).open)
        adapter = loop.submit(loop.adapter("zalo")).result(10)
        assert isinstance(adapter, Zalo)
        loop.submit(adapter.keep_fresh())
        asked.wait(10)
        closing = threading.Thread(target=loop.close)
        closing.start()
        answered.set()
        closing.join(20)
    assert stored(engine) is not None
