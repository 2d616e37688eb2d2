"""What `outreach up --sandbox` writes and starts fits together: accounts, webhooks, the sandbox's own options."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

from outreach.dispatch.accounts_file import Accounts, load_accounts
from outreach.domain.words import Channel
from outreach.local.sandbox.__main__ import parse
from outreach.local.up import SandboxPart, aimed_at, sandbox_accounts, sandbox_argv


def accounts(folder: Path) -> Accounts:
    file = folder / "accounts.toml"
    file.write_text(sandbox_accounts(SandboxPart(folder, 8977, 8978), rate=100), encoding="utf-8")
    return load_accounts(file, timeout=1)


def test_every_channel_has_an_account_of_the_sandbox(tmp_path: Path) -> None:
    known = accounts(tmp_path).known
    assert {channel for account in known.values() for channel in account.channels} == set(Channel)
    assert {name for name, account in known.items() if account.serves(Channel.SMS)} == {
        "sms-sandbox",
        "sms-esms-sandbox",
    }


def test_no_account_sends_faster_than_its_provider_takes(tmp_path: Path) -> None:
    known = accounts(tmp_path).known
    assert known["zalo-sandbox"].rate * 60 <= 4000
    assert known["telegram-sandbox"].rate <= 30


def test_invitations_lead_to_its_official_account_and_its_bot(tmp_path: Path) -> None:
    known = accounts(tmp_path).known
    assert {name for name, account in known.items() if account.public_name} == {"zalo-sandbox", "telegram-sandbox"}


def test_events_go_to_accounts_that_are_there(tmp_path: Path) -> None:
    part = SandboxPart(tmp_path, 8977, 8978, ("--seen-share", "0.2"), "http://127.0.0.1:8000/")
    _, _, module, *options = sandbox_argv(part)
    config = parse(options)
    assert module == "outreach.local.sandbox"
    assert (config.http_port, config.smtp_port, config.seen_share) == (8977, 8978, 0.2)
    known = accounts(tmp_path).known
    for provider, url in config.webhooks.items():
        _, webhooks, name = urlsplit(url).path.split("/")
        assert (webhooks, known[name].provider) == ("webhooks", provider)
    assert set(config.webhooks) == {"zalo", "telegram", "twilio"}


def test_who_does_not_say_where_the_web_is_gets_no_events(tmp_path: Path) -> None:
    assert "--webhook" not in sandbox_argv(SandboxPart(tmp_path, 8977, 8978))


def test_accounts_of_other_names_that_are_aimed_at_it_hear_of_citizens(tmp_path: Path) -> None:
    file = tmp_path / "accounts.toml"
    assert aimed_at("http://127.0.0.1:8977", file) == ()
    file.write_text(
        '[accounts.zalo-real]\nprovider = "zalo"\n'
        '[accounts.zalo-tinh]\nprovider = "zalo"\nbase_url = "http://127.0.0.1:8977/zalo"\n'
        '[accounts.sms-main]\nprovider = "twilio"\nbase_url = "http://127.0.0.1:8977"\n'
    )
    heard = aimed_at("http://127.0.0.1:8977", file)
    assert heard == (("zalo", "zalo-tinh"), ("twilio", "sms-main"))
    options = sandbox_argv(SandboxPart(tmp_path, 8977, 8978, public_url="http://127.0.0.1:8000", accounts=heard))
    assert "zalo=http://127.0.0.1:8000/webhooks/zalo-tinh" in options
    assert not any("sandbox" in one for one in options if "/webhooks/" in one)
    file.write_text("accounts = [")
    assert aimed_at("http://127.0.0.1:8977", file) == ()
