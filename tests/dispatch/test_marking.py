"""Marks of messages: each account's own, and known again after the installation's secret was changed."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from channels.contract import Adapter
from channels.smtp_email import SmtpEmail
from outreach.dispatch.accounts_file import load_accounts
from outreach.dispatch.marking import with_secrets
from outreach.domain.privacy import KeyRing

OLD, NEW = "an old secret of thirty-two letters", "a new secret of thirty-two characters"
ACCOUNT = """
[accounts.{name}]
channel = "email"
provider = "smtp"
host = "127.0.0.1"
tls = "none"
from = "bao@tinh.example"
"""


def adapters(folder: Path, keys: KeyRing) -> dict[str, Adapter]:
    file = folder / "accounts.toml"
    file.write_text(ACCOUNT.format(name="mail") + ACCOUNT.format(name="thu"))
    return {name: make() for name, make in with_secrets(load_accounts(file, timeout=1), keys).makers.items()}


def sent(adapter: Adapter) -> str:
    """The Message-ID under which the adapter sends 7.42.1."""
    assert isinstance(adapter, SmtpEmail)
    return adapter._head.message_id("7.42.1")


def known(adapter: Adapter, message_id: str) -> bool:
    assert isinstance(adapter, SmtpEmail)
    report = (
        "Content-Type: multipart/report; boundary=b\n\n--b\nContent-Type: message/delivery-status\n\nA: b\n\n"
        f"Action: failed\nStatus: 5.1.1\n\n--b\n\nMessage-ID: <{message_id}>\n--b--\n"
    )
    return [event.key for event in adapter.read_mail(report.encode(), datetime.now(UTC))] == ["7.42.1"]


def test_a_mark_is_of_one_account_alone(tmp_path: Path) -> None:
    made = adapters(tmp_path, KeyRing({1: OLD}))
    assert known(made["mail"], sent(made["mail"]))
    assert not known(made["thu"], sent(made["mail"]))
    assert "loudspeaker" in made


def test_a_mark_of_the_secret_before_is_still_known(tmp_path: Path) -> None:
    before, after = adapters(tmp_path, KeyRing({1: OLD}))["mail"], adapters(tmp_path, KeyRing({1: OLD, 2: NEW}))["mail"]
    assert sent(before) != sent(after)
    assert known(after, sent(before))
    assert not known(before, sent(after))
    assert not known(adapters(tmp_path, KeyRing({2: NEW}))["mail"], sent(before))
