"""Invitations written for paper, and those who came unannounced settled by hand."""

from __future__ import annotations

import csv
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from channels.contract import Joined
from outreach import wiring
from outreach.settings import Settings
from tests.cli.commands import Commands, Said

PEOPLE = """\
external_id,full_name,birth_date,sex,unit_code,phone,telegram_id
1,Nguyễn Văn An,1950-03-01,nam,00004,0912345678,
2,Trần Thị <b>Bình</b>,1985-07-20,nữ,00004,0987654321,
3,Lê Văn Cường,1990-02-01,nam,00004,,901
4,Phạm Bé,2015-01-01,nữ,00004,,
5,Ngô Xa,1970-01-01,nam,48,,
"""
ACCOUNTS = """
[accounts.bot]
channel = "telegram"
provider = "telegram"
token = "1:abc"
username = "TinBaDinhBot"
webhook_secret = "a-secret-of-ours"
unit = "01"
"""


@pytest.fixture
def outreach(outreach: Commands) -> Commands:
    """With a bot of the province 01, and a public address."""
    outreach.settings.data_dir.mkdir(exist_ok=True)
    (outreach.settings.data_dir / "accounts.toml").write_text(ACCOUNTS)
    return outreach.changed(public_url="https://tin.tinh.example/")


@pytest.fixture
def people(outreach: Commands, units: None, tmp_path: Path) -> Path:
    file = tmp_path / "people.csv"
    file.write_text(PEOPLE, encoding="utf-8")
    said = outreach("audience", "import", file, "--json")
    assert said.json()["added"] == 5, said.err
    return tmp_path


def listed(file: Path) -> list[dict[str, str]]:
    with file.open(encoding="utf-8-sig", newline="") as opened:
        return list(csv.DictReader(opened))


def came(settings: Settings, sender: str, **brought: str) -> None:
    """Somebody comes to the bot."""
    runtime = wiring.build(settings, name="test")
    now = datetime.now(UTC)
    runtime.receiver().take("bot", [Joined(f"{sender} {now.timestamp()}", now, sender=sender, **brought)])
    runtime.engine.dispose()
    runtime.redis.close()


def arrivals(outreach: Commands) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = outreach("audience", "arrivals", "--json").json()["arrivals"]
    return found


def test_everybody_without_an_address_whom_an_account_serves_gets_a_link(outreach: Commands, people: Path) -> None:
    said = outreach("audience", "invite", "--channel", "telegram", "--csv", people / "moi.csv", "--json")
    assert (said.status, said.json()["invitations"], said.json()["without_channel"]) == (0, 2, 1)
    rows = listed(people / "moi.csv")
    assert [(row["full_name"], row["unit"]) for row in rows] == [
        ("Nguyễn Văn An", "Ba Đình"),
        ("Trần Thị <b>Bình</b>", "Ba Đình"),
    ]
    assert all(re.fullmatch(r"https://tin\.tinh\.example/j/[1-9A-Za-z]{25}", row["link"]) for row in rows)
    assert len({row["link"] for row in rows}) == 2
    assert (people / "moi.csv").stat().st_mode & 0o777 == 0o600


def test_a_link_brings_its_person(outreach: Commands, people: Path) -> None:
    outreach("audience", "invite", "--channel", "telegram", "--csv", people / "moi.csv")
    came(outreach.settings, "77", token=listed(people / "moi.csv")[0]["link"].rpartition("/")[2])
    outreach("audience", "invite", "--channel", "telegram", "--csv", people / "moi.csv")
    assert [row["full_name"] for row in listed(people / "moi.csv")] == ["Trần Thị <b>Bình</b>"]


