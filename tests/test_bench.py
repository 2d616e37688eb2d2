"""The benchmark works from end to end; how fast anything is, is not asserted anywhere."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.mailing import mail_rate
from outreach.settings import PROJECT

ROWS = (
    "asked by raw sockets, requests/s",
    "messages/s",
    "processor ms a message, sending processes",
    "peak memory of a sending process, MB",
    "engine / bare sender",
    "statements of SQL a message",
    "one Celery task for each message, one INSERT and one UPDATE: messages/s",
    "the engine sends so many times as much (at least 15 wanted)",
    "a provider that answers after 300 ms, 4 children: messages/s (at least 1,000 wanted)",
    "twilio",
    "esms",
    "zalo",
    "e-mail, signed: rsa",
    "import of 5,000 rows, rows/s",
    "the same file again, rows/s",
    "planning a run of 5,000 deliveries, rows/s",
    "100 callbacks/s for 1 s, p95 of the answer, ms",
    "from 64 connections at once, callbacks/s",
    "from 64 connections at once, processor ms a callback, web",
    "from 64 connections at once, processor ms a callback, PostgreSQL",
    "processor ms of PostgreSQL a row",
    "elderly",
    "collaborators",
    "Processor",
    "PostgreSQL",
    "Valkey",
)


@pytest.mark.slow
def test_a_quick_run_of_the_benchmark_writes_every_row_with_a_figure(tmp_path: Path) -> None:
    results = tmp_path / "RESULTS.md"
    done = subprocess.run(
        [sys.executable, "benchmarks/run.py", "--quick", "--results", str(results)],
        cwd=PROJECT, capture_output=True, text=True, timeout=180, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    written = results.read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| ([^|]+) \| ([^|\n]*\d[^|\n]*) ", written, re.MULTILINE))
    assert [row for row in ROWS if row not in rows] == []
    assert re.search(r"^\| at least 2 wanted \| (valid|INVALID) \|$", written, re.MULTILINE)


@pytest.mark.slow
@pytest.mark.parametrize(("part", "row"), [("planning", "planning a run of 5,000"), ("webhooks", "callbacks/s |")])
def test_a_part_of_it_can_be_run_alone(part: str, row: str) -> None:
    done = subprocess.run(
        [sys.executable, "benchmarks/run.py", "--quick", "--only", part], cwd=PROJECT, capture_output=True, text=True,
        timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    assert row in done.stdout


@pytest.mark.slow
def test_a_quick_run_of_every_size_writes_a_row_for_each(tmp_path: Path) -> None:
    results = tmp_path / "RESULTS-flat.md"
    done = subprocess.run(
        [sys.executable, "benchmarks/flat.py", "--quick", "--results", str(results)],
        cwd=PROJECT, capture_output=True, text=True, timeout=180, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    rows = re.findall(
        r"^\| ([\d,]+) \| 1 \| [\d,]+ \| [\d,]+ \| \d\.\d\d \| \d\.\d{3} \|$", results.read_text(), re.MULTILINE
    )
    assert len(rows) == 2


@pytest.mark.parametrize("key", ["none", "rsa"])
def test_the_rate_of_e_mails_is_measured_against_a_sink_of_its_own(key: str) -> None:
    found = mail_rate(200, key=key)
    assert found.messages == 200
    assert found.rate > 0
