"""The embedded servers after `kill -9` of anything."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import psycopg
import pytest
from local_servers import Holder, answers, cluster, postmaster, silent, sockets, valkey

from outreach.local.embedded import Embedded
from outreach.local.processes import gone, wait_until


def kill(process: psutil.Process) -> None:
    process.kill()
    assert wait_until(lambda: gone(process), 10)


def test_a_killed_holder_leaves_the_servers_to_the_next(
    embedded: Embedded, holder: Callable[[Path], Holder], room: Path
) -> None:
    first = holder(room / "data")
    servers = first.servers()
    running = postmaster(servers)
    first.kill()
    assert embedded.acquire() == servers
    assert postmaster(servers) == running
    embedded.release()
    assert silent(servers)


def test_killed_servers_are_started_by_the_next_acquire(embedded: Embedded) -> None:
    servers = embedded.acquire()
    with psycopg.connect(servers.database_url) as session:
        session.execute("CREATE TABLE committed AS SELECT 1 AS n")
    kill(postmaster(servers))
    kill(valkey(servers))
    assert answers(embedded.acquire())
    with psycopg.connect(servers.database_url) as session:
        assert session.execute("SELECT n FROM committed").fetchone() == (1,)


def test_ensure_restarts_what_died_and_names_it(embedded: Embedded) -> None:
    servers = embedded.acquire()
    assert embedded.ensure() == []
    kill(valkey(servers))
    assert embedded.ensure() == ["valkey"]
    kill(postmaster(servers))
    assert embedded.ensure() == ["postgres"]
    assert answers(servers)


def test_ensure_restarts_a_server_whose_socket_was_swept_away(embedded: Embedded) -> None:
    servers = embedded.acquire()
    before = valkey(servers)
    (sockets(servers) / "valkey.sock").unlink()
    assert embedded.ensure() == ["valkey"]
    assert answers(servers)
    assert gone(before)


def test_a_server_killed_under_another_living_holder_is_started_again(
    embedded: Embedded, holder: Callable[[Path], Holder], room: Path
) -> None:
    servers = holder(room / "data").servers()
    embedded.acquire()
    kill(postmaster(servers))  # a zombie now: its parent, the other holder, does not look
    assert embedded.ensure() == ["postgres"]
    assert answers(servers)


def test_children_left_by_a_killed_postmaster_are_ended_before_the_next_one(embedded: Embedded) -> None:
    servers = embedded.acquire()
    server = postmaster(servers)
    left = server.children()[0]
    left.suspend()
    kill(server)
    assert not gone(left)
    assert answers(embedded.acquire())
    assert gone(left)


@pytest.fixture
def bystander(embedded: Embedded) -> Iterator[subprocess.Popen[bytes]]:
    """A living process that has nothing to do with us but runs as the server's user."""
    folder = cluster(embedded.acquire()).stat()
    other = folder.st_uid != os.geteuid()
    owner = {"user": folder.st_uid, "group": folder.st_gid, "extra_groups": []} if other else {}
    process = subprocess.Popen(["sleep", "600"], cwd="/", **owner)  # type: ignore[call-overload]
    yield process
    assert process.poll() is None, "the bystander must not be harmed"
    process.kill()
    process.wait()


def test_a_stale_pid_that_belongs_to_somebody_else_now_does_not_hinder(
    embedded: Embedded, bystander: subprocess.Popen[bytes]
) -> None:
    servers = embedded.acquire()
    lock = cluster(servers) / "postmaster.pid"
    socket_lock = sockets(servers) / ".s.PGSQL.5432.lock"
    kill(postmaster(servers))
    kill(valkey(servers))
    for file in (lock, socket_lock):
        lines = file.read_text().splitlines()
        file.write_text("\n".join([str(bystander.pid), *lines[1:]]) + "\n")
    assert answers(embedded.acquire())


def test_a_valkey_nobody_wrote_down_is_used_and_stopped(embedded: Embedded, room: Path) -> None:
    servers = embedded.acquire()
    running = valkey(servers)
    (room / "data" / "embedded" / "valkey.pid").unlink()
    assert embedded.ensure() == []
    assert valkey(servers) == running
    embedded.release()
    assert wait_until(lambda: gone(running), 10)


def test_a_first_start_killed_in_the_middle_is_begun_again(
    embedded: Embedded, holder: Callable[[Path], Holder], room: Path
) -> None:
    first = holder(room / "data")
    folder = room / "data" / "embedded"
    assert wait_until(lambda: any(folder.glob("postgres.new-*/global")), 20)
    first.kill()
    assert answers(embedded.acquire())
    assert not list(folder.glob("postgres.new-*"))
