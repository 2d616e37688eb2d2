"""`outreach suppression`: looked at by address, taken back with a reason, nobody's address shown in full."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

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
    assert shows_nobody(wrong)
    assert barred("suppression", "list", "--reason", "late").status == 1
