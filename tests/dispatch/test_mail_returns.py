"""E-mail on the whole way: sent with its files, returned by the sandbox, read from its mailbox, taken into account."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
from sqlalchemy import Connection, event, text
from sqlalchemy.exc import OperationalError

from channels.contract import Receipt, ReceiptState
from outreach.dispatch.accounts_file import Accounts, load_accounts
from outreach.dispatch.drain import Dispatcher
from outreach.dispatch.loop import SendingLoop
from outreach.dispatch.marking import with_secrets
from outreach.domain.bouncing import LEAST, BounceState
from outreach.domain.definition import read_definition
from outreach.domain.errors import NotFound
from outreach.domain.states import DeliveryState
from outreach.domain.template_files import load_template
from outreach.domain.words import Lane
from outreach.local.sandbox import read_ports
from outreach.planning import actions
from outreach.receipts.polling import Poller, take_mail
from outreach.receipts.receiver import Receiver
from outreach.store import bounces, polls, versions
from tests.processes import Sandbox, sandbox
from tests.sending import child_of
from tests.world import World

CAMPAIGN = """
    campaign: thu
    title: Thử
    issuer: UBND xã
    starts: 2026-01-01
    ends: 2027-12-31
    messages:
      - id: chao
        segment: {kind: person}
        text: {email: {subject: "Kính chào", body: "Kính chào ông/bà"}}
        channels: [email]
        schedule: {at: launch}
"""


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Sandbox]:
    with sandbox(tmp_path / "sandbox") as running:
        yield running


@pytest.fixture
def accounts(box: Sandbox, tmp_path: Path, world: World) -> Accounts:
    ports = read_ports(box.data)
    assert ports is not None
    file = tmp_path / "accounts.toml"
    file.write_text(f"""
