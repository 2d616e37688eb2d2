"""The console script as a real process: streams, statuses, settings from the environment, embedded servers."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

import pytest

from outreach.local.embedded import Embedded
from outreach.settings import PROJECT
from tests.cli.commands import CAMPAIGN, PEOPLE, UNITS, run
from tests.processes import free_port, wait_for


@pytest.fixture
def env(tmp_path: Path, database_url: str, redis_url: str) -> dict[str, str]:
    return {
        "OUTREACH_DATA_DIR": str(tmp_path / "data"),
        "OUTREACH_DATABASE_URL": database_url,
        "OUTREACH_REDIS_URL": redis_url,
    }


def test_a_first_campaign_from_anywhere(env: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "people.csv").write_text(PEOPLE, encoding="utf-8")
    (tmp_path / "thu.yaml").write_text(CAMPAIGN, encoding="utf-8")
    (tmp_path / "units.csv").write_text(UNITS, encoding="utf-8")

    assert run("units", "load", "units.csv", "--json", env=env, cwd=tmp_path).json()["units"] == 3
    imported = run("audience", "import", "people.csv", "--json", env=env, cwd=tmp_path)
    assert (imported.status, imported.json()["added"], imported.json()["rejected"]) == (0, 2, 2)
    assert (tmp_path / "people.rejects.csv").exists()
    run("campaign", "load", "thu.yaml", env={**env, "OUTREACH_USER": "staff@x.vn"}, cwd=tmp_path)
    run("campaign", "submit", "thu", "--as", "staff@x.vn", env=env)
    refused = run("campaign", "approve", "thu", "--json", env={**env, "OUTREACH_USER": "staff@x.vn"})
    assert (refused.status, refused.out) == (1, "")
    assert "second person" in refused.err.splitlines()[-1]
    launched = run("campaign", "launch", "thu", env=env)
    assert (launched.status, launched.out, len(launched.err.splitlines())) == (1, "", 1)


def test_mistakes_in_a_campaign_file_end_with_one(env: dict[str, str], tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text("campaign: [\n", encoding="utf-8")
    said = run("campaign", "check", wrong, env=env)
    assert said.status == 1
    assert said.out.startswith(f"{wrong}:")


def test_wrong_settings_are_named_without_a_traceback(env: dict[str, str]) -> None:
    for name, value in (("OUTREACH_TIMEZONE", "Asia/Ha_Noi"), ("OUTREACH_WORKERS", "many"), ("OUTREACH_APPROVAL", "x")):
        said = run("campaign", "list", env={**env, name: value})
        assert (said.status, said.out, len(said.err.splitlines())) == (1, "", 1)
        assert name.removeprefix("OUTREACH_").lower() in said.err


def test_the_unexpected_is_one_line_and_a_private_log_without_messages(env: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "data" / "secret.key" / "nonsense").mkdir(mode=0o700, parents=True)
    said = run("campaign", "list", env=env)
    assert (said.status, said.out, len(said.err.splitlines())) == (1, "", 1)
    log = tmp_path / "data" / "log" / "outreach.log"
    assert str(log) in said.err
    assert stat.S_IMODE(log.stat().st_mode) == 0o600
    assert "nonsense" not in log.read_text()
    assert "Traceback" in run("--debug", "campaign", "list", env=env).err


def test_texts_are_answered_while_more_are_still_to_come() -> None:
    command = [sys.executable, "-m", "outreach", "sms", "parts", "--json"]
    process = subprocess.Popen(command, cwd=PROJECT, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdin is not None
    assert process.stdout is not None
    for text in ("Chào", "abc"):
        process.stdin.write(json.dumps(text).encode() + b"\n")
        process.stdin.flush()
        assert json.loads(process.stdout.readline())["parts"] == 1
    process.stdin.close()
    assert process.wait(10) == 0
    process.stdout.close()


def test_a_reader_that_leaves_early_is_no_error_worth_a_traceback() -> None:
    command = f"yes abc | {sys.executable} -m outreach sms parts | head -1"
    done = subprocess.run(["bash", "-c", command], cwd=PROJECT, capture_output=True, text=True, timeout=30, check=True)
    assert done.stdout == "GSM-7 1, unaccented GSM-7 1\n"
    assert "Traceback" not in done.stderr


@pytest.fixture
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A data folder whose embedded servers are gone at the end."""
    folder = tmp_path_factory.mktemp("up")
    yield folder
    Embedded(folder).remove()


def test_up_runs_everything_until_ctrl_c(home: Path) -> None:
    port = free_port()
    env = {**os.environ, "PYTHONPATH": str(PROJECT), "OUTREACH_DATA_DIR": str(home)}
    command = [sys.executable, "-m", "outreach", "up", "--port", str(port), "--workers", "1"]
    with (home / "up.txt").open("wb") as said:
        process = subprocess.Popen(command, env=env, cwd=home, stdout=said, stderr=said)
    try:
        wait_for(
            "the web", lambda: process.poll() is not None or answers(f"http://127.0.0.1:{port}/readyz"), seconds=60
        )
        ready = home / "log" / "worker.log"
        wait_for("the worker", lambda: process.poll() is not None or b" ready." in ready.read_bytes(), seconds=60)
        assert process.poll() is None, (home / "up.txt").read_text()
        listed = run("campaign", "list", "--json", env={"OUTREACH_DATA_DIR": str(home)})
        assert listed.json() == {"campaigns": []}
        again = run("up", "--port", port, env={"OUTREACH_DATA_DIR": str(home)})
        assert (again.status, len(again.err.splitlines())) == (1, 1)

        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0
    finally:
        if process.poll() is None:
            process.kill()
            process.wait(10)
    said_at_last = (home / "up.txt").read_text()
    assert [f"{part} stopped" in said_at_last for part in ("worker", "scheduler", "web")] == [True] * 3


def answers(url: str) -> bool:
    try:
        with urlopen(url, timeout=2) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False
