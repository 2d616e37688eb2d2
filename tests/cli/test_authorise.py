"""`outreach account authorise` at a terminal, with the sandbox as Zalo."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from outreach import wiring
from outreach.local.sandbox.credentials import ZaloApp
from outreach.settings import PROJECT
from outreach.store import accounts as account_store
from tests.cli.commands import Commands
from tests.processes import Sandbox, sandbox

APP = ZaloApp()


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Sandbox]:
    with sandbox(tmp_path / "sandbox") as running:
        yield running


@pytest.fixture
def fresh(outreach: Commands, box: Sandbox) -> Commands:
    """The commands with a Zalo account that nobody has authorised yet."""
    here, file = f"{box.http}/zalo", outreach.settings.accounts_file
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(
        f"""
        [accounts.zalo]
        channel = ["zalo_oa", "zalo_zns"]
        provider = "zalo"
        app_id = "{APP.app_id}"
        app_secret = "{APP.app_secret}"
        oa_id = "{APP.oa_id}"
        oa_secret = "{APP.oa_secret}"
        base_url = "{here}"
        business_url = "{here}"
        oauth_url = "{here}"
        """
    )
    return outreach.changed(public_url="https://tinh.example")


def started(fresh: Commands) -> str:
    """The permission page of a request that was begun and not waited for."""
    said = fresh("account", "authorise", "zalo", "--wait", "0", "--json")
    assert said.status == 0, said.err
    document = said.json()
    assert document["outcome"] == ""
    assert document["address"] in said.err
    return str(document["address"])


def permitted(address: str) -> str:
    parts = urlsplit(address)
    connection = HTTPConnection(parts.hostname or "", parts.port, timeout=10)
    connection.request("POST", f"{parts.path}?{parts.query}")
    location = connection.getresponse().headers["Location"]
    connection.close()
    return location


def test_zalo_sends_the_browser_on_to_our_page(fresh: Commands) -> None:
    assert permitted(started(fresh)).startswith("https://tinh.example/oauth/zalo?")


def test_the_whole_address_may_be_pasted_where_our_page_cannot_be_reached(fresh: Commands) -> None:
    answer = permitted(started(fresh))
    said = fresh("account", "authorise", "zalo", "--code", answer)
    assert said.status == 0, said.err
    assert "đã được cấp quyền" in said.err
    assert "A CODE ALONE" not in said.err
    again = fresh("account", "authorise", "zalo", "--code", answer)
    assert again.status == 1
    assert "answers no open request" in again.err


def test_it_may_be_handed_over_without_being_shown(fresh: Commands) -> None:
    said = fresh("account", "authorise", "zalo", "--code", "-", given=permitted(started(fresh)) + "\n")
    assert said.status == 0, said.err
    assert "code=" not in said.err


def test_an_address_with_another_state_is_refused(fresh: Commands) -> None:
    answer = permitted(started(fresh))
    state = parse_qs(urlsplit(answer).query)["state"][0]
    said = fresh("account", "authorise", "zalo", "--code", answer.replace(state, "another"))
    assert said.status == 1
    assert "answers no open request" in said.err
    assert fresh("account", "authorise", "zalo", "--code", answer).status == 0


def test_a_bare_code_is_taken_with_a_warning(fresh: Commands) -> None:
    code = parse_qs(urlsplit(permitted(started(fresh))).query)["code"][0]
    said = fresh("account", "authorise", "zalo", "--code", code, "--json")
    assert said.status == 0, said.err
    assert "A CODE ALONE" in said.err
    assert said.json() == {"account": "zalo", "outcome": "done", "resumed": False, "paused": None}


def test_a_code_without_any_request_is_refused(fresh: Commands) -> None:
    said = fresh("account", "authorise", "zalo", "--code", "made-up")
    assert said.status == 1
    assert "no request is open" in said.err


def test_it_waits_until_somebody_else_has_brought_the_answer(fresh: Commands) -> None:
    """As the web does, which Zalo sends the browser on to."""
    chosen = fresh.settings
    environment = {
        "OUTREACH_DATA_DIR": str(chosen.data_dir), "OUTREACH_DATABASE_URL": str(chosen.database_url),
        "OUTREACH_REDIS_URL": str(chosen.redis_url), "PYTHONPATH": str(PROJECT), "PYTHONUNBUFFERED": "1",
    }  # fmt: skip
    waiting = subprocess.Popen(
        [sys.executable, "-m", "outreach", "account", "authorise", "zalo", "--wait", "60"],
        env={**os.environ, **environment}, cwd=PROJECT, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert waiting.stderr is not None
        address = next(line for line in waiting.stderr if line.startswith("http"))
        assert fresh("account", "authorise", "zalo", "--code", permitted(address.strip())).status == 0
        _, rest = waiting.communicate(timeout=60)
        assert waiting.returncode == 0
        assert "đã được cấp quyền" in rest
    finally:
        waiting.kill()
        waiting.wait(10)


def test_the_doctor_names_an_account_that_nobody_has_authorised(fresh: Commands) -> None:
    def doubted() -> list[tuple[str, str]]:
        checks = fresh("doctor", "--json").json()["checks"]
        return [(one["what"], one["do"]) for one in checks if one["name"] == "account zalo"]

    assert doubted() == [("nobody has authorised it yet", "authorise the app: outreach account authorise zalo")]
    assert fresh("account", "authorise", "zalo", "--code", permitted(started(fresh))).status == 0
    assert doubted() == []


def test_an_account_paused_for_another_cause_stays_paused_and_says_so(fresh: Commands) -> None:
    answer = permitted(started(fresh))
    runtime = wiring.build(fresh.settings, name="test")
    with runtime.engine.begin() as connection:
        account_store.pause(connection, "zalo", code="-115", reason="out of balance")
    runtime.engine.dispose()
    said = fresh("account", "authorise", "zalo", "--code", answer)
    assert said.status == 0
    assert "-115 out of balance" in said.err
    assert "outreach account resume zalo" in said.err


def test_nobody_answering_is_told_after_the_wait(fresh: Commands) -> None:
    said = fresh("account", "authorise", "zalo", "--wait", "1")
    assert said.status == 1
    assert "--code" in said.err
