"""`outreach bounces take`: what a mail server hands over; it must try again while nothing can be kept."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import Engine, text

from outreach.domain.bouncing import LEAST
from outreach.domain.clock import VirtualClock
from outreach.domain.privacy import KeyRing
from outreach.domain.states import DeliveryState, Reason
from outreach.domain.words import Channel
from outreach.store import bounces, deliveries, polls
from outreach.store.bounces import Bounce
from tests.cli.commands import Commands, run
from tests.cli.test_doctor import findings, write
from tests.world import World

ACCOUNT = """
[accounts.mail]
channel = "email"
provider = "smtp"
host = "127.0.0.1"
tls = "none"
from = "bao@tinh.example"
bounce_address = "tra-lai@tinh.example"
"""


def test_a_mail_that_says_nothing_is_taken_and_forgotten(outreach: Commands, engine: Engine) -> None:
    write(outreach, ACCOUNT)
    for mail in (b"", b"hello", b"\xff\x00" * 1000, b"x" * 3_000_000):
        said = outreach("bounces", "take", "mail", "--json", given=mail)
        assert (said.status, said.json()) == (0, {"account": "mail", "events": 0})
    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM raw_events")).scalar_one() == 0


def test_the_mail_server_tries_again_while_the_database_is_away(bare: Commands) -> None:
    write(bare, ACCOUNT)
    said = bare("bounces", "take", "mail", given=b"hello")
    assert said.status == 75
    assert "hello" not in said.err


def test_the_mail_server_tries_again_until_a_wrong_account_is_mended(outreach: Commands) -> None:
    said = outreach("bounces", "take", "mial", given=b"hello")
    assert said.status == 75
    assert "mial" in said.err


def test_a_mail_server_that_writes_more_than_is_read_is_not_cut_short(
    outreach: Commands, database_url: str, redis_url: str
) -> None:
    write(outreach, ACCOUNT)
    environment = {
        "OUTREACH_DATA_DIR": str(outreach.settings.data_dir), "OUTREACH_DATABASE_URL": database_url,
        "OUTREACH_REDIS_URL": redis_url,
    }  # fmt: skip
    said = run("bounces", "take", "mail", env=environment, given="x" * 5_000_000)
    assert (said.status, said.out) == (0, "")


def test_a_mailbox_that_cannot_be_read_is_broken_and_refused_mail_is_doubtful(
    outreach: Commands, engine: Engine
) -> None:
    write(outreach, ACCOUNT)
    now = outreach("doctor", "--json") and _now(engine)
    with engine.begin() as connection:
        polls.fail(connection, "mail", trouble="the mailbox refuses the login", now=now, next_at=now)
        polls.warn(connection, "mail", warning="5.7.26 refuses us by its policy", now=now)
    found = findings(outreach)
    assert (found["mailbox of mail"], found["mail of mail"]) == ("broken", "doubtful")
    with engine.begin() as connection:
        assert polls.move(connection, "mail", before="", after="1:7", now=now)
    assert findings(outreach)["mailbox of mail"] == "good"


def _now(engine: Engine):  # type: ignore[no-untyped-def]
    with engine.connect() as connection:
        return connection.execute(text("SELECT now()")).scalar_one()


def test_a_key_that_others_may_read_is_told_with_its_account(outreach: Commands) -> None:
    key = outreach.settings.data_dir / "dkim.pem"
    write(outreach, ACCOUNT + f'dkim_selector = "s1"\ndkim_key_file = "{key}"\n')
    key.write_text("x")
    key.chmod(0o644)
    said = outreach("account", "list")
    assert said.status == 1
    assert "[accounts.mail]" in said.err
    assert "chmod 600" in said.err


SECRET = "a secret of these tests, long enough to be one"
CAMPAIGN = """
    campaign: thu
    title: Thử
    issuer: UBND xã
    starts: 2026-01-01
    ends: 2027-12-31
    messages:
      - id: chao
        segment: {kind: person}
        text: {email: {subject: "Kính chào", body: "Kính chào"}}
        channels: [email]
        schedule: {at: launch}
