"""Tests to one address by command, through the true adapters to the sandbox; and that they count nowhere."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Engine, text

from outreach import wiring
from outreach.cli.session import acting
from outreach.domain.clock import VirtualClock
from outreach.domain.email_addresses import mask_email
from outreach.domain.phones import mask_phone
from outreach.local.sandbox import Entry
from outreach.local.sandbox.credentials import ZaloApp
from outreach.ticks import retain
from tests.cli.commands import CAMPAIGN, PEOPLE, Commands
from tests.processes import Installation, Sandbox, accounts_toml, free_port, sandbox

ZALO = ZaloApp()
PHONE, SHOWN = "0912 345 670", "+84•••••670"
ADDRESSES = {
    "sms": PHONE,
    "zalo_zns": PHONE,
    "zalo_oa": "7766554433221100",
    "telegram": "5550001234",
    "email": "thu@example.vn",
}


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with sandbox(tmp_path_factory.mktemp("sandbox"), "--fail-share", "0") as running:
        yield running


def more_accounts(box: Sandbox) -> str:
    return f"""
[accounts.sms-esms]
channel = "sms"
provider = "esms"
api_key = "sandbox-esms-api-key"
secret_key = "sandbox-esms-secret-key"
brandname = "HANHCHINH"
base_url = "{box.http}/esms"

[accounts.bot]
channel = "telegram"
provider = "telegram"
token = "1000000001:sandbox-telegram-bot-token-0000000000"
base_url = "{box.http}/telegram"

