"""The sandbox as a process: one to a folder, killed, restarted, started by hand."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from adapter_harness import run
from sandbox_harness import PERSON, TEXT, config, message, outcome, sandbox, sms_to

from channels.contract import Accepted
from outreach.domain.errors import OutreachError
from outreach.local.sandbox import Entry, Outcome, Ports, SandboxConfig, read_log, read_ports
from outreach.local.sandbox.__main__ import parse
from outreach.local.sandbox.credentials import TelegramBot, ZaloApp


def test_two_sandboxes_do_not_share_a_folder(tmp_path: Path) -> None:
    async def story() -> None:
        async with sandbox(tmp_path):
            with pytest.raises(OutreachError, match="another sandbox"):
                async with sandbox(tmp_path):
                    pass

    run(story())


def test_a_taken_port_is_said_plainly(tmp_path: Path) -> None:
    async def story() -> None:
        with socket.create_server(("127.0.0.1", 0)) as other:
            port = other.getsockname()[1]
            with pytest.raises(OutreachError, match=f"127.0.0.1:{port}.*choose another port"):
                async with sandbox(tmp_path, http_port=port):
                    pass

    run(story())


def test_a_log_torn_by_a_crash_is_read_and_continued(tmp_path: Path) -> None:
    whole = Entry(datetime.now(UTC).isoformat(), "sms", PERSON, "+1", TEXT, "1.1.1", Outcome.ACCEPTED, "SM1")
    line = json.dumps({name: getattr(whole, name) for name in whole.__slots__})
    (tmp_path / "requests.jsonl").write_text(line + "\n" + line[:40])

    async def story() -> None:
        async with sandbox(tmp_path) as ports:
            adapter = sms_to(ports)
            await adapter.send(message(key="1.2.1"))
            await adapter.aclose()

    run(story())
    assert next(read_log(tmp_path)).key == "1.1.1"
    assert len(list(read_log(tmp_path))) == 2


def start(data: Path) -> tuple[subprocess.Popen[bytes], Ports]:
    command = [
        sys.executable,
        "-m",
        "outreach.local.sandbox",
        "--data",
        str(data),
        "--http-port",
        "0",
        "--smtp-port",
        "0",
    ]
    process = subprocess.Popen(command, cwd=Path(__file__).parents[2])
    deadline = asyncio.new_event_loop()
    try:
        return process, deadline.run_until_complete(_ready(data, process))
    finally:
        deadline.close()


async def _ready(data: Path, process: subprocess.Popen[bytes]) -> Ports:
    async with asyncio.timeout(15):
        while (ports := read_ports(data)) is None or ports.pid != process.pid:
            assert process.poll() is None
            await asyncio.sleep(0.02)
        return ports


def test_a_killed_sandbox_has_lost_nothing_it_answered_for(tmp_path: Path) -> None:
    async def send_until_it_dies(ports: Ports, process: subprocess.Popen[bytes]) -> set[str]:
        adapter, accepted = sms_to(ports), set()

        async def one(n: int) -> None:
            result = await outcome(adapter, message(key=f"1.{n}.1"))
            if isinstance(result, Accepted):
                accepted.add(result.provider_id)
                if len(accepted) == 200:
                    process.send_signal(signal.SIGKILL)

        await asyncio.gather(*(one(n) for n in range(600)))
        await adapter.aclose()
        return accepted

    process, ports = start(tmp_path)
    try:
        answered = run(send_until_it_dies(ports, process))
        process.wait(5)
        logged = {entry.provider_id for entry in read_log(tmp_path)}
        assert len(answered) >= 200
        assert answered <= logged

        process, ports = start(tmp_path)
        found = run(asked(ports))
        assert found is not None
        assert found.provider_id in logged
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
        assert read_ports(tmp_path) is None
    finally:
        if process.poll() is None:
            os.kill(process.pid, signal.SIGKILL)
            process.wait(5)


async def asked(ports: Ports) -> Accepted | None:
    adapter = sms_to(ports)
    try:
        many = message(sent_after=datetime.now(UTC) - timedelta(minutes=1))
        return await adapter.ask(many)
    finally:
        await adapter.aclose()


def test_the_command_line_sets_everything(tmp_path: Path) -> None:
    given = parse(
        ["--data", str(tmp_path), "--http-port", "1", "--fail-share", "0.5", "--statuses", "sent,delivered",
         "--webhook", "zalo=http://127.0.0.1:8000/z?a=b", "--webhook", "telegram=http://127.0.0.1:8000/t",
         "--seen-share", "0.2", "--zalo-per-minute", "0", "--telegram-per-s", "5", "--imap-port", "3"]
    )  # fmt: skip
    assert given == SandboxConfig(
        tmp_path, http_port=1, fail_share=0.5, statuses=("sent", "delivered"), seen_share=0.2,
        webhooks={"zalo": "http://127.0.0.1:8000/z?a=b", "telegram": "http://127.0.0.1:8000/t"},
        zalo=ZaloApp(per_minute=0), telegram=TelegramBot(per_s=5), imap_port=3,
    )  # fmt: skip
    assert parse(["--data", "x"]).imap_port == 8979
    assert parse(["--data", "x", "--smtp-port", "0"]).imap_port == 0


@pytest.mark.parametrize("wrong", ["zalo", "zalo=somewhere", "esms=http://127.0.0.1:8000/e"])
def test_a_webhook_that_leads_nowhere_is_refused(tmp_path: Path, wrong: str) -> None:
    with pytest.raises(ValueError, match="webhook"):
        parse(["--data", str(tmp_path), "--webhook", wrong])


@pytest.mark.parametrize(
    "wrong",
    [{"fail_share": 2}, {"seen_share": 1.1}, {"latency_ms": -1}, {"statuses": ("read",)}],
)
def test_impossible_settings_are_refused(tmp_path: Path, wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        config(tmp_path, **wrong)