def test_a_segment_a_unit_or_one_person_may_be_asked_for(outreach: Commands, people: Path) -> None:
    def count(*words: object) -> int:
        said = outreach("audience", "invite", *words, "--csv", people / "moi.csv", "--json")
        return int(said.json()["invitations"])

    assert count("elderly") == 1
    assert count("--unit", "48") == 0
    assert count("--unit", "00004") == 2
    second = listed(people / "moi.csv")[1]
    assert count("--contact", second["contact"]) == 1
    assert listed(people / "moi.csv")[0]["full_name"] == second["full_name"]
    assert count("--contact", 4711) == 0


def test_labels_have_a_code_each_and_names_cannot_become_markup(outreach: Commands, people: Path) -> None:
    sheet = people / "moi.html"
    assert outreach("audience", "invite", "--print", sheet).status == 0
    html = sheet.read_text(encoding="utf-8")
    assert (html.count('<article class="slip">'), html.count("<svg")) == (2, 2)
    assert "Trần Thị &lt;b&gt;Bình&lt;/b&gt;" in html
    assert "nhận thông báo qua Telegram. Dùng" in html, "no channel is promised that the link does not open"
    assert sheet.stat().st_mode & 0o777 == 0o600


def test_what_cannot_be_written_is_said_in_a_line(outreach: Commands, people: Path) -> None:
    def line(*words: object) -> Said:
        said = outreach("audience", "invite", *words)
        assert (said.status, said.out, len(said.err.splitlines())) == (1, "", 1), said.err
        return said

    assert "name one file to write" in line().err
    assert "name one file to write" in line("--csv", "a.csv", "--print", "a.html").err
    assert "nobody joins sms" in line("--channel", "sms", "--csv", people / "a.csv").err
    assert "set oa_id (zalo)" in line("--channel", "zalo_oa", "--csv", people / "a.csv").err
    assert 'did you mean "elderly"?' in line("eldrly", "--csv", people / "a.csv").err
    assert "cannot be written" in line("--print", people / "none" / "a.html").err


def test_links_to_this_machine_alone_are_warned_of(outreach: Commands, people: Path) -> None:
    local = outreach.changed(public_url="http://127.0.0.1:8000")
    assert "set OUTREACH_PUBLIC_URL" in local("audience", "invite", "--csv", people / "a.csv").err


def test_who_came_unannounced_is_listed_and_linked_by_hand(outreach: Commands, people: Path) -> None:
    came(outreach.settings, "77", phone="+84999999999", name="An Ba Đình")
    [one] = arrivals(outreach)
    assert (one["account"], one["name"], one["phone"], one["why"]) == (
        "bot", "An Ba Đình", "+84999999999", "no_such_phone",
    )  # fmt: skip
    assert "nobody has this phone number" in outreach("audience", "arrivals").err
    outreach("audience", "invite", "elderly", "--csv", people / "moi.csv")
    contact = listed(people / "moi.csv")[0]["contact"]
    said = outreach("audience", "arrivals", "--link", one["id"], contact, "--as", "can-bo@xa.vn")
    assert (said.status, "Nguyễn Văn An" in said.err) == (0, True)
    assert arrivals(outreach) == []
    assert outreach("audience", "invite", "elderly", "--csv", people / "moi.csv", "--json").json()["invitations"] == 0


def test_a_hand_may_not_link_what_cannot_be(outreach: Commands, people: Path) -> None:
    came(outreach.settings, "77")
    [one] = arrivals(outreach)
    runtime = wiring.build(outreach.settings, name="test")
    with runtime.engine.connect() as connection:
        ids = {row.external_id: row.id for row in connection.exec_driver_sql("SELECT external_id, id FROM contacts")}
    runtime.engine.dispose()
    for arrival, contact, wrong in (
        (one["id"], ids["4"], "is a child"),
        (one["id"], ids["5"], "does not write to"),
        (one["id"], 4711, "there is no such person"),
        (4711, ids["1"], "nobody waits under the number 4711"),
    ):
        said = outreach("audience", "arrivals", "--link", arrival, contact)
        assert (said.status, wrong in said.err, len(said.err.splitlines())) == (1, True, 1), said.err
    assert len(arrivals(outreach)) == 1
