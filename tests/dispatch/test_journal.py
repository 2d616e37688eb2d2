"""A pair of tokens outlives the process that won it: it is in the host's journal before the database has it."""

from __future__ import annotations

import asyncio
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from channels.abilities import Tokens
from outreach.dispatch.freshness import LOST, Freshness
from outreach.dispatch.journal import Journal
from outreach.dispatch.loop import SendingLoop
from outreach.dispatch.vault import LONG_AGO, Vaults
from outreach.domain.privacy import KeyRing
from outreach.store import accounts
from tests.channels.zalo_server import FIRST, ZaloServer, serving, zalo
from tests.processes import wait_for
from tests.world import account

PROJECT = Path(__file__).parents[2]
SECRET = "a secret of this test run, long enough to be one"
PROCESS = """
import asyncio, sys
from pathlib import Path
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

asyncio.run(story(Vaults(connect(sys.argv[1]), KeyRing({1: sys.argv[3]}), journals=Path(sys.argv[4]))))
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "tokens"


@pytest.fixture
def ring() -> KeyRing:
    return KeyRing({1: SECRET})


def worker(database_url: str, port: int, folder: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", PROCESS, database_url, str(port), SECRET, str(folder)], cwd=PROJECT, text=True,
        env={**os.environ, "PYTHONPATH": str(PROJECT)}, stdout=subprocess.PIPE,
    )  # fmt: skip


@contextmanager
def commits_blocked(engine: Engine) -> Iterator[None]:
    """The account has a row, of a chain that nobody follows any more, and somebody holds it."""
    with engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO account_tokens (name, sealed, key_version, expires_at, seeds, renewed_at)"
                " VALUES ('zalo', '', 1, now(), '{}', now())"
            )
        )
    with engine.connect() as connection:
        connection.execute(text("SELECT 1 FROM account_tokens WHERE name = 'zalo' FOR UPDATE"))
        yield
        connection.rollback()


def kept(folder: Path) -> list[Path]:
    return [file for file in folder.glob("zalo.*") if file.suffix != ".part"] if folder.exists() else []


def killed_before_the_commit(engine: Engine, database_url: str, port: int, folder: Path, *, both: bool) -> None:
    with commits_blocked(engine):
        processes = [worker(database_url, port, folder) for _ in range(2 if both else 1)]
        wait_for("the new pair in the journal", lambda: bool(kept(folder)))
        for process in processes:
            process.kill()
            process.wait(20)
            assert process.stdout is not None
            process.stdout.close()


@pytest.mark.parametrize("both", [False, True], ids=["one worker", "two workers"])
def test_a_kill_between_the_answer_and_the_commit_loses_nothing(
    engine: Engine, database_url: str, folder: Path, both: bool
) -> None:
    server = ZaloServer()
    with serving(server) as port:
        killed_before_the_commit(engine, database_url, port, folder, both=both)
        assert [renewal["refresh_token"] for renewal in server.renewals] == [FIRST]
        after = [worker(database_url, port, folder) for _ in range(2)]
        found = [process.communicate(timeout=60)[0].strip() for process in after]
    assert found == ["zalo-access-token-1"] * 2
    assert [renewal["refresh_token"] for renewal in server.renewals] == [FIRST]
    assert kept(folder) == []


def test_the_host_with_the_journal_heals_the_account_that_another_has_paused(
    engine: Engine, database_url: str, folder: Path, ring: KeyRing
) -> None:
    server = ZaloServer()
    with serving(server) as port:
        killed_before_the_commit(engine, database_url, port, folder, both=False)
        with engine.begin() as connection:
            accounts.pause(connection, "zalo", code=LOST, reason="the refresh token is used up")
        loop = SendingLoop({"zalo": lambda: zalo(port)}, Vaults(engine, ring, journals=folder).open)
        Freshness(engine, loop, {"zalo": account("zalo")}).keep()
        loop.close()
    with engine.connect() as connection:
        assert accounts.paused(connection) == {}
    assert len(server.renewals) == 1


def test_an_account_that_a_person_must_mend_otherwise_stays_paused(
    engine: Engine, database_url: str, folder: Path, ring: KeyRing
) -> None:
    server = ZaloServer()
    with serving(server) as port:
        with engine.begin() as connection:
            accounts.pause(connection, "zalo", code="-115", reason="out of balance")
        loop = SendingLoop({"zalo": lambda: zalo(port)}, Vaults(engine, ring, journals=folder).open)
        Freshness(engine, loop, {"zalo": account("zalo")}).keep()
        loop.close()
    with engine.connect() as connection:
        assert list(accounts.paused(connection)) == ["zalo"]


PAIR = Tokens("access-1", "refresh-1", datetime(2026, 11, 24, tzinfo=UTC))


def test_a_journal_is_sealed_and_for_its_owner_alone(folder: Path, ring: KeyRing) -> None:
    Journal(folder, "zalo", ring).keep(Tokens("", FIRST, LONG_AGO), PAIR)
    [file] = folder.iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [word for word in ("access-1", "refresh-1", FIRST) if word.encode() in file.read_bytes()] == []
    assert FIRST not in file.name


def test_it_gives_only_what_follows_the_pair_asked_for(folder: Path, ring: KeyRing) -> None:
    journal, before = Journal(folder, "zalo", ring), Tokens("", FIRST, LONG_AGO)
    journal.keep(before, PAIR)
    assert journal.successor(before) == PAIR
    assert journal.successor(PAIR) is None
    assert Journal(folder, "zalo-2", ring).successor(before) is None
    assert Journal(folder, "zalo", KeyRing({1: SECRET, 2: SECRET + " anew"})).successor(before) == PAIR


def test_a_damaged_journal_is_no_pair(folder: Path, ring: KeyRing) -> None:
    journal, before = Journal(folder, "zalo", ring), Tokens("", FIRST, LONG_AGO)
    journal.keep(before, PAIR)
    [file] = folder.iterdir()
    file.write_bytes(file.read_bytes()[:20])
    assert journal.successor(before) is None


def test_a_folder_that_cannot_be_written_stops_no_renewal(engine: Engine, tmp_path: Path, ring: KeyRing) -> None:
    (tmp_path / "file").write_text("in the way")
    vault = Vaults(engine, ring, journals=tmp_path / "file").open("zalo", FIRST)

    async def refresh(_: Tokens) -> Tokens:
        return Tokens("access-1", "refresh-1", datetime.now(UTC) + timedelta(hours=25))

    async def story() -> Tokens:
        return await vault.rotate(await vault.current(), refresh)

    assert asyncio.run(story()).access == "access-1"
