"""The embedded servers in peace: start, share, keep, stop."""

from __future__ import annotations

import os
import stat
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
import redis
from local_servers import Holder, answers, cluster, postmaster, silent, sockets, valkey

from outreach.domain.errors import OutreachError
from outreach.local.embedded import Embedded, Servers, temporary

Embed = Callable[[Path], Embedded]


def test_both_servers_answer_once_acquired_and_no_longer_once_released(embedded: Embedded) -> None:
    servers = embedded.acquire()
    assert answers(servers)
    embedded.release()
    assert silent(servers)


def test_they_are_ready_in_three_seconds(embedded: Embedded) -> None:
    embedded.acquire()
    embedded.release()
    began = time.monotonic()
    embedded.acquire()
    assert time.monotonic() - began < 3.0


def test_what_was_stored_is_there_after_a_restart(embedded: Embedded) -> None:
    with psycopg.connect(embedded.acquire().database_url) as session:
        session.execute("CREATE TABLE kept AS SELECT 'Nguyễn Thị Ánh' AS name")
    embedded.release()
    with psycopg.connect(embedded.acquire().database_url) as session:
        assert session.execute("SELECT upper(name) FROM kept").fetchone() == ("NGUYỄN THỊ ÁNH",)


def test_acquiring_twice_is_acquiring_once(embedded: Embedded) -> None:
    first, second = embedded.acquire(), embedded.acquire()
    assert first == second
    embedded.release()
    assert silent(first)


def test_only_what_is_asked_for_is_started(embedded: Embedded) -> None:
    servers = embedded.acquire(postgres=False)
    with redis.Redis.from_url(servers.redis_url) as client:
        assert client.ping()
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(servers.database_url)
    assert answers(embedded.acquire(valkey=False))


def test_two_data_folders_have_two_pairs_of_servers(embed: Embed, room: Path) -> None:
    one, two = embed(room / "one").acquire(), embed(room / "two").acquire()
    assert postmaster(one) != postmaster(two)
    with redis.Redis.from_url(one.redis_url) as client, redis.Redis.from_url(two.redis_url) as other:
        client.set("token", "1")
        assert other.get("token") is None


def test_two_processes_starting_at_once_get_the_same_servers(
    embedded: Embedded, holder: Callable[[Path], Holder], room: Path
) -> None:
    both = [holder(room / "data"), holder(room / "data")]
    one, two = (each.servers() for each in both)
    assert one == two == embedded.acquire()
    assert answers(one)


def test_the_last_holder_stops_the_servers(embedded: Embedded, holder: Callable[[Path], Holder], room: Path) -> None:
    other = holder(room / "data")
    servers = other.servers()
    embedded.acquire()
    embedded.release()
    assert answers(servers)
    other.leave()
    assert silent(servers)


def test_a_forked_child_does_not_release_what_its_parent_holds(embedded: Embedded) -> None:
    servers = embedded.acquire()
    child = os.fork()
    if child == 0:
        embedded.release()
        os._exit(0)
    os.waitpid(child, 0)
    assert answers(servers)


def test_a_forked_child_can_hold_the_servers_itself(embedded: Embedded) -> None:
    servers = embedded.acquire()
    child = os.fork()
    if child == 0:
        same = embedded.acquire() == servers
        embedded.release()
        os._exit(0 if same else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert answers(servers)


@pytest.mark.parametrize("name", ["a-very-long-name-of-a-folder" * 4, "Chiến dịch, 2025 (thử)"])
def test_long_and_unusual_paths_work(embed: Embed, room: Path, name: str) -> None:
    servers = embed(room / name).acquire()
    assert answers(servers)
    assert len(os.fsencode(sockets(servers) / ".s.PGSQL.5432")) <= 107


def test_a_planted_socket_folder_is_refused(embed: Embed, room: Path) -> None:
    embedded = embed(room / ("long" * 30))
    folder = sockets(embedded.acquire())
    embedded.release()
    for each in folder.iterdir():
        each.unlink()
    folder.rmdir()
    folder.symlink_to(room)
    with pytest.raises(OutreachError, match="somebody else made it"):
        embedded.acquire()
    folder.unlink()


def test_the_folders_are_closed_to_others_and_the_server_listens_on_no_network(embedded: Embedded, room: Path) -> None:
    servers = embedded.acquire()
    for folder in (room / "data", room / "data" / "embedded"):
        assert stat.S_IMODE(folder.stat().st_mode) & 0o067 == 0
    for folder in (sockets(servers), cluster(servers)):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    for server in (postmaster(servers), valkey(servers)):
        assert server.net_connections(kind="inet") == []


def test_the_servers_are_not_given_our_environment(embedded: Embedded, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OUTREACH_SECRET_KEY", "not for the servers")
    servers = embedded.acquire()
    for server in (postmaster(servers), valkey(servers)):
        assert "OUTREACH_SECRET_KEY" not in server.environ()


def test_a_refused_statement_leaves_no_personal_data_in_the_log(embedded: Embedded, room: Path) -> None:
    with psycopg.connect(embedded.acquire().database_url, autocommit=True) as session:
        session.execute("CREATE TABLE people (name text CHECK (length(name) < 3))")
        with pytest.raises(psycopg.errors.CheckViolation):
            session.execute("INSERT INTO people VALUES (%s)", ("Nguyễn Thị Ánh",))
        with pytest.raises(psycopg.errors.InvalidTextRepresentation):
            session.execute("SELECT %s::int", ("0912345678x",))
    log = (room / "data" / "embedded" / "log" / "postgres.log").read_text()
    assert "ready to accept connections" in log
    assert "Nguyễn" not in log
    assert "0912345678" not in log


def test_a_cluster_of_another_version_is_refused_with_advice(embedded: Embedded) -> None:
    version = cluster(embedded.acquire()) / "PG_VERSION"
    embedded.release()
    version.write_text("16\n")
    with pytest.raises(OutreachError, match="made by PostgreSQL 16, this installation has 18"):
        embedded.acquire()


def test_a_failed_start_says_why_and_leaves_nothing_running(embedded: Embedded) -> None:
    folder = cluster(embedded.acquire())
    embedded.release()
    (folder / "postgresql.conf").write_text("max_connections = many\n")
    with pytest.raises(OutreachError, match=r"did not start.*max_connections"):
        embedded.acquire()
    assert not (folder / "postmaster.pid").exists()


def test_a_data_folder_that_cannot_be_made_is_told(room: Path) -> None:
    (room / "file").write_text("")
    with pytest.raises(OutreachError, match="choose another with OUTREACH_DATA_DIR"):
        Embedded(room / "file" / "data").acquire()


def test_temporary_servers_leave_nothing_behind(room: Path) -> None:
    with temporary(room / "data") as servers:
        assert answers(servers)
    assert silent(servers)
    assert list((room / "data").iterdir()) == []


def test_nobody_removes_servers_that_another_process_uses(
    embedded: Embedded, holder: Callable[[Path], Holder], room: Path
) -> None:
    servers: Servers = holder(room / "data").servers()
    with pytest.raises(OutreachError, match="in use by another process"):
        embedded.remove()
    assert answers(servers)


def test_the_servers_hold_no_descriptor_of_ours(embedded: Embedded, room: Path) -> None:
    if sys.platform != "linux":
        pytest.skip("open files of a process are read from /proc")
    servers = embedded.acquire()
    for server in (postmaster(servers), valkey(servers)):
        opened = {str(link.readlink()) for link in Path(f"/proc/{server.pid}/fd").iterdir() if link.is_symlink()}
        assert not any(path.endswith(".lock") and str(room) in path for path in opened)