"""


@pytest.fixture
def returned(outreach: Commands, engine: Engine, clock: VirtualClock) -> Commands:
    """A campaign of which everything came back."""
    world = World(engine, KeyRing({1: SECRET}), clock)
    for n in range(LEAST):
        world.person(f"Người {n}", email=f"nguoi-{n}@thu.example")
    world.launch(CAMPAIGN)
    world.plan()
    rows = world.rows(f"d.channel = '{Channel.EMAIL}'")
    failed = [
        deliveries.Change(row.run_id, row.id, DeliveryState.FAILED, reason=str(Reason.REJECTED), code="5.1.2")
        for row in rows
    ]
    with engine.begin() as connection:
        deliveries.advance(connection, failed, now=clock.now())
        dead = [Bounce(row.run_id, row.id, "5.1.2" if at else "5.1.1") for at, row in enumerate(rows)]
        assert bounces.bounced(connection, "mail", dead, now=clock.now()) is not None
    commands = outreach.changed(secret_key=SECRET)
    write(commands, ACCOUNT)
    return commands


def test_what_is_held_is_told_wherever_one_would_look(returned: Commands) -> None:
    [held] = returned("bounces", "held", "list", "--json").json()["held"]
    assert (held["account"], held["held"], held["codes"]) == ("mail", LEAST, {"5.1.2": LEAST - 1, "5.1.1": 1})
    assert (held["campaigns"], held["domains"]) == ({"thu": LEAST}, {"thu.example": LEAST})
    shown = returned("bounces", "held", "list").err
    assert "thu.example" in shown
    assert "nguoi-" not in shown
    [account] = [one for one in returned("account", "list", "--json").json()["accounts"] if one["name"] == "mail"]
    assert account["held_bounces"] == LEAST
    assert "BOUNCES HELD" in returned("account", "list").err
    assert findings(returned)["bounces of mail"] == "doubtful"
    assert f"{LEAST} bounces of this campaign bar nobody" in " ".join(returned("campaign", "status", "thu").err.split())
    [told] = returned("campaign", "status", "thu", "--json").json()["held_bounces"]
    assert (told["account"], told["n"]) == ("mail", LEAST)


def test_what_is_held_is_settled_by_code_and_on_the_record(returned: Commands, engine: Engine) -> None:
    said = returned("bounces", "held", "discard", "mail", "--code", "5.1.2", "--as", "can-bo@xa.example", "--json")
    assert (said.status, said.json()["bounces"]) == (0, LEAST - 1)
    assert returned("bounces", "held", "list", "--json").json()["held"][0]["held"] == 1
    assert returned("bounces", "held", "apply", "mail", "--as", "can-bo@xa.example").status == 0
    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM suppressions")).scalar_one() == 1
        told = connection.execute(text("SELECT who, action, detail FROM audit WHERE object = 'mail' ORDER BY id")).all()
    assert [(row.who, row.action) for row in told][1:] == [
        ("can-bo@xa.example", "bounces discarded"), ("can-bo@xa.example", "bounces applied"),
    ]  # fmt: skip
    assert "no bounces are held" in returned("bounces", "held", "apply", "mail").err


def test_a_code_or_an_account_of_which_nothing_is_held_is_told(returned: Commands) -> None:
    wrong = returned("bounces", "held", "discard", "mail", "--code", "5.9.9")
    assert wrong.status == 1
    assert "5.1.2" in wrong.err
    assert returned("bounces", "held", "discard", "mial").status == 1


def test_bounces_are_forgotten_in_time_but_never_those_that_wait_for_a_person(
    returned: Commands, engine: Engine, clock: VirtualClock
) -> None:
    later = clock.now() + timedelta(days=400)
    with engine.begin() as connection:
        bounces.sent(connection, "mail", 7, now=clock.now(), shard=0)
        assert bounces.purge(connection, later, now=later) == 0
        assert connection.execute(text("SELECT count(*) FROM sent_counts")).scalar_one() == 0
    returned("bounces", "held", "discard", "mail")
    with engine.begin() as connection:
        assert bounces.purge(connection, later, now=later) == LEAST