[accounts.mail]
channel = "email"
provider = "smtp"
host = "127.0.0.1"
port = {box.smtp}
tls = "none"
from = "bao@tinh.example"
bounce_address = "tra-lai@tinh.example"
bounce_imap_host = "127.0.0.1"
bounce_imap_port = {ports.imap_port}
bounce_imap_tls = "none"
bounce_imap_username = "tra-lai"
bounce_imap_password = "any"
rate = "1000/s"
""")
    found = with_secrets(load_accounts(file, timeout=3.0), world.keys)
    world.accounts = dict(found.known)
    return found


@pytest.fixture
def dispatcher(world: World, accounts: Accounts, redis_url: str) -> Iterator[Dispatcher]:
    loop = SendingLoop(accounts.makers)
    yield child_of(world, accounts.known, loop, redis_url, public_url="https://tin.example.vn")
    loop.close()


@pytest.fixture
def poller(world: World, accounts: Accounts) -> Poller:
    adapters = {name: make() for name, make in accounts.makers.items()}
    return Poller(Receiver(world.engine, adapters, accounts.known, world.keys, world.clock))


def written_to(world: World, dispatcher: Dispatcher, *people: tuple[str, str]) -> None:
    """Send everybody (name, mailbox) the campaign."""
    for name, mailbox in people:
        world.person(name, email=mailbox)
    world.launch(CAMPAIGN)
    world.plan()
    dispatcher.drain("mail", Lane.BULK)


def states(world: World) -> dict[str, tuple[str, str | None]]:
    return {row.name: (row.state, row.code) for row in world.rows("d.channel = 'email'")}


def reached(world: World) -> set[str]:
    with world.engine.connect() as connection:
        query = "SELECT full_name FROM reached r JOIN contacts c ON c.id = r.contact_id"
        return set(connection.execute(text(query)).scalars())


def barred(world: World) -> dict[str, str]:
    with world.engine.connect() as connection:
        rows = connection.execute(
            text(
                "SELECT DISTINCT c.full_name, s.reason FROM suppressions s JOIN addresses a USING (fingerprint)"
                " JOIN contacts c ON c.id = a.contact_id"
            )
        )
        return {row.full_name: row.reason for row in rows}


def poll_of(world: World, name: str = "mail") -> polls.Poll:
    with world.engine.connect() as connection:
        return polls.read(connection, [name])[name]


def test_what_comes_back_fails_and_only_dead_addresses_are_barred(
    world: World, dispatcher: Dispatcher, poller: Poller
) -> None:
    fates = ("bounce", "full", "policy", "delayed", "complaint")
    written_to(world, dispatcher, ("an", "an@thu.example"), *((one, f"sandbox-{one}@thu.example") for one in fates))
    assert {state for state, _ in states(world).values()} == {"accepted"}
    assert len(reached(world)) == 6
    assert poller.poll_all() == 4
    assert states(world) == {
        "an": ("accepted", None), "bounce": ("failed", "5.1.1"), "full": ("failed", "5.2.2"),
        "policy": ("failed", "5.7.26"), "delayed": ("accepted", None), "complaint": ("accepted", None),
    }  # fmt: skip
    assert reached(world) == {"an", "delayed", "complaint"}
    assert barred(world) == {"bounce": "hard_bounce", "complaint": "opted_out"}
    assert poll_of(world).warning.startswith("5.7.26")
    assert world.counts_agree()
    assert poller.poll_all() == 0


def test_a_mailbox_refused_at_once_is_barred_as_a_returned_one_is(
    world: World, dispatcher: Dispatcher, poller: Poller
) -> None:
    fates = ("invalid", "content", "bounce")
    written_to(world, dispatcher, ("an", "an@thu.example"), *((one, f"sandbox-{one}@thu.example") for one in fates))
    assert states(world)["invalid"] == ("failed", "5.1.1")
    assert barred(world) == {"invalid": "hard_bounce"}
    assert poller.poll_all() == 1
    assert barred(world) == {"invalid": "hard_bounce", "bounce": "hard_bounce"}
    assert len({row.source for row in world.barred()}) == 1
    world.launch(CAMPAIGN.replace("campaign: thu", "campaign: lai"))
    world.plan()
    again = {row.name: row.state for row in world.rows("r.campaign = 'lai'")}
    assert again == {"an": "planned", "bounce": "suppressed", "content": "planned", "invalid": "suppressed"}


def held_of(world: World) -> dict[str, int]:
    with world.engine.connect() as connection:
        return {name: one.n for name, one in bounces.held(connection).items()}


def many(fate: str, n: int) -> list[tuple[str, str]]:
    return [(f"{fate} {number}", f"sandbox-{fate}@thu{number}.example") for number in range(n)]


def test_a_server_that_knows_nobody_any_more_bars_nobody(world: World, dispatcher: Dispatcher) -> None:
    written_to(world, dispatcher, ("an", "an@thu.example"), *many("invalid", LEAST + 20))
    assert held_of(world) == {"mail": LEAST + 20}
    assert barred(world) == {}
    assert states(world)["invalid 0"] == ("failed", "5.1.1")
    with world.engine.connect() as connection:
        told = connection.execute(text("SELECT who, action, object FROM audit WHERE action = 'bounces held'")).all()
    assert told == [("system", "bounces held", "mail")]


def test_what_comes_back_in_masses_bars_nobody_and_one_short_of_it_all(
    world: World, dispatcher: Dispatcher, poller: Poller
) -> None:
    written_to(world, dispatcher, *many("bounce", LEAST))
    found = poller.receiver.adapters["mail"].poll("")  # type: ignore[attr-defined]
    events = asyncio.run(found).events
    assert len(events) == LEAST
    poller.receiver.take("mail", events[: LEAST - 1])
    assert (len(barred(world)), held_of(world)) == (LEAST - 1, {})
    poller.receiver.take("mail", events[LEAST - 1 :])
    assert (len(barred(world)), held_of(world)) == (0, {"mail": LEAST})
    assert poller.poll_all() == 0
    assert held_of(world) == {"mail": LEAST}


@pytest.mark.parametrize(("state", "bars"), [(BounceState.APPLIED, True), (BounceState.DISCARDED, False)])
def test_a_person_decides_what_is_held_and_the_next_bounce_bars_again(
    world: World, dispatcher: Dispatcher, state: BounceState, bars: bool
) -> None:
    written_to(world, dispatcher, *many("invalid", LEAST))
    with world.engine.begin() as connection:
        settled = bounces.settle(connection, "mail", state, who="can-bo@xa.example", now=world.clock.now())
    assert (settled, held_of(world)) == (LEAST, {})
    assert len(barred(world)) == (LEAST if bars else 0)
    world.person("mới", email="sandbox-invalid@moi.example")
    world.launch(CAMPAIGN.replace("campaign: thu", "campaign: moi"))
    with world.engine.begin() as connection:
        connection.execute(text("DELETE FROM addresses WHERE contact_id <> :new"), {"new": world.people["mới"]})
    world.plan()
    dispatcher.drain("mail", Lane.BULK)
    assert barred(world) == {"mới": "hard_bounce"}


def test_bounces_told_to_several_at_once_are_counted_together(
    world: World, dispatcher: Dispatcher, poller: Poller
) -> None:
    written_to(world, dispatcher, *many("bounce", LEAST))
    events = asyncio.run(poller.receiver.adapters["mail"].poll("")).events  # type: ignore[attr-defined]
    told = [[one] for one in events] * 2
    with ThreadPoolExecutor(8) as pool:
        new = list(pool.map(lambda one: poller.receiver.take("mail", one), told))
    assert sum(new) == LEAST
    assert (barred(world), held_of(world)) == ({}, {"mail": LEAST})
    assert world.counts_agree()


def test_who_has_refused_is_not_freed_with_the_bounces(world: World, dispatcher: Dispatcher, poller: Poller) -> None:
    """A complaint about a message after which the mailbox was closed."""
    written_to(world, dispatcher, *many("bounce", LEAST))
    events = asyncio.run(poller.receiver.adapters["mail"].poll("")).events  # type: ignore[attr-defined]
    poller.receiver.take("mail", events[:-1])
    complaint = replace(events[0], event_key="complaint", hard_bounce=False, opted_out=True)
    poller.receiver.take("mail", [complaint])
    poller.receiver.take("mail", events[-1:])
    assert held_of(world) == {"mail": LEAST}
    assert list(barred(world).values()) == ["opted_out"]


def test_what_another_account_has_found_dead_stays_barred(world: World, dispatcher: Dispatcher) -> None:
    written_to(world, dispatcher, *many("invalid", LEAST - 1))
    [known, *_] = world.rows("d.state = 'failed'")
    with world.engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO bounces SELECT run_id, delivery_id, 9, 'other', channel, fingerprint, key_version, code,"
                " left_at, at, state FROM bounces WHERE delivery_id = :id"
            ),
            {"id": known.id},
        )
    world.person("mới", email="sandbox-invalid@moi.example", unit="00004")
    world.launch(CAMPAIGN.replace("campaign: thu", "campaign: moi").replace("kind: person", 'unit: "00004"'))
    world.plan()
    dispatcher.drain("mail", Lane.BULK)
    assert held_of(world) == {"mail": LEAST}
    assert barred(world) == {known.name: "hard_bounce"}


def test_what_was_found_dead_before_the_masses_stays_barred(world: World, dispatcher: Dispatcher) -> None:
    written_to(world, dispatcher, *many("invalid", LEAST - 1))
    [known, *_] = world.rows("d.state = 'failed'")
    with world.engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO bounces SELECT run_id, delivery_id, 9, account, channel, fingerprint, key_version, code,"
                " left_at - interval '3 days', at, state FROM bounces WHERE delivery_id = :id"
            ),
            {"id": known.id},
        )
    world.person("mới", email="sandbox-invalid@moi.example", unit="00004")
    world.launch(CAMPAIGN.replace("campaign: thu", "campaign: moi").replace("kind: person", 'unit: "00004"'))
    world.plan()
    dispatcher.drain("mail", Lane.BULK)
    assert held_of(world) == {"mail": LEAST}
    assert barred(world) == {known.name: "hard_bounce"}


@pytest.mark.parametrize("mended", [True, False], ids=["the address was put right", "the same address"])
def test_what_comes_back_late_says_nothing_of_the_address_that_was_written_to_since(
    world: World, dispatcher: Dispatcher, poller: Poller, mended: bool
) -> None:
    written_to(world, dispatcher, ("an", "an@sai.example"))
    [row] = world.rows()
    late = Receipt(
        "late", world.clock.now(), f"{row.run_id}.{row.id}.0", state=ReceiptState.FAILED, code="5.1.1", hard_bounce=True
    )
    with world.engine.begin() as connection:
        connection.execute(text("UPDATE deliveries SET state = 'unknown'"))
        if mended:
            right = "an@dung.example"
            values = {"mark": world.keys.fingerprint(right), "value": world.keys.seal(right)}
            connection.execute(text("UPDATE addresses SET fingerprint = :mark, value = :value"), values)
    assert actions.retry(world.engine, "thu", DeliveryState.UNKNOWN, world.clock, who="can-bo@xa.example") == 1
    dispatcher.drain("mail", Lane.BULK)
    poller.receiver.take("mail", [late])
    assert states(world) == {"an": ("accepted", None)}
    assert barred(world) == {}
    poller.receiver.take("mail", [replace(late, event_key="now", key=f"{row.run_id}.{row.id}.1")])
    assert barred(world) == {"an": "hard_bounce"}


def test_a_list_with_some_dead_addresses_is_no_mass(world: World, dispatcher: Dispatcher) -> None:
    with world.engine.begin() as connection:
        bounces.sent(connection, "mail", 10 * LEAST, now=world.clock.now(), shard=3)
    written_to(world, dispatcher, *many("invalid", LEAST))
    assert (len(barred(world)), held_of(world)) == (LEAST, {})


def test_who_shares_a_dead_address_loses_the_proof_too(world: World, dispatcher: Dispatcher, poller: Poller) -> None:
    written_to(world, dispatcher, ("An", "sandbox-bounce@thu.example"), ("Bình", "sandbox-bounce@thu.example"))
    assert reached(world) == {"An", "Bình"}
    assert poller.poll_all() == 1
    assert reached(world) == set()
    assert barred(world) == {"An": "hard_bounce", "Bình": "hard_bounce"}


def test_nobody_writes_to_a_dead_address_again(world: World, dispatcher: Dispatcher, poller: Poller) -> None:
    written_to(world, dispatcher, ("An", "sandbox-bounce@thu.example"))
    poller.poll_all()
    world.launch(CAMPAIGN.replace("campaign: thu", "campaign: lai"))
    world.plan()
    assert [(row.state, row.reason) for row in world.rows("r.campaign = 'lai'")] == [("suppressed", "hard_bounce")]


def test_events_and_cursor_are_kept_together_or_not_at_all(
    world: World, dispatcher: Dispatcher, poller: Poller
) -> None:
    written_to(world, dispatcher, ("An", "sandbox-bounce@thu.example"))

    @event.listens_for(world.engine, "before_cursor_execute")
    def fail(_c: Connection, _cursor: Any, statement: str, *_: Any) -> None:
        if "INSERT INTO raw_events" in statement:
            raise OperationalError(statement, {}, Exception("the disk is full"))

    assert poller.poll_all() == 0
    event.remove(world.engine, "before_cursor_execute", fail)
    assert (poll_of(world).cursor, states(world)["An"][0]) == ("", "accepted")
    assert "OperationalError" in poll_of(world).trouble
    world.later(minutes=1)
    assert poller.poll_all() == 1
    assert states(world)["An"][0] == "failed"
    assert poll_of(world).failing_since is None


def test_a_cursor_that_somebody_else_has_moved_takes_nothing_twice(
    world: World, dispatcher: Dispatcher, poller: Poller
) -> None:
    written_to(world, dispatcher, ("An", "sandbox-bounce@thu.example"))
    poller.poll_all()
    cursor = poll_of(world).cursor
    assert poller.receiver.take_polled("mail", [], before="", after="1:99") == 0
    assert poll_of(world).cursor == cursor


def test_a_mailbox_that_is_away_is_asked_less_and_less_and_stops_nothing(
    world: World, dispatcher: Dispatcher, poller: Poller, box: Sandbox
) -> None:
    written_to(world, dispatcher, ("An", "sandbox-bounce@thu.example"))
    box.process.terminate()
    box.process.wait(10)
    assert poller.poll_all() == 0
    first = poll_of(world)
    assert first.trouble == "no connection to the mailbox"
    assert first.failing_since == world.clock.now()
    assert first.next_at == world.clock.now() + timedelta(minutes=1)
    assert poller.poll_all() == 0
    world.later(hours=3)
    poller.poll_all()
    later = poll_of(world)
    assert later.failing_since == first.failing_since
    assert later.next_at == world.clock.now() + timedelta(minutes=15)


def returned(world: World, name: str) -> bytes:
    """A bounce of somebody's message, as a mail server's alias would hand it over."""
    [row] = world.rows(f"c.full_name = '{name}'")
    return (
        f"From: MAILER-DAEMON@mx.example\r\nTo: <postmaster@tinh.example>\r\nMessage-ID: <a@mx.example>\r\n"
        f'Content-Type: multipart/report; report-type=delivery-status; boundary="b"\r\n\r\n--b\r\n'
        f"Content-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.example\r\n\r\n"
        f"Action: failed\r\nStatus: 5.1.1\r\n\r\n--b\r\nContent-Type: text/rfc822-headers\r\n\r\n"
        f"Message-ID: <{row.provider_id}>\r\n\r\n--b--\r\n"
    ).encode()


def test_a_mail_handed_over_is_taken_once_and_one_that_says_nothing_is_no_harm(
    world: World, dispatcher: Dispatcher, poller: Poller
) -> None:
    written_to(world, dispatcher, ("An", "an@thu.example"))
    mail = returned(world, "An")
    assert [take_mail(poller.receiver, "mail", one) for one in (b"", b"hello", mail, mail)] == [0, 0, 1, 0]
    assert states(world)["An"] == ("failed", "5.1.1")
    with pytest.raises(NotFound):
        take_mail(poller.receiver, "khac", mail)


PDF = b"%PDF-1.7 " + b"to khai " * 1000


def test_a_file_goes_with_the_version_that_was_approved(
    world: World, dispatcher: Dispatcher, box: Sandbox, tmp_path: Path
) -> None:
    folder = tmp_path / "templates" / "thu"
    (folder / "attachments").mkdir(parents=True)
    (folder / "meta.yaml").write_text("title: Thử\n")
    (folder / "email.vi.j2").write_text(
        "{% block subject %}Chào{% endblock %}{% block body %}<p>Chào</p>{% endblock %}"
    )
    (folder / "attachments" / "Tờ khai.pdf").write_bytes(PDF)
    world.person("An", email="an@thu.example")
    definition = read_definition(_definition().encode(), "t.yaml", segments={}).definition
    assert definition is not None

    def load() -> actions.Loaded:
        source = load_template(tmp_path / "templates", "thu")
        return actions.load(
            world.engine, definition, templates={"chao": source}, segments={}, source_text="", who="staff@demo.vn"
        )

    first = load()
    assert not load().new
    (folder / "attachments" / "Tờ khai.pdf").write_bytes(PDF + b"2")
    second = load()
    assert (first.version, second.version, second.new) == (1, 2, True)
    versions._cache.clear()
    with world.engine.connect() as connection:
        [file] = versions.read_version(connection, "thu", 1, 0).templates["chao"].attachments
        stored = connection.execute(text("SELECT templates::text FROM campaign_versions WHERE n = 1")).scalar_one()
    assert (file.content, file.digest) == (PDF, hashlib.sha256(PDF).hexdigest())
    assert len(stored) < 1000
    actions.submit(world.engine, "thu", who="staff@demo.vn")
    world.approve("thu")
    prepared = actions.prepare_launch(world.engine, "thu", world.clock, starting=None)
    actions.launch(world.engine, prepared, world.clock, who="staff@demo.vn", reason="a drill")
    world.plan()
    assert dispatcher.drain("mail", Lane.BULK).sent == 1
    [entry] = box.accepted()
    assert entry.files == [["Tờ khai.pdf", "application/pdf", hashlib.sha256(PDF + b"2").hexdigest()]]


def _definition() -> str:
    return dedent(CAMPAIGN)
