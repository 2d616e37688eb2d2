"""What citizens wrote, by command: listed, read, written to a file, marked as dealt with."""

from __future__ import annotations

import csv
import stat
from pathlib import Path

import pytest
from sqlalchemy import Engine

from channels.contract import Inbound
from outreach.domain.clock import VirtualClock
from outreach.domain.privacy import KeyRing
from outreach.receipts.receiver import Receiver
from tests.cli.commands import Commands
from tests.world import SMS, World

SECRET = "a secret of these tests, long enough to be one"


@pytest.fixture
def written(outreach: Commands, engine: Engine, clock: VirtualClock) -> Commands:
    """Two who are on the list wrote, in two communes, and a stranger."""
    world = World(engine, KeyRing({1: SECRET}), clock)
    world.person("An", phone="+84912345670", unit="00454")
    world.person("Bình", phone="+84912345671", unit="00004")
    receiver = Receiver(engine, {}, {"sms-main": SMS}, world.keys, clock)
    texts = {"+84912345670": "Xin hỏi giờ mở cửa", "+84912345671": "=1+1", "+84999999999": "Ai đó\nhỏi"}
    for n, (sender, words) in enumerate(texts.items()):
        receiver.take("sms-main", [Inbound(f"k{n}", clock.now(), sender=sender, text=words)])
    return outreach.changed(secret_key=SECRET)


def test_texts_are_listed_with_masked_senders_the_latest_first(written: Commands) -> None:
    listed = written("inbound", "list", "--json").json()["inbound"]
    assert [one["text"] for one in listed] == ["Ai đó\nhỏi", "=1+1", "Xin hỏi giờ mở cửa"]
    assert listed[2]["contacts"][0]["name"] == "An"
    assert not any("91234567" in str(one) for one in listed)
    shown = written("inbound", "list").err
    assert "Xin hỏi giờ mở cửa" in shown
    assert [one["text"] for one in written("inbound", "list", "--limit", 1, "--json").json()["inbound"]] == [
        "Ai đó\nhỏi"
    ]


def test_a_commune_s_texts_are_its_own(written: Commands) -> None:
    found = written("inbound", "list", "--unit", "00454", "--json").json()["inbound"]
    assert [one["text"] for one in found] == ["Xin hỏi giờ mở cửa"]
    assert len(written("inbound", "list", "--unit", "01", "--json").json()["inbound"]) == 2
    assert written("inbound", "list", "--unit", "99999").status == 1


def test_a_file_of_them_is_harmless_and_its_owner_s_alone(written: Commands, tmp_path: Path) -> None:
    file = tmp_path / "tin-den.csv"
    assert written("inbound", "list", "--csv", file, "--json").json() == {"file": str(file), "rows": 3}
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    with file.open(encoding="utf-8-sig", newline="") as lines:
        rows = list(csv.DictReader(lines))
    assert [row["Nội dung"] for row in rows] == ["Ai đó\nhỏi", "'=1+1", "Xin hỏi giờ mở cửa"]
    assert rows[2]["Họ tên"] == "An"


def test_one_is_read_in_full_and_marked(written: Commands) -> None:
    number = written("inbound", "list", "--unit", "00454", "--json").json()["inbound"][0]["id"]
    assert written("inbound", "show", number, "--json").json()["text"] == "Xin hỏi giờ mở cửa"
    assert "Xin hỏi giờ mở cửa" in written("inbound", "show", number).err
    marked = written("inbound", "mark", number, "--state", "answered", "--as", "an@xa.vn", "--json").json()
    assert (marked["state"], marked["settled_by"]) == ("answered", "an@xa.vn")
    assert len(written("inbound", "list", "--state", "new", "--json").json()["inbound"]) == 2
    missing = written("inbound", "show", 999)
    assert (missing.status, "there is no inbound text 999" in missing.err) == (1, True)
