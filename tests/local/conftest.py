"""Data folders to start servers in, with nothing left of them afterwards."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from local_servers import Holder

from outreach.local.embedded import Embedded


@pytest.fixture
def room() -> Iterator[Path]:
    """A folder that every user may pass through, its path short."""
    folder = Path(tempfile.mkdtemp(prefix="outreach-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def embed(room: Path) -> Iterator[Callable[[Path], Embedded]]:
    """Makes the servers of a data folder, and leaves nothing of them behind."""
    made: list[Embedded] = []

    def make(data_dir: Path) -> Embedded:
        made.append(Embedded(data_dir))
        return made[-1]

    yield make
    for each in made:
        each.release()
    for each in made:
        each.remove()


@pytest.fixture
def embedded(embed: Callable[[Path], Embedded], room: Path) -> Embedded:
    """The servers of one fresh data folder."""
    return embed(room / "data")


@pytest.fixture
def holder(embedded: Embedded) -> Iterator[Callable[[Path], Holder]]:
    """Starts another process that holds a data folder's servers (ended before the servers are removed)."""
    started: list[Holder] = []

    def start(data_dir: Path) -> Holder:
        started.append(Holder(data_dir))
        return started[-1]

    yield start
    for each in started:
        each.kill()
