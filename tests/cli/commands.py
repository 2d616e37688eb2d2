"""Commands as tests run them: in this process with a session of their own, or as real processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from outreach import wiring
from outreach.cli.app import app
from outreach.cli.session import Session
from outreach.settings import PROJECT, Settings

CAMPAIGN = """\
campaign: thu
title: Chiến dịch thử
issuer: UBND xã
starts: 2025-01-01
ends: 2035-12-31
messages:
  - id: gui
    segment: {kind: person}
    text: {sms: "UBND xa kinh moi ong/ba den nhan ket qua."}
    channels: [sms]
    schedule: {at: launch}
"""
"""A good campaign file, independent of templates and of the day."""
PEOPLE = """\
external_id,full_name,birth_date,sex,unit_code,phone,email
1,Nguyễn Văn An,1950-03-01,nam,00004,0912345678,
2,Trần Thị Bình,1985-07-20,nữ,00004,0987654321,binh@example.vn
3,Lê Văn Cường,31/02/1990,nam,00004,0901234567,
4,,1990-01-01,nam,99999,12,
"""
"""Two good rows and two bad ones."""
UNITS = "code,parent,name,kind\n01,,Hà Nội,thanh_pho\n00004,01,Ba Đình,phuong\n48,,Đà Nẵng,thanh_pho\n"
"""A province with one ward, and one without."""


@dataclass(frozen=True)
class Said:
    """What a command printed and how it ended."""

    status: int
    out: str
    err: str

    def json(self) -> Any:
        """The one document on stdout; anything else there fails the test."""
        return json.loads(self.out)


@dataclass(frozen=True)
class Commands:
    """Commands with given settings in this process."""

    settings: Settings
    runner: CliRunner = field(default_factory=CliRunner)

    def __call__(self, *words: object, given: str | bytes | None = None) -> Said:
        session = Session(
            lambda: self.settings, wiring.servers, lambda one: wiring.build(one, name="test"), lambda: None
        )
        result = self.runner.invoke(app, [str(word) for word in words], obj=session, input=given)
        return Said(result.exit_code, result.stdout, result.stderr)

    def changed(self, **values: Any) -> Commands:
        """The same with other settings."""
        return replace(self, settings=self.settings.model_copy(update=values))


def run(*words: object, env: Mapping[str, str], given: str = "", cwd: Path = PROJECT) -> Said:
    """A real process: `python -m outreach …`."""
    done = subprocess.run(
        [sys.executable, "-m", "outreach", *(str(word) for word in words)],
        env={**os.environ, "PYTHONPATH": str(PROJECT), **env},
        cwd=cwd,
        input=given,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return Said(done.returncode, done.stdout, done.stderr)
