"""`outreach suppression`: looked at by address, taken back with a reason, nobody's address shown in full."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine, text

from outreach.domain.clock import VirtualClock
from outreach.domain.privacy import KeyRing
from outreach.domain.states import Reason
from outreach.store import suppressions
from tests.cli.commands import Commands, Said
from tests.world import World

SECRET = "a secret of these tests, long enough to be one"
PHONE, MAILBOX, STRANGER = "+84912345678", "nguyen.van.an@thu.example", "+84987654321"
TYPED = "0912 345 678"
BECAUSE = "Bà Lan gọi điện xin nhận lại lúc 09:00 ngày 27/11/2026"


@pytest.fixture
def barred(outreach: Commands, engine: Engine, clock: VirtualClock) -> Iterator[Commands]:
    """An's phone has refused, An's mailbox is dead, a stranger is on the do-not-call list."""
    keys = KeyRing({1: SECRET})
    World(engine, keys, clock).person("An", phone=PHONE, email=MAILBOX)

    def bar(connection: Connection, address: str, **how: object) -> None:
        suppressions.suppress(connection, keys.fingerprints(address), source="a test", **how)  # type: ignore[arg-type]

    with engine.begin() as connection:
        bar(connection, PHONE, channel="sms", reason=Reason.OPTED_OUT, at=datetime(2026, 11, 1, tzinfo=UTC))
        bar(connection, MAILBOX, channel="email", reason=Reason.HARD_BOUNCE)
        bar(connection, STRANGER, channel="sms", message_class="advertising", reason=Reason.DO_NOT_CALL)
    yield outreach.changed(secret_key=SECRET)


def kinds(said: Said, where: str = "suppressions") -> list[tuple[str, str, str]]:
    assert said.status == 0, said.err
    return sorted((one["channel"], one["class"], one["reason"]) for one in said.json()[where])


def shows_nobody(said: Said) -> bool:
    told = said.out + said.err
    return not any(word in told for word in (PHONE, PHONE[3:], "345678", MAILBOX, "nguyen.van.an", STRANGER[3:]))


def test_the_list_masks_addresses_and_counts_them(barred: Commands, engine: Engine) -> None:
    said = barred("suppression", "list", "--json")
    assert len(kinds(said)) == 3
    assert {(one["reason"], one["channel"], one["n"]) for one in said.json()["totals"]} == {
        ("opted_out", "sms", 1), ("hard_bounce", "email", 1), ("do_not_call", "sms", 1),
    }  # fmt: skip
    assert shows_nobody(said)
    assert shows_nobody(barred("suppression", "list"))
    assert kinds(barred("suppression", "list", "--reason", "hard_bounce", "--json")) == [("email", "*", "hard_bounce")]
    assert kinds(barred("suppression", "list", "--channel", "sms", "--unit", "00454", "--json")) == [
        ("sms", "*", "opted_out")
    ]
    assert kinds(barred("suppression", "list", "--unit", "00004", "--json")) == []


@pytest.mark.parametrize("given", [(TYPED,), ("--channel", "sms")], ids=["argument", "stdin"])
def test_one_address_is_found_however_it_is_written(barred: Commands, given: tuple[str, ...]) -> None:
    said = barred("suppression", "show", *given, "--json", given=f"{TYPED}\n")
    assert kinds(said) == [("sms", "*", "opted_out")]
    assert shows_nobody(said)
    shown = barred("suppression", "show", *given, given=f"{TYPED}\n")
    assert "Tôn trọng" in shown.err
    assert shows_nobody(shown)


def test_a_bounce_is_lifted_freely_and_on_the_record(barred: Commands, engine: Engine) -> None:
    said = barred("suppression", "lift", "--as", "can-bo@xa.example", "--json", given=f"{MAILBOX}\n")
    assert kinds(said, "lifted") == [("email", "*", "hard_bounce")]
    assert kinds(barred("suppression", "show", MAILBOX, "--json")) == []
    with engine.connect() as connection:
        row = connection.execute(text("SELECT * FROM audit WHERE action = 'lift suppression'")).one()
    assert (row.who, row.detail["reason"], row.detail["source"]) == ("can-bo@xa.example", "hard_bounce", "a test")
    assert MAILBOX not in str(row)


def test_a_refusal_is_not_lifted_without_a_word_of_theirs(barred: Commands, engine: Engine) -> None:
    said = barred("suppression", "lift", TYPED)
    assert said.status == 1
    assert "--because" in said.err
    private = barred("suppression", "lift", TYPED, "--because", f"{TYPED} đã gọi lại xin nhận")
    assert private.status == 1
    assert shows_nobody(private)
    assert kinds(barred("suppression", "show", TYPED, "--json")) == [("sms", "*", "opted_out")]


def test_a_refusal_that_was_taken_back_leaves_that_of_advertising(barred: Commands, engine: Engine) -> None:
    said = barred("suppression", "lift", TYPED, "--because", BECAUSE, "--json")
    assert kinds(said, "lifted") == [("sms", "*", "opted_out")]
    assert kinds(said, "left") == [("sms", "advertising", "opted_out")]
    assert "that bars advertising only" in barred("suppression", "show", TYPED).err
    again = barred("suppression", "lift", TYPED, "--because", BECAUSE)
    assert again.status == 1
    assert "--advertising" in again.err
    whole = barred("suppression", "lift", TYPED, "--because", BECAUSE, "--advertising", "--json")
    assert kinds(whole, "left") == []
    with engine.connect() as connection:
        told = connection.execute(text("SELECT detail FROM audit WHERE action = 'lift suppression'")).scalars().all()
    assert [one["because"] for one in told] == [BECAUSE, BECAUSE]


def test_what_does_not_bar_cannot_be_lifted_and_a_wrong_address_is_not_repeated(barred: Commands) -> None:
    assert "nothing that is meant bars" in barred("suppression", "lift", "0987 000 111").err
    wrong = barred("suppression", "show", "nguyen.van.an@@thu")
    assert wrong.status == 1
    assert "the address for email cannot be right" in wrong.err
    assert shows_nobody(wrong)
    assert barred("suppression", "list", "--reason", "late").status == 1


REFUSERS = """\
STT;Họ và tên;Số điện thoại;Thư điện tử
1;An;0912 345 678;-
2;Bình;0987654321;binh@thu.example
3;Chi;12;
"""


def a_list(folder: Path, text: str) -> Path:
    file = folder / "tu-choi.csv"
    file.write_text(text, encoding="utf-8")
    return file


def test_a_list_of_refusers_is_barred_and_what_is_no_address_is_told(barred: Commands, tmp_path: Path) -> None:
    file = a_list(tmp_path, REFUSERS)
    dry = barred("suppression", "import", file, "--reason", "opted_out", "--dry-run", "--json").json()
    assert (dry["rows"], dry["addresses"], dry["people"], dry["barred_before"], dry["barred"]) == (3, 3, 1, 1, 0)
    said = barred("suppression", "import", file, "--reason", "opted_out", "--json")
    assert (said.json()["barred"], said.json()["rejected"]) == (2, 1)
    assert [(one["line"], one["column"]) for one in said.json()["left_out"]] == [(4, "phone")]
    assert kinds(barred("suppression", "show", "binh@thu.example", "--json")) == [("email", "*", "opted_out")]
    assert kinds(barred("suppression", "show", STRANGER, "--json")) == [
        ("sms", "*", "opted_out"), ("sms", "advertising", "do_not_call"),
    ]  # fmt: skip
    assert barred("suppression", "import", file, "--reason", "opted_out", "--json").json()["barred"] == 0
    assert shows_nobody(barred("suppression", "import", file, "--reason", "opted_out"))


def test_the_do_not_call_list_bars_advertising_alone(barred: Commands, tmp_path: Path) -> None:
    file = a_list(tmp_path, "phone\n0987000111\n")
    assert barred("suppression", "import", file, "--reason", "do_not_call", "--json").json()["barred"] == 1
    assert kinds(barred("suppression", "show", "0987000111", "--json")) == [("sms", "advertising", "do_not_call")]


def test_a_list_that_bars_many_asks_first_and_names_the_number(
    barred: Commands, tmp_path: Path, engine: Engine
) -> None:
    file = a_list(tmp_path, "phone\n" + "".join(f"0912{n:06d}\n" for n in range(345_658, 345_690)))
    command = ("suppression", "import", file, "--reason", "opted_out")
    said = barred(*command)
    assert said.status == 1
    assert "32 addresses (opted_out), of 1 people on our lists" in said.err
    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM suppressions")).scalar_one() == 3
    assert barred(*command, "--yes", "--as", "can-bo@xa.example", "--json").json()["barred"] == 31
    with engine.connect() as connection:
        row = connection.execute(text("SELECT * FROM audit WHERE action = 'bar addresses'")).one()
    assert (row.who, row.object, row.detail["new"]) == ("can-bo@xa.example", "list tu-choi.csv", 31)


def test_a_list_without_a_column_of_addresses_is_refused(barred: Commands, tmp_path: Path) -> None:
    said = barred("suppression", "import", a_list(tmp_path, "Họ và tên\nAn\n"), "--reason", "opted_out")
    assert said.status == 1
    assert "neither `phone` nor `email`" in said.err
