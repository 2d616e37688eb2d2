"""Who runs the servers: we ourselves, or as root (PostgreSQL refuses root) an unprivileged system user."""

from __future__ import annotations

import logging
import os
import pwd
import shutil
import stat
import subprocess
from dataclasses import dataclass
from pathlib import Path

from outreach.domain.errors import OutreachError

USER = "outreach"
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Identity:
    """A user of the machine; `switched` when it is not the one this process runs as."""

    uid: int
    gid: int
    switched: bool


def myself() -> Identity:
    """The user this process runs as."""
    return Identity(os.geteuid(), os.getegid(), switched=False)


def owner_of(folder: Path) -> Identity:
    """Whoever owns `folder`: an existing cluster is always run by its owner. Raises OutreachError for root's."""
    found = folder.lstat()
    if found.st_uid == 0:
        raise OutreachError(
            f"the database folder {folder} belongs to root, as whom PostgreSQL does not run; "
            f"give it to a user (chown -R {USER})"
        )
    return Identity(found.st_uid, found.st_gid, switched=True)


def service_user() -> Identity:
    """The system user `outreach`, made when missing; `nobody` where no user can be made. Needs root.

    Raises OutreachError when the machine has neither.
    """
    entry = _entry(USER) or _made() or _entry("nobody")
    if entry is None or entry.pw_uid == 0:
        raise OutreachError(
            f"PostgreSQL does not run as root and no system user could be made; create one named {USER}, "
            "or run outreach as an ordinary user"
        )
    if entry.pw_name != USER:
        _log.warning("no system user %s could be made; the embedded servers run as %s", USER, entry.pw_name)
    return Identity(entry.pw_uid, entry.pw_gid, switched=True)


def _entry(name: str) -> pwd.struct_passwd | None:
    try:
        return pwd.getpwnam(name)
    except KeyError:
        return None


def _made() -> pwd.struct_passwd | None:
    for command in _commands():
        if shutil.which(command[0]) is not None:
            subprocess.run(command, capture_output=True, check=False, stdin=subprocess.DEVNULL)
    return _entry(USER)  # another process may have made it meanwhile: the answer counts, not the exit status


def _commands() -> list[list[str]]:
    shell = next((path for path in ("/usr/sbin/nologin", "/sbin/nologin") if Path(path).exists()), "/bin/false")
    if shutil.which("useradd"):
        homeless = ["--no-create-home", "--home-dir", "/nonexistent", "--shell", shell]
        return [["useradd", "--system", "--user-group", *homeless, USER]]
    return [
        ["addgroup", "-S", USER],
        ["adduser", "-S", "-D", "-H", "-h", "/nonexistent", "-s", shell, "-G", USER, USER],
    ]


def can_traverse(folder: Path, identity: Identity) -> bool:
    """Whether `identity` may pass through `folder` and everything above it (by mode bits, without ACLs)."""
    return all(_may(each, identity, stat.S_IXOTH) for each in (folder, *folder.parents))


def can_run(program: Path, identity: Identity) -> bool:
    """Whether `identity` may read and execute `program` where it lies."""
    real = program.resolve()
    return can_traverse(real.parent, identity) and _may(real, identity, stat.S_IROTH | stat.S_IXOTH)


def _may(path: Path, identity: Identity, bits: int) -> bool:
    found = path.stat()
    shift = 6 if found.st_uid == identity.uid else 3 if found.st_gid == identity.gid else 0
    return (found.st_mode >> shift) & bits == bits


def admit(folder: Path, identity: Identity) -> bool:
    """Let `identity` pass through `folder` itself; says whether it may now. Nothing above is touched.

    Only a folder that is root's alone (0700) and nobody's home is changed: its group becomes the service user's, 0710.
    """
    if _may(folder, identity, stat.S_IXOTH):
        return True
    found = folder.lstat()
    private = stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid() and not found.st_mode & 0o077
    if not private or _is_home(folder):
        return False
    os.chown(folder, -1, identity.gid, follow_symlinks=False)
    folder.chmod(0o710)
    return True


def _is_home(folder: Path) -> bool:
    return any(entry.pw_dir == str(folder) for entry in pwd.getpwall())
