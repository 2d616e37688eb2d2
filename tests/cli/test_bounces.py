"""`outreach bounces take`: what a mail server hands over; it must try again while nothing can be kept."""

from __future__ import annotations

from sqlalchemy import Engine, text

from outreach.store import polls
from tests.cli.commands import Commands, run
from tests.cli.test_doctor import findings, write

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
