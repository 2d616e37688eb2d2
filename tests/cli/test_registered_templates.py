"""Registered templates (ZNS) against what Zalo says of them, before anybody is written to; the sandbox is Zalo."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from textwrap import indent

import pytest

from outreach.local.sandbox.credentials import ZaloApp
from outreach.settings import PROJECT
from tests.cli.commands import Commands
from tests.processes import Sandbox, sandbox

ZALO = ZaloApp()
TEMPLATES = [
    {
        "template_id": "900001", "name": "Nhắc", "price": 250,
        "params": [
            {"name": "ten", "maxLength": 12, "minLength": 2},
            {"name": "ngay", "type": "DATE", "maxLength": 20},
            {"name": "noi", "maxLength": 10, "require": False},
        ],
    },
    {
        "template_id": "900002", "name": "Chờ duyệt", "price": 250, "status": "PENDING_REVIEW",
        "params": [{"name": "ten"}],
    },
]  # fmt: skip
GOOD = {"ten": "{{ contact.full_name }}", "ngay": "24/11/2026", "noi": "UBND xã"}


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Sandbox]:
    file = tmp_path / "templates.json"
    file.write_text(json.dumps(TEMPLATES), encoding="utf-8")
    with sandbox(tmp_path / "sandbox", "--fail-share", "0", "--zns-templates", str(file)) as running:
        yield running


@pytest.fixture
def asked(outreach: Commands, box: Sandbox, units: None, tmp_path: Path) -> Commands:
    """The commands with a Zalo account, and a folder of templates of the test's own."""
    write_account(outreach, f"{box.http}/zalo")
    return outreach.changed(templates_dir=tmp_path / "mau", campaigns_dir=PROJECT / "campaigns")


def write_account(outreach: Commands, where: str) -> None:
    file = outreach.settings.accounts_file
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(
        f"""
[accounts.zalo]
channel = ["zalo_oa", "zalo_zns"]
provider = "zalo"
price = 250
app_id = "{ZALO.app_id}"
app_secret = "{ZALO.app_secret}"
oa_id = "{ZALO.oa_id}"
oa_secret = "{ZALO.oa_secret}"
refresh_token = "{ZALO.refresh_token}"
base_url = "{where}"
business_url = "{where}"
oauth_url = "{where}"
"""
    )


def campaign(outreach: Commands, template_id: str, parameters: dict[str, str]) -> Path:
    """A campaign of one message by this registered template."""
    folder = outreach.settings.templates_dir / "nhac"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "meta.yaml").write_text("title: Nhắc\nvariables: {contact.full_name: Nguyễn Văn An}\n", encoding="utf-8")
    filled = "\n".join(f"{name}: {json.dumps(value, ensure_ascii=False)}" for name, value in parameters.items())
    text = f'template_id: "{template_id}"\nparameters:\n{indent(filled, "  ")}\n'
    (folder / "zalo_zns.vi.yaml").write_text(text, encoding="utf-8")
    file = outreach.settings.data_dir / "thu.yaml"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(
        """\
campaign: thu
title: Chiến dịch thử
issuer: UBND xã
starts: 2025-01-01
ends: 2035-12-31
messages:
  - id: gui
    segment: {kind: person}
    template: nhac
    channels: [zalo_zns]
    schedule: {at: launch}
""",
        encoding="utf-8",
    )
    return file


def checked(outreach: Commands, template_id: str, parameters: dict[str, str]) -> list[str]:
    said = outreach("campaign", "check", "--online", campaign(outreach, template_id, parameters), "--json")
    document = said.json()
    assert document["errors"] == []
    errors: list[str] = document["registered_templates"]["errors"]
    assert (said.status, document["ok"]) == ((1, False) if errors else (0, True)), said.err
    assert document["registered_templates"]["warnings"] == []
    return errors


def test_a_template_that_fits_is_good_and_its_price_is_shown(asked: Commands) -> None:
    assert checked(asked, "900001", GOOD) == []
    said = asked("campaign", "check", "--online", campaign(asked, "900001", GOOD))
    assert 'template 900001 "Nhắc" through zalo: 250 VND a message' in said.err


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"ten": None}, '"ten" is required'),
        ({"ten": "Ông Nguyễn Văn Hùng"}, '"ten" has 19 characters and takes at most 12: shorten it'),
        ({"ten": "H"}, '"ten" has 1 characters and wants at least 2'),
        ({"ngay": "mai"}, '"ngay" wants a DATE'),
        ({"noi_tra": "xã"}, 'unknown parameter "noi_tra"'),
    ],
)
def test_a_mistake_names_campaign_message_template_and_parameter(
    asked: Commands, change: dict[str, str | None], told: str
) -> None:
    filled = {name: value for name, value in {**GOOD, **change}.items() if value is not None}
    [error] = checked(asked, "900001", filled)
    assert told in error
    for part in ("campaign thu", 'message "gui"', "template 900001", "account zalo", "zalo_zns.vi.yaml"):
        assert part in error


