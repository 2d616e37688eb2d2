"""Lists in by command: what is asked, what is said, and how a long import is stopped."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from sqlalchemy import create_engine, make_url, text

from outreach.settings import PROJECT
from tests.cli.commands import Commands

TCVN3 = "Hä vµ tªn;S§T\r\nNguyÔn V¨n Hïng;0912345678\r\nTrÇn ThÞ B\u00ad\u00ebi;0912345679\r\n"


@pytest.fixture
def old_font(units: None, tmp_path: Path) -> Path:
    file = tmp_path / "danh sách.csv"
    file.write_bytes(TCVN3.encode("cp1252"))
    return file


def test_an_old_font_is_told_with_samples_and_the_command_to_repeat(outreach: Commands, old_font: Path) -> None:
    said = outreach("audience", "import", old_font, "--source", "xa-dong-anh", "--ignore", "x")
    assert (said.status, said.out, len(said.err.splitlines())) == (1, "", 1)
    assert "looks like TCVN3 (ABC)" in said.err
    assert '"Hä" → "Họ"' in said.err
    command = f"outreach audience import '{old_font}' --source xa-dong-anh --encoding tcvn3 --ignore x"
    assert f"To convert it: {command}" in said.err
    report = outreach("audience", "import", old_font, "--encoding", "tcvn3", "--json").json()
    assert (report["added"], report["converted"]) == (2, ["Họ và tên"])


def test_columns_are_left_out_and_named_by_options(outreach: Commands, units: None, tmp_path: Path) -> None:
    file = tmp_path / "list.csv"
    file.write_text("STT;Họ tên;CCCD;Số máy\n1;Lê An;012;0912345678\n", encoding="utf-8")
    words = ("audience", "import", file, "--ignore", "CCCD", "--map", "Số máy=phone")
    report = outreach(*words, "--json").json()
    assert (report["added"], report["ignored"]) == (1, ["STT", "CCCD"])
    assert "columns left out: STT, CCCD" in outreach(*words).err
    assert outreach("audience", "import", file, "--map", "Số máy").status == 1


def test_reasons_are_vietnamese_unless_english_is_set(outreach: Commands, units: None, tmp_path: Path) -> None:
    file = tmp_path / "list.csv"
    file.write_text("Họ tên;SĐT\nLê An;0243825123\n", encoding="utf-8")
    for commands, reason in ((outreach, "sai số chữ số"), (outreach.changed(language="en"), "wrong number of digits")):
        report = commands("audience", "import", file, "--dry-run", "--json").json()
        assert reason in Path(report["rejects_file"]).read_text("utf-8-sig")


def test_a_dry_run_says_the_same_and_stores_nothing(outreach: Commands, old_font: Path, tmp_path: Path) -> None:
    words = ("audience", "import", old_font, "--encoding", "tcvn3", "--json")
    dry = outreach(*words, "--dry-run", "--to-mend", tmp_path / "sua.csv").json()
    assert outreach("audience", "count", "rural", "--json").json()["contacts"] == 0
    assert outreach(*words).json() == dry


def start(
    *words: object, home: Path, database_url: str, redis_url: str, terminal: int | None = None
) -> subprocess.Popen[str]:
    settings = {"DATA_DIR": home, "DATABASE_URL": database_url, "REDIS_URL": redis_url}
    return subprocess.Popen(
        [sys.executable, "-m", "outreach", *(str(word) for word in words)], cwd=PROJECT, text=True,
        env={**os.environ, **{f"OUTREACH_{name}": str(value) for name, value in settings.items()}},
        stdin=subprocess.DEVNULL if terminal is None else terminal, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


@pytest.mark.parametrize(("answer", "status", "stored"), [(b"y\n", 0, 2), (b"n\n", 1, 0)])
def test_at_a_terminal_the_encoding_is_asked(
    outreach: Commands, old_font: Path, database_url: str, redis_url: str, tmp_path: Path,
    answer: bytes, status: int, stored: int,
) -> None:  # fmt: skip
    ours, theirs = pty.openpty()
    where = {"home": tmp_path / "data", "database_url": database_url, "redis_url": redis_url}
    with start("audience", "import", old_font, terminal=theirs, **where) as process:  # type: ignore[arg-type]
        os.write(ours, answer)
        _, said = process.communicate(timeout=60)
    os.close(ours)
    os.close(theirs)
    assert "Hä  →  Họ" in said
    assert "Convert it (--encoding tcvn3)?" in said
    assert process.returncode == status
    with create_engine(make_url(database_url).set(drivername="postgresql+psycopg")).connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM contacts")).scalar_one() == stored


def test_ctrl_c_ends_a_long_import_after_whole_rows_and_the_same_command_finishes_it(
    outreach: Commands, units: None, database_url: str, redis_url: str, tmp_path: Path
) -> None:
    file = tmp_path / "list.csv"
    rows = (f"{number};Lê An;09{number:08}" for number in range(10_000_000, 10_060_000))
    file.write_text("Mã số;Họ tên;SĐT\n" + "\n".join(rows) + "\n", encoding="utf-8")
    count = "SELECT count(*) FROM contacts c JOIN addresses a ON a.contact_id = c.id"
    engine = create_engine(make_url(database_url).set(drivername="postgresql+psycopg"))
    where = {"home": tmp_path / "data", "database_url": database_url, "redis_url": redis_url}
    with engine.connect() as connection, start("audience", "import", file, **where) as process:  # type: ignore[arg-type]
        ends = time.monotonic() + 60
        while connection.execute(text(count)).scalar_one() == 0:
            connection.rollback()
            assert time.monotonic() < ends
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
        connection.rollback()
        stored = connection.execute(text(count)).scalar_one()
    assert process.returncode == 1
    assert 0 < stored < 60_000
    assert f"stopped: {stored:,} rows are in" in said
    report = outreach("audience", "import", file, "--json").json()
    assert (report["added"], report["unchanged"]) == (60_000 - stored, stored)
    engine.dispose()
