"""20,000 rows with known damage: the report is exact, again changes nothing, an interrupted import is finished."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from audience_files import TODAY, bring_in, counts, everything, last_change, load_units, rejects
from damaged_list import DUPLICATES, REJECTED, ROWS, DamagedList, write_damaged
from sqlalchemy import Engine

from outreach.audience.importing import ImportOptions, import_file
from outreach.domain.privacy import KeyRing
from outreach.store import units


class Interrupted(Exception):
    pass


@pytest.fixture
def damaged(engine: Engine, tmp_path: Path) -> DamagedList:
    load_units(engine)
    with engine.connect() as connection:
        codes = [commune.code for commune in units.communes(connection, "") if commune.code.startswith("2")]
    return write_damaged(tmp_path / "list.csv", codes)


def test_the_report_is_exact_and_the_same_file_again_changes_nothing(
    engine: Engine, keys: KeyRing, damaged: DamagedList
) -> None:
    report = bring_in(engine, keys, damaged.path)
    assert counts(report) == {
        "rows": ROWS,
        "added": damaged.good,
        "duplicates": damaged.duplicates,
        "rejected": len(damaged.rejected),
        "mended": damaged.mended,
    }
    assert damaged.good == ROWS - DUPLICATES - sum(number for number, _ in REJECTED.values())
    assert 0 < damaged.duplicates < DUPLICATES
    assert {int(row["row"]): row["columns"] for row in rejects(report)} == damaged.rejected
    text = Path(report.rejects_file).read_text("utf-8-sig")
    assert not [secret for secret in damaged.secrets if secret in text]

    before, stored = last_change(engine), everything(engine, "main")
    again = bring_in(engine, keys, damaged.path)
    assert again.added == again.updated == 0
    assert (again.unchanged, again.duplicates) == (damaged.good, damaged.duplicates)
    assert again.rejected == len(damaged.rejected)
    assert last_change(engine) == before
    assert everything(engine, "main") == stored


@pytest.fixture
def short(damaged: DamagedList) -> Path:
    """The last 6,000 lines of the list, where the duplicates are."""
    lines = damaged.path.read_bytes().splitlines(keepends=True)
    damaged.path.write_bytes(b"".join([lines[0], *lines[-6000:]]))
    return damaged.path


def test_an_import_that_was_interrupted_is_finished_by_running_it_again(
    engine: Engine, keys: KeyRing, short: Path
) -> None:
    chunk_rows = 777
    bring_in(engine, keys, short, source="whole", chunk_rows=chunk_rows)

    def interrupt(rows: int, expected: int) -> None:
        if rows > 2000:
            raise Interrupted

    options = ImportOptions(today=TODAY, chunk_rows=chunk_rows)
    with pytest.raises(Interrupted):
        import_file(engine, short, source="main", keys=keys, options=options, progress=interrupt)
    partly = len(everything(engine, "main"))
    report = bring_in(engine, keys, short, chunk_rows=chunk_rows)
    assert report.unchanged == partly > 0
    assert everything(engine, "main") == everything(engine, "whole")


KILLED = """
import sys
from datetime import date
from pathlib import Path
from outreach.audience.importing import ImportOptions, import_file
from outreach.domain.privacy import KeyRing
from outreach.store.engine import connect

def progress(rows, expected):
    print(rows, flush=True)
    if sys.argv[3] == "between":
        sys.stdin.read()

keys = KeyRing({1: "a secret of this test run, long enough to be one"})
options = ImportOptions(today=date(2026, 11, 21), chunk_rows=1000)
import_file(connect(sys.argv[1]), Path(sys.argv[2]), source="main", keys=keys, options=options, progress=progress)
"""


@pytest.mark.parametrize("moment", ["between", "within"])
def test_an_import_killed_without_warning_is_finished_by_running_it_again(
    engine: Engine, database_url: str, keys: KeyRing, short: Path, moment: str
) -> None:
    bring_in(engine, keys, short, source="whole")
    command = [sys.executable, "-c", KILLED, database_url, str(short), moment]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "1000\n"
        process.kill()
    assert 0 < len(everything(engine, "main")) < len(everything(engine, "whole"))
    report = bring_in(engine, keys, short, chunk_rows=1000)
    assert report.unchanged > 0
    assert everything(engine, "main") == everything(engine, "whole")
