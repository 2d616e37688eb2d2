"""The commands in this process, on a database of the test's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from outreach.settings import Settings
from tests.cli.commands import UNITS, Commands


@pytest.fixture
def bare(tmp_path: Path) -> Commands:
    """Runs commands as `outreach …` would, without any server to find."""
    nowhere = "postgresql://127.0.0.1:1/nothing"
    return Commands(Settings(data_dir=tmp_path / "data", database_url=nowhere, redis_url="redis://127.0.0.1:1"))


@pytest.fixture
def outreach(tmp_path: Path, database_url: str, redis_url: str) -> Commands:
    """The same on the real servers of the test run."""
    return Commands(Settings(data_dir=tmp_path / "data", database_url=database_url, redis_url=redis_url))


@pytest.fixture
def units(outreach: Commands, tmp_path: Path) -> None:
    """A province with one ward."""
    file = tmp_path / "units.csv"
    file.write_text(UNITS, encoding="utf-8")
    assert outreach("units", "load", file).status == 0
