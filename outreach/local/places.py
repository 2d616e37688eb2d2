"""Where things lie: the cluster, the sockets, the logs; and that nobody else can slip in there.

The servers' files are kept in the data folder. As root they belong to the service user; when that user cannot pass
through the folders above (somebody's closed home) they are kept under /var/lib/outreach, never the home opened.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
import sys
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from outreach.domain.errors import OutreachError
from outreach.local.service_user import Identity, admit, can_traverse, myself, owner_of, service_user

SYSTEM = Path("/var/lib/outreach")
POSTGRES_SOCKET, VALKEY_SOCKET = ".s.PGSQL.5432", "valkey.sock"
_SOCKET_BYTES = 103 if sys.platform == "darwin" else 107
_PLAIN = re.compile(r"[A-Za-z0-9/._+-]+")
"""Paths that mean the same to PostgreSQL's lists, its clients and a URL."""


@dataclass(frozen=True, slots=True)
class Place:
    """Everything about one data folder's servers: who runs them, and where."""

    identity: Identity
    control: Path
    """Locks and notes; ours."""
    home: Path
    """The servers' folders; `control` itself or a folder under /var/lib/outreach."""
    sockets: Path

    @property
    def cluster(self) -> Path:
        """PostgreSQL's data folder."""
        return self.home / "postgres"

    @property
    def valkey(self) -> Path:
        """Valkey's working folder (it saves nothing)."""
        return self.home / "valkey"

    def log(self, server: str) -> Path:
        """The log file of a server."""
        return self.control / "log" / f"{server}.log"


def control_folder(data_dir: Path) -> Path:
    """`<data_dir>/embedded`, made with the data folder (both 0700) when missing.

    Raises OutreachError when it cannot be made or belongs to somebody else.
    """
    control = data_dir / "embedded"
    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        control.mkdir(mode=0o700, exist_ok=True)
        found = control.lstat()
    except OSError as error:
        raise OutreachError(
            f"the data folder {data_dir} cannot be used: {error.strerror}; choose another with OUTREACH_DATA_DIR"
        ) from error
    if not stat.S_ISDIR(found.st_mode) or os.geteuid() not in (0, found.st_uid):
        raise OutreachError(
            f"{control} belongs to another user; run outreach as that user or choose another OUTREACH_DATA_DIR"
        )
    return control


def settle(data_dir: Path, control: Path) -> Place:
    """Decide, or find decided, where the servers of `data_dir` lie, and make the folders. Needs the start lock."""
    (control / "log").mkdir(mode=0o700, exist_ok=True)
    home, identity = (control, myself()) if os.geteuid() != 0 else _as_root(data_dir, control)
    place = Place(identity, control, home, _sockets(home, identity))
    own(place.valkey, identity)
    own(place.sockets, identity)
    return place


def own(folder: Path, identity: Identity) -> None:
    """Make `folder` (0700) for `identity`, or see that it is just that; raises OutreachError for anything else."""
    try:
        folder.mkdir(mode=0o700)
        if identity.switched:
            os.chown(folder, identity.uid, identity.gid, follow_symlinks=False)
    except FileExistsError:
        found = folder.lstat()
        theirs = not stat.S_ISDIR(found.st_mode) or found.st_uid != identity.uid or found.st_mode & 0o077
        if theirs and not _unfinished(folder, found, identity):
            raise OutreachError(
                f"{folder} is not a private folder of user {identity.uid}: somebody else made it; "
                "remove it and try again"
            ) from None


def _unfinished(folder: Path, found: os.stat_result, identity: Identity) -> bool:
    """A folder that root made and was killed before giving away: given away now."""
    ours = stat.S_ISDIR(found.st_mode) and found.st_uid == 0 and not found.st_mode & 0o077
    if not (ours and identity.switched and not any(folder.iterdir())):
        return False
    os.chown(folder, identity.uid, identity.gid, follow_symlinks=False)
    return True


def _as_root(data_dir: Path, control: Path) -> tuple[Path, Identity]:
    elsewhere = control / "instance"
    if elsewhere.exists():
        home = _remembered(elsewhere, data_dir)
        return home, _runner(home)
    identity = _runner(control)
    if can_traverse(data_dir.parent, identity) and admit(data_dir, identity) and admit(control, identity):
        return control, identity
    if (control / "postgres").exists():
        raise OutreachError(
            f"the user that runs the database cannot reach {control}; let it pass through the folders above, "
            "or move the data folder to where it can"
        )
    return _elsewhere(elsewhere, data_dir, identity), identity


def _runner(home: Path) -> Identity:
    cluster = home / "postgres"
    return owner_of(cluster) if cluster.exists() else service_user()


def _elsewhere(note: Path, data_dir: Path, identity: Identity) -> Path:
    system_folder()
    home = SYSTEM / uuid4().hex
    home.mkdir(mode=0o700)
    admit(home, identity)
    (home / "data-folder").write_text(f"{data_dir}\n")
    part = note.with_suffix(".new")
    part.write_text(f"{home.name}\n")
    part.rename(note)
    return home


def system_folder() -> Path:
    """/var/lib/outreach, root's own; raises OutreachError when it is anything else."""
    SYSTEM.mkdir(mode=0o755, parents=True, exist_ok=True)
    found = SYSTEM.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o022:
        raise OutreachError(f"{SYSTEM} is not root's own folder; make it so (root:root, mode 755) or remove it")
    return SYSTEM


def _remembered(note: Path, data_dir: Path) -> Path:
    name = note.read_text().strip()
    home = SYSTEM / name
    if not re.fullmatch(r"[0-9a-f]{32}", name) or not home.is_dir():
        raise OutreachError(
            f"the database of {data_dir} was kept in {home}, which is gone; put it back from a backup, "
            f"or remove {note} to begin with an empty one"
        )
    _refuse_copy(note, data_dir, home)
    return home


def _refuse_copy(note: Path, data_dir: Path, home: Path) -> None:
    """A copied data folder must not share the database of its original; a moved one keeps it."""
    first = Path((home / "data-folder").read_text().strip())
    if first == data_dir:
        return
    twin = first / "embedded" / "instance"
    if twin.exists() and not twin.samefile(note) and twin.read_text() == note.read_text():
        raise OutreachError(
            f"{data_dir} is a copy of {first}, and both would share one database; remove {note} to give it its own"
        )
    (home / "data-folder").write_text(f"{data_dir}\n")


def _sockets(home: Path, identity: Identity) -> Path:
    near = home / "run"
    if _PLAIN.fullmatch(str(near)) and len(os.fsencode(near / POSTGRES_SOCKET)) <= _SOCKET_BYTES:
        return near
    digest = hashlib.sha256(os.fsencode(home)).hexdigest()[:16]
    if identity.switched and Path("/run").is_dir():
        return Path("/run") / f"outreach-{digest}"
    return Path("/tmp") / f"outreach-{identity.uid}-{digest}"  # noqa: S108 - made 0700 and checked for its owner