def test_a_template_that_is_not_approved_or_not_there_is_a_mistake(asked: Commands) -> None:
    [waiting] = checked(asked, "900002", {"ten": "An"})
    assert "it is PENDING_REVIEW and cannot be sent" in waiting
    [missing] = checked(asked, "123", {"ten": "An"})
    assert "no such template" in missing


def test_without_online_nobody_is_asked(bare: Commands, asked: Commands) -> None:
    file = campaign(asked, "123", {"ten": "An"})
    offline = bare.changed(templates_dir=asked.settings.templates_dir)
    assert offline("campaign", "check", file).status == 0


def test_a_provider_that_does_not_answer_is_a_warning_and_never_a_silent_pass(asked: Commands) -> None:
    write_account(asked, "http://127.0.0.1:9")
    said = asked("campaign", "check", "--online", campaign(asked, "900001", GOOD), "--json")
    assert said.status == 0, said.err
    [warning] = said.json()["registered_templates"]["warnings"]
    assert "NOT CHECKED" in warning
    assert warning in said.err


def test_without_an_account_that_sends_templates_nothing_passes_silently_either(asked: Commands) -> None:
    asked.settings.accounts_file.write_text("")
    said = asked("campaign", "check", "--online", campaign(asked, "900001", GOOD))
    assert said.status == 0
    assert "NOT CHECKED, no account serves zalo_zns" in said.err


def test_a_price_that_is_not_the_providers_is_a_warning(asked: Commands) -> None:
    file = asked.settings.accounts_file
    file.write_text(file.read_text().replace("price = 250", "price = 300"))
    said = asked("campaign", "check", "--online", campaign(asked, "900001", GOOD), "--json")
    [warning] = said.json()["registered_templates"]["warnings"]
    assert "costs 250 VND" in warning
    assert "300" in warning


def test_neither_submitting_nor_launching_lets_a_mistake_pass_unless_told_to(asked: Commands) -> None:
    file = campaign(asked, "900001", {**GOOD, "ngay": "mai"})
    assert asked("campaign", "load", file, "--as", "a@x.vn").status == 0
    refused = asked("campaign", "submit", "thu", "--as", "a@x.vn")
    assert refused.status == 1
    assert '"ngay" wants a DATE' in refused.err
    assert asked("campaign", "submit", "thu", "--unchecked", "--as", "a@x.vn").status == 0
    assert asked("campaign", "approve", "thu", "--yes", "--as", "b@x.vn").status == 0
    refused = asked("campaign", "launch", "thu", "--as", "a@x.vn")
    assert refused.status == 1
    assert '"ngay" wants a DATE' in refused.err
    assert asked("campaign", "launch", "thu", "--unchecked", "--as", "a@x.vn").status == 0


def test_a_test_of_a_template_is_refused_before_it_is_planned(asked: Commands, box: Sandbox) -> None:
    words = ["account", "test", "zalo", "0912345670", "--channel", "zalo_zns", "--here", "--wait", "1"]
    given = ["--template", "900001", "--param", "ten=An", "--param", "ngay=mai"]
    refused = asked(*words, *given)
    assert refused.status == 1
    assert '"ngay" wants a DATE' in refused.err
    assert "is planned" not in refused.err
    said = asked(*words, *given[:-1], "ngay=24/11/2026")
    assert said.status == 0, said.err
    assert "250 VND a message" in said.err
    assert len(box.accepted()) == 1


def test_a_template_sent_to_oneself_is_asked_about_with_what_the_recipient_gets(asked: Commands, box: Sandbox) -> None:
    campaign(asked, "900001", {"ten": "{{ contact.full_name }} và gia đình", "ngay": "24/11/2026"})
    words = ("template", "send", "nhac", "--channel", "zalo_zns", "--to", "0912345670", "--here", "--wait", "1")
    refused = asked(*words)
    assert refused.status == 1
    assert "takes at most 12" in refused.err
    assert box.accepted() == []
