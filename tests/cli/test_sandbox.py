"""`outreach sandbox`: its log in figures, and options that cannot be read."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest

from outreach.local.sandbox import Entry, Outcome
from outreach.local.sandbox.log import RequestLog, now
from tests.cli.commands import run


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    return {"OUTREACH_DATA_DIR": str(tmp_path)}


def handed(data: Path, *entries: tuple[str, str, Outcome, tuple[str, ...]]) -> None:
    """A log with messages: provider, key, outcome, faults."""
    log = RequestLog(data)
    for n, (provider, key, outcome, faults) in enumerate(entries):
        log.add(
            Entry(now(), "sms", "+84912345678", "x", "Bí mật", key, outcome, f"SM{n}", provider=provider, faults=faults)
        )
    log.close()


def test_the_log_is_shown_in_figures_without_anybodys_number(env: dict[str, str], tmp_path: Path) -> None:
    handed(
        tmp_path / "sandbox",
        ("twilio", "1.1.0", Outcome.ACCEPTED, ("reset-after-write", "lost-receipts")),
        ("twilio", "1.1.0", Outcome.ACCEPTED, ()),
        ("esms", "1.2.0", Outcome.THROTTLED, ("fail:429",)),
    )
    said = run("sandbox", "log", "--json", env=env)
    assert said.json() == {
        "messages": 3,
        "counts": [
            {"provider": "esms", "outcome": "throttled", "fault": "fail:429", "messages": 1},
            {"provider": "twilio", "outcome": "accepted", "fault": "", "messages": 1},
            {"provider": "twilio", "outcome": "accepted", "fault": "lost-receipts", "messages": 1},
            {"provider": "twilio", "outcome": "accepted", "fault": "reset-after-write", "messages": 1},
        ],
        "accepted_more_than_once": [{"provider": "twilio", "key": "1.1.0", "accepted": 2}],
    }
    shown = run("sandbox", "log", env=env)
    assert "reset-after-write" in shown.err
    assert not any(secret in json.dumps(said.json()) + shown.err for secret in ("912345678", "Bí mật"))


@pytest.mark.parametrize("words", [["sandbox"], ["up", "--sandbox", "--port", "0"]], ids=" ".join)
@pytest.mark.parametrize("option", ["--fail=429", "--latency=soon", "--silent=500%", "--late-receipts=2%"])
def test_an_option_that_cannot_be_read_is_told_before_anything_runs(
    env: dict[str, str], words: list[str], option: str
) -> None:
    said = run(*words, option, env=env)
    assert said.status == 1
    assert option.partition("=")[0] in said.err
    assert len(said.err.splitlines()) == 1


def test_a_taken_port_of_the_simulator_is_told_with_the_option_that_chooses_another(env: dict[str, str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        said = run("up", "--sandbox", "--port", "0", "--http-port", str(port), env=env)
    assert said.status == 1
    assert f"127.0.0.1:{port}" in said.err
    assert said.err.rstrip().endswith("choose another port with --http-port")


@pytest.mark.parametrize("option", ["--data=/tmp/x", "--data"])
def test_what_up_chooses_itself_cannot_be_given(env: dict[str, str], option: str) -> None:
    said = run("up", "--sandbox", "--port", "0", option, env=env)
    assert said.status == 1
    assert f"{option.partition('=')[0]} is chosen by `outreach up`" in said.err


def test_options_of_the_simulator_are_nothing_without_it(env: dict[str, str]) -> None:
    said = run("up", "--silent", "1%", env=env)
    assert said.status == 2
    assert "--sandbox" in said.err