[accounts.zalo]
channel = ["zalo_oa", "zalo_zns"]
provider = "zalo"
app_id = "{ZALO.app_id}"
app_secret = "{ZALO.app_secret}"
oa_id = "{ZALO.oa_id}"
oa_secret = "{ZALO.oa_secret}"
refresh_token = "{ZALO.refresh_token}"
base_url = "{box.http}/zalo"
business_url = "{box.http}/zalo"
oauth_url = "{box.http}/zalo"
"""


@pytest.fixture
def tried(outreach: Commands, box: Sandbox, units: None) -> Commands:
    """The commands, with an account of every provider."""
    write_accounts(outreach, box)
    return outreach


def write_accounts(outreach: Commands, box: Sandbox, more: str = "") -> None:
    file = outreach.settings.accounts_file
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(accounts_toml(box) + more_accounts(box) + more)


@pytest.fixture
def fresh_box(tmp_path: Path) -> Iterator[Sandbox]:
    """A sandbox of its own: eSMS and Zalo remember what other databases have done."""
    with sandbox(tmp_path / "sandbox", "--fail-share", "0") as running:
        yield running


def got(box: Sandbox) -> Entry:
    return box.accepted()[-1]


def count(engine: Engine, table: str) -> int:
    with engine.connect() as connection:
        return int(connection.execute(text(f"SELECT count(*) FROM {table}")).scalar_one())


@pytest.mark.parametrize(
    ("account", "channel"),
    [("sms-main", "sms"), ("sms-esms", "sms"), ("bot", "telegram"), ("mail", "email"), ("zalo", "zalo_oa")],
)
def test_an_account_is_tried_with_one_message(
    outreach: Commands, units: None, fresh_box: Sandbox, account: str, channel: str
) -> None:
    write_accounts(outreach, fresh_box)
    words = ["account", "test", account, ADDRESSES[channel], "--channel", channel, "--here", "--wait", "1", "--json"]
    said = outreach(*words)
    assert said.status == 0, said.err
    told = said.json()
    assert (told["account"], told["channel"], told["state"]) == (account, channel, "accepted")
    assert (told["sent_by"], told["reason"], set(told["explanation"])) == ("here", None, {"vi", "en"})
    assert ADDRESSES[channel].replace(" ", "") not in said.out + said.err
    entry = got(fresh_box)
    assert entry.to.endswith(ADDRESSES[channel].replace(" ", "").lstrip("0"))
    assert any(word in entry.body for word in (f"tài khoản {account}", f"tai khoan {account}"))


def test_a_registered_template_is_tried_with_its_parameters(
    outreach: Commands, units: None, fresh_box: Sandbox
) -> None:
    write_accounts(outreach, fresh_box)
    asked = ["account", "test", "zalo", PHONE, "--channel", "zalo_zns", "--here", "--wait", "1", "--json"]
    refused = outreach(*asked)
    assert refused.status == 1
    assert "--template ID" in refused.err
    given = {
        "ten": "ông {Hùng}",
        "ma_ho_so": "H1",
        "thu_tuc": "Hộ tịch",
        "tinh_trang": "đã xong",
        "ngay_hen": "24/11/2026",
    }
    params = [word for name, value in given.items() for word in ("--param", f"{name}={value}")]
    said = outreach(*asked, "--template", "250002", *params)
    assert said.status == 0, said.err
    assert (said.json()["channel"], said.json()["state"]) == ("zalo_zns", "accepted")
    assert "ông {Hùng}" in got(fresh_box).body


def test_what_a_person_writes_is_sent_word_for_word(tried: Commands, box: Sandbox) -> None:
    written = "Thử {{ contact }} {% raw %} {# x #}"
    said = tried("account", "test", "bot", ADDRESSES["telegram"], "--text", written, "--here", "--wait", "1")
    assert said.status == 0, said.err
    assert got(box).body == written


def test_a_refusal_is_told_with_code_and_words_and_ends_with_1(tried: Commands) -> None:
    said = tried("account", "test", "sms-main", "0999999901", "--here", "--wait", "1", "--json")
    assert said.status == 1
    told = said.json()
    assert (told["state"], told["reason"]) == ("failed", "rejected")
    assert told["code"]
    assert told["explanation"]["vi"]["what"] == "Nhà cung cấp từ chối."


def test_there_is_nothing_to_try_on_loudspeakers(tried: Commands) -> None:
    said = tried("account", "test", "loudspeaker", "1", "--json")
    assert (said.status, said.out) == (1, "")
    assert "loudspeakers have nothing to try" in said.err
    assert tried("template", "send", "nhac_lich_hen", "--channel", "loudspeaker", "--to", "1").status == 1


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["sms-mian", PHONE], "sms-main"),
        (["zalo", PHONE], "say with --channel"),
        (["sms-main", PHONE, "--channel", "email"], "does not serve email"),
        (["sms-main", "024 3825 1234"], "a landline takes no messages"),
        (["mail", "nobody"], "the address for email cannot be right"),
        (["bot", "@thu"], "digits only"),
        (["sms-main", PHONE, "--text", " "], "--text: from 1 to"),
    ],
)
def test_what_cannot_be_tried_is_said_and_nothing_is_planned(
    tried: Commands, engine: Engine, words: list[str], why: str
) -> None:
    said = tried("account", "test", *words, "--here", "--json")
    assert (said.status, said.out) == (1, "")
    assert why in said.err
    assert count(engine, "test_sends") == 0


def test_a_usage_error_ends_with_2(tried: Commands) -> None:
    assert tried("account", "test", "sms-main").status == 2
    assert tried("account", "test", "sms-main", PHONE, "--wait", "-1").status == 2


def test_without_a_worker_the_command_says_so_and_sends_it_itself(tried: Commands) -> None:
    said = tried("account", "test", "bot", ADDRESSES["telegram"], "--wait", "10")
    assert said.status == 0, said.err
    assert "no worker took it within 5 s" in said.err
    assert "this command sent it" in said.err


def test_no_hours_and_no_caps_hold_a_test_back(tried: Commands) -> None:
    night = tried.changed(clock_shift_seconds=seconds_until(time(3, 0)))
    for _ in range(4):
        said = night("account", "test", "sms-main", PHONE, "--here", "--wait", "1", "--json")
        assert (said.status, said.json()["state"]) == (0, "accepted"), said.err


def seconds_until(moment: time) -> int:
    now = datetime.now(ZoneInfo("Asia/Ho_Chi_Minh"))
    then = datetime.combine(now.date(), moment, now.tzinfo)
    return int(((then - now) % timedelta(days=1)).total_seconds())


def test_who_has_refused_is_not_tried_and_it_says_so(tried: Commands, engine: Engine) -> None:
    first = tried("account", "test", "sms-main", "0999999902", "--here", "--wait", "1", "--json").json()
    assert (first["state"], first["reason"]) == ("failed", "opted_out")
    said = tried("account", "test", "sms-main", "0999999902", "--here")
    assert said.status == 1
    assert "barred on sms (opted_out)" in said.err
    assert count(engine, "test_sends") == 1


def test_tests_are_limited_and_audited(tried: Commands, engine: Engine) -> None:
    two = tried.changed(tests_per_hour=2)
    for _ in range(2):
        assert two("account", "test", "bot", "5550001234", "--here", "--wait", "1", "--as", "an@x.vn").status == 0
    said = two("account", "test", "bot", "5550001234", "--here", "--as", "an@x.vn")
    assert said.status == 1
    assert "2 tests have been sent in the last hour" in said.err
    assert "switched off" in tried.changed(tests_per_hour=0)("account", "test", "bot", "5550001234", "--here").err
    with engine.connect() as connection:
        noted = connection.execute(
            text("SELECT who, action, object, detail FROM audit WHERE action = 'send test'")
        ).all()
    assert [(row.who, row.object) for row in noted] == [("an@x.vn", "account bot")] * 2
    assert "5550001234" not in str(noted)


def test_an_account_out_of_service_is_named_with_what_to_do(tried: Commands) -> None:
    broken = tried("account", "test", "sms-esms", "0999999918", "--here", "--wait", "1", "--json")
    assert (broken.status, broken.json()["reason"]) == (1, "misconfigured")
    said = tried("account", "test", "sms-esms", PHONE, "--here")
    assert said.status == 1
    assert "outreach account resume sms-esms" in said.err


# -- this message to me ----------------------------------------------------------------------------------------------

FULL = CAMPAIGN.replace(
    'text: {sms: "UBND xa kinh moi ong/ba den nhan ket qua."}',
    'text: {sms: "{{ contact | salute }} den nhan ket qua.",'
    ' email: {subject: "Mời", body: "Kính mời {{ contact.full_name }}"}}',
).replace("channels: [sms]", "channels: [sms, email]")


@pytest.fixture
def loaded(tried: Commands, tmp_path: Path) -> Commands:
    """A draft that nobody has approved, and two people."""
    people, file = tmp_path / "people.csv", tmp_path / "thu.yaml"
    people.write_text(PEOPLE, encoding="utf-8")
    file.write_text(FULL, encoding="utf-8")
    tried("audience", "import", people)
    assert tried("campaign", "load", file, "--as", "staff@x.vn").status == 0
    return tried


def tries(outreach: Commands, channel: str, *more: str) -> Any:
    said = outreach(
        "campaign", "try", "thu", "gui", "--channel", channel, "--to", ADDRESSES[channel], "--here", "--wait", "1",
        "--json", *more,
    )  # fmt: skip
    assert said.status == 0, said.err
    return said.json()


def test_a_message_is_sent_to_me_before_anybody_approved_it(loaded: Commands, box: Sandbox) -> None:
    assert tries(loaded, "sms", "--account", "sms-main")["state"] == "accepted"
    assert got(box).body == "[THỬ] ông Hùng den nhan ket qua."
    (listed,) = loaded("campaign", "list", "--json").json()["campaigns"]
    assert (listed["campaign"], listed["state"]) == ("thu", "draft")


def test_without_the_mark_it_is_the_citizens_text_to_the_letter(loaded: Commands, box: Sandbox) -> None:
    tries(loaded, "sms", "--account", "sms-main", "--no-mark", "--as-contact", "main/1")
    shown = got(box).body
    assert not shown.startswith("[")
    tries(loaded, "sms", "--account", "sms-main", "--as-contact", "main/1")
    assert got(box).body.endswith(shown)
    assert "An" in shown


def test_an_e_mail_is_marked_in_its_subject_alone(loaded: Commands, box: Sandbox) -> None:
    tries(loaded, "email", "--as-contact", "main/2")
    entry = got(box)
    assert entry.subject == "[THỬ] Mời"
    assert "Kính mời Trần Thị Bình" in entry.body
    assert "[THỬ]" not in entry.body


def test_a_message_or_channel_that_is_not_there_is_said(loaded: Commands) -> None:
    no_message = loaded("campaign", "try", "thu", "nhac", "--channel", "sms", "--to", PHONE)
    assert (no_message.status, 'has no message "nhac"; it has gui' in no_message.err) == (1, True)
    no_text = loaded("campaign", "try", "thu", "gui", "--channel", "telegram", "--to", "5550001234")
    assert (no_text.status, "says nothing on telegram" in no_text.err) == (1, True)
    assert loaded("campaign", "try", "~tests", "gui", "--channel", "sms", "--to", PHONE).status == 1
    assert loaded("campaign", "status", "~tests").status == 1


@pytest.mark.parametrize(
    ("name", "channel"),
    [
        *(("nhac_lich_hen", channel) for channel in ("sms", "email", "zalo_zns")),
        *(("hn_hoc_sinh_sinh_vien", channel) for channel in ("telegram", "zalo_oa")),
    ],
)
def test_a_template_is_sent_to_me(outreach: Commands, units: None, fresh_box: Sandbox, name: str, channel: str) -> None:
    write_accounts(outreach, fresh_box)
    said = outreach(
        "template", "send", name, "--channel", channel, "--to", ADDRESSES[channel], "--here", "--wait", "1",
        "--json",
    )  # fmt: skip
    assert said.status == 0, said.err
    assert said.json()["state"] == "accepted"
    entry = got(fresh_box)
    marked = entry.subject if channel == "email" else entry.body
    assert marked.startswith("[TH") is (channel != "zalo_zns")


# -- they count nowhere ----------------------------------------------------------------------------------------------


def test_tests_are_in_no_count_no_list_and_no_reach(loaded: Commands, engine: Engine) -> None:
    before = everything_counted(loaded)
    tries(loaded, "sms", "--as-contact", "main/1")
    tries(loaded, "email", "--as-contact", "main/2")
    loaded("account", "test", "bot", "5550001234", "--here", "--wait", "1")
    assert count(engine, "deliveries") == 3
    assert everything_counted(loaded) == before
    for table in ("reached", "campaign_people", "contact_ledger", "reach_units"):
        assert count(engine, table) == 0, table
    assert count(engine, "contacts") == 2


def everything_counted(outreach: Commands) -> list[Any]:
    status = outreach("campaign", "status", "thu", "--json").json()
    forecast = outreach("campaign", "forecast", "thu", "--json").json()
    for changing in (status, *forecast["messages"]):
        changing.pop("at", None)
        changing.pop("first_at", None)
        changing.pop("last_at", None)
        changing.pop("leaves_at", None)
    reach = outreach("reach", "thu", "--json").json()
    reach.pop("at")
    segment = outreach("audience", "count", "elderly", "--json").json()
    return [
        status, forecast, reach, segment, outreach("campaign", "list", "--json").json(),
        outreach("deliveries", "list", "thu", "--json").json(),
    ]  # fmt: skip


def test_a_test_is_forgotten_after_a_day_with_its_address_and_text(loaded: Commands, engine: Engine) -> None:
    tries(loaded, "sms", "--account", "sms-main", "--as-contact", "main/1")
    runtime = wiring.build(loaded.settings, name="test")
    almost = replace(runtime, clock=VirtualClock(datetime.now(UTC) + timedelta(hours=23, minutes=50)))
    retain(almost)
    assert count(engine, "test_sends") == 1
    retain(replace(runtime, clock=VirtualClock(datetime.now(UTC) + timedelta(hours=25))))
    for table in ("test_sends", "deliveries", "runs", "run_counts"):
        assert count(engine, table) == 0, table
    with engine.connect() as connection:
        versions = connection.execute(text("SELECT slug FROM campaign_versions")).scalars().all()
    assert versions == ["thu"]
    runtime.engine.dispose()
    runtime.redis.close()


# -- trial mode ------------------------------------------------------------------------------------------------------


def test_a_trial_account_is_tried_with_listed_addresses_only(tried: Commands, box: Sandbox) -> None:
    file = tried.settings.accounts_file
    file.write_text(file.read_text().replace('channel = "sms"', 'channel = "sms"\ntrial = true'))
    refused = tried("account", "test", "sms-main", PHONE, "--here")
    assert refused.status == 1
    assert "is in trial mode and this address is not on its list" in refused.err
    added = tried("account", "trial", "add", PHONE, "--channel", "sms", "--label", "điện thoại phòng", "--json")
    assert added.json() == {"address": SHOWN, "channel": "sms", "label": "điện thoại phòng", "new": True}
    assert tried("account", "test", "sms-main", PHONE, "--here", "--wait", "1").status == 0


def test_the_claim_of_a_test_looks_at_the_list_and_at_refusals_again(tried: Commands, engine: Engine) -> None:
    file = tried.settings.accounts_file
    file.write_text(file.read_text().replace('channel = "sms"', 'channel = "sms"\ntrial = true'))
    tried("account", "trial", "add", PHONE)
    planned = tried("account", "test", "sms-main", PHONE, "--wait", "0", "--json")
    assert (planned.status, planned.json()["state"], planned.json()["sent_by"]) == (1, "planned", "")
    tried("account", "trial", "remove", PHONE)
    tried("account", "trial", "add", "0912345671")
    tried("account", "test", "sms-main", "0912345671", "--here", "--wait", "1")
    with engine.connect() as connection:
        rows = connection.execute(text("SELECT state, reason FROM deliveries ORDER BY run_id")).all()
    assert [tuple(row) for row in rows] == [("suppressed", "trial"), ("accepted", None)]


def test_the_list_is_managed_masked_and_audited(tried: Commands, engine: Engine) -> None:
    assert tried("account", "trial", "add", "thu@example.vn", "--as", "an@x.vn").status == 0
    assert tried("account", "trial", "add", "5550001234").status == 1
    assert tried("account", "trial", "add", "5550001234", "--channel", "telegram").status == 0
    listed = tried("account", "trial", "list", "--json").json()
    assert [(one["address"], one["added_by"]) for one in listed["addresses"]] == [
        (mask_email("thu@example.vn"), "an@x.vn"),
        (mask_phone("5550001234"), acting(None)),
    ]
    assert [one["channel"] for one in listed["addresses"]] == ["any", "telegram"]
    assert tried("account", "trial", "remove", "thu@example.vn").status == 0
    gone = tried("account", "trial", "remove", "thu@example.vn", "--json")
    assert (gone.status, gone.out) == (1, "")
    with engine.connect() as connection:
        actions = connection.execute(text("SELECT action FROM audit ORDER BY id")).scalars().all()
    assert actions == ["add test address", "add test address", "remove test address"]


def test_trial_mode_is_said_everywhere(tried: Commands, tmp_path: Path) -> None:
    file = tried.settings.accounts_file
    file.write_text(file.read_text().replace('channel = "email"', 'channel = "email"\ntrial = true'))
    campaign = tmp_path / "thu.yaml"
    campaign.write_text(FULL.replace("messages:", "trial: true\nmessages:"), encoding="utf-8")
    tried("campaign", "load", campaign, "--as", "staff@x.vn")
    notice = "CHẾ ĐỘ THỬ: chiến dịch thu"
    for words in (
        ["campaign", "forecast", "thu"],
        ["campaign", "submit", "thu", "--as", "staff@x.vn"],
        ["campaign", "approve", "thu", "--as", "leader@x.vn"],
        ["campaign", "launch", "thu"],
        ["deliveries", "list", "thu"],
    ):
        said = tried(*words)
        assert said.status == 0, said.err
        assert notice in said.err, words
        assert "CHẾ ĐỘ THỬ: tài khoản mail" in said.err, words
    assert "running IN TRIAL MODE" in tried("campaign", "status", "thu").err
    assert "CHẾ ĐỘ THỬ" in tried("reach", "thu").err
    assert "running (trial)" in tried("campaign", "list").err
    assert "TRIAL MODE" in tried("account", "list").err
    doctor = {one["name"]: one["what"] for one in tried("doctor", "--json").json()["checks"]}
    assert all("is in trial mode" in doctor[name] for name in ("account mail", "campaign thu"))
    for words, key in (
        (["campaign", "forecast", "thu"], "trial"),
        (["campaign", "status", "thu"], "trial"),
        (["reach", "thu"], "trial"),
        (["deliveries", "list", "thu"], "trial"),
    ):
        assert tried(*words, "--json").json()[key] is True, words
    mail = next(one for one in tried("account", "list", "--json").json()["accounts"] if one["name"] == "mail")
    assert mail["trial"] is True


# -- through a worker, with the receipt ------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_worker_sends_it_and_the_receipt_comes_back(outreach: Commands, box: Sandbox, units: None) -> None:
    write_accounts(outreach, box)
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    settings = outreach.settings
    environment = {
        "OUTREACH_DATA_DIR": str(settings.data_dir), "OUTREACH_DATABASE_URL": settings.database_url or "",
        "OUTREACH_REDIS_URL": settings.redis_url or "", "OUTREACH_PUBLIC_URL": url,
    }  # fmt: skip
    installation = Installation(settings.data_dir, environment)
    try:
        installation.start_web(port)
        installation.start_worker("w1", 1)
        said = outreach.changed(public_url=url)("account", "test", "sms-main", "0912345674", "--wait", "60", "--json")
        assert said.status == 0, said.err + installation.logs()
        told = said.json()
        assert (told["state"], told["sent_by"]) == ("delivered", "worker")
        assert (told["proved"], told["parts"]) == (True, 1)
    finally:
        installation.stop()
