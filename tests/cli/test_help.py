"""Help: every command is there, has an example, and the list comes without loading the engine."""

from __future__ import annotations

import subprocess
import sys

import pytest
import typer

from outreach.cli.app import COMMANDS, _load
from outreach.settings import PROJECT
from tests.cli.commands import Commands

SUBCOMMANDS = {
    "units": ["load", "find"],
    "audience": ["import", "synthesise", "count", "invite", "arrivals"],
    "case": ["import"],
    "campaign": [
        *("check", "load", "schema", "list", "forecast", "submit", "approve", "reject", "launch", "pause", "resume"),
        *("cancel", "release", "status", "try"),
    ],
    "deliveries": ["list", "retry"],
    "inbound": ["list", "show", "mark"],
    "suppression": ["import", "lift", "list", "show"],
    "scripts": ["confirm"],
    "target": ["set", "unset", "list", "history"],
    "visits": ["list", "record", "import", "undo", "recorded"],
    "template": ["list", "check", "preview", "send"],
    "sandbox": ["log"],
    "sms": ["parts"],
    "bounces": ["held", "take"],
    "account": ["authorise", "list", "resume", "test", "trial"],
}
ALL = [[name] for name in COMMANDS if name not in SUBCOMMANDS] + [
    [name, sub] for name, subs in SUBCOMMANDS.items() for sub in subs
]


@pytest.mark.parametrize("words", ALL, ids=" ".join)
def test_every_command_explains_itself_with_an_example(bare: Commands, words: list[str]) -> None:
    said = bare(*words, "--help")
    assert said.status == 0, said.err
    assert f"Example: outreach {' '.join(words)}" in " ".join(said.out.split())


@pytest.mark.parametrize("name", SUBCOMMANDS)
def test_no_command_is_missing_from_these_tests(name: str) -> None:
    group = _load(name)
    assert sorted(group.list_commands(typer.Context(group))) == sorted(SUBCOMMANDS[name])


def test_the_list_names_every_command(bare: Commands) -> None:
    said = bare("--help")
    assert [name for name in COMMANDS if name not in said.out] == []


def test_the_list_loads_neither_database_nor_providers() -> None:
    look = (
        "import sys; from outreach.__main__ import app, session\n"
        "app(['--help'], obj=session(), standalone_mode=False)\n"
        "print([name for name in ('sqlalchemy', 'pydantic', 'twilio', 'celery', 'aiohttp') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", look], cwd=PROJECT, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_a_slip_of_the_pen_is_a_usage_error_with_the_nearest_name(bare: Commands) -> None:
    said = bare("campain", "list")
    assert said.status == 2
    assert "Did you mean 'campaign'?" in said.err
    assert bare("campaign", "lst").status == 2
    assert bare("campaign", "load").status == 2
