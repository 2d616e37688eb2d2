"""`outreach doctor` and the accounts: what is broken is named, with what to do."""

from __future__ import annotations

import os
from typing import Any

from sqlalchemy import Engine, text

from outreach.dispatch.child import myself
from outreach.domain.clock import VirtualClock
from outreach.domain.privacy import KeyRing
from outreach.local.demo_stage import _private
from outreach.store import accounts, claims
from tests.cli.commands import Commands
from tests.world import World

REAL = """
[accounts.sms-real]
channel = "sms"
provider = "twilio"
account_sid = "AC00000000000000000000000000000000"
auth_token = "t"
from = "+15005550006"
"""
CAMPAIGN = """
    campaign: thu
    title: Thử
    issuer: UBND xã
    starts: 2026-01-01
    ends: 2027-12-31
    messages:
      - {id: chao, segment: {kind: person}, text: {sms: "Kinh chao"}, channels: [sms], schedule: {at: launch}}
"""
TO_ITSELF = REAL + 'base_url = "http://127.0.0.1:9"\n'


def findings(outreach: Commands) -> dict[str, Any]:
    said = outreach("doctor", "--json")
    document = said.json()
    assert said.status == (0 if document["ok"] else 1)
    return {check["name"]: check["finding"] for check in document["checks"]}


def write(outreach: Commands, text: str) -> None:
    outreach.settings.data_dir.mkdir(mode=0o700, exist_ok=True)
    outreach.settings.accounts_file.write_text(text)


def test_a_fresh_installation_is_well_though_empty(outreach: Commands) -> None:
    found = findings(outreach)
    assert {"settings", "data folder", "secret key", "valkey", "database", "schema", "units", "workers"} <= found.keys()
    assert "broken" not in found.values()
    assert (found["units"], found["accounts"]) == ("doubtful", "doubtful")


def test_real_providers_behind_a_loopback_address_are_broken(outreach: Commands) -> None:
    write(outreach, REAL)
    assert findings(outreach)["public address"] == "broken"
    assert findings(outreach.changed(public_url="https://tin.example.vn"))["public address"] == "good"
    write(outreach, TO_ITSELF)
    assert findings(outreach)["public address"] == "good"


def test_a_home_made_gateway_on_this_machine_is_not_taken_for_a_real_one(outreach: Commands) -> None:
    http = '[accounts.sms-own]\nchannel = "sms"\nprovider = "http"\nurl = "http://127.0.0.1:9/"\nbody = {a = "{to}"}\n'
    write(outreach, http)
    assert findings(outreach)["public address"] == "good"
    write(outreach, http.replace("http://127.0.0.1:9/", "https://sms.tinh.example/"))
    assert findings(outreach)["public address"] == "broken"


def test_workers_that_began_before_the_accounts_were_changed_are_told(outreach: Commands, engine: Engine) -> None:
    me = myself()
    with engine.begin() as connection:
        claims.enrol_child(connection, host=me.host, boot=me.boot, pid=me.pid, started=me.started)
    write(outreach, TO_ITSELF)
    assert findings(outreach)["workers' accounts"] == "doubtful"
    os.utime(outreach.settings.accounts_file, (me.started - 1, me.started - 1))
    assert "workers' accounts" not in findings(outreach)


def test_a_lost_token_is_mended_by_another_authorisation(outreach: Commands, engine: Engine) -> None:
    write(outreach, TO_ITSELF)
    with engine.begin() as connection:
        accounts.pause(connection, "sms-real", code="-14014", reason="the token is used up")
    said = outreach("doctor").out
    assert "outreach account authorise sms-real" in said


def test_a_paused_account_is_broken_until_it_is_resumed(outreach: Commands, engine: Engine) -> None:
    write(outreach, TO_ITSELF)
    with engine.begin() as connection:
        accounts.pause(connection, "sms-real", code="20003", reason="authentication")
    assert findings(outreach)["account sms-real"] == "broken"
    listed = {one["name"]: one for one in outreach("account", "list", "--json").json()["accounts"]}
    assert (listed["sms-real"]["paused"], listed["sms-real"]["code"]) == (True, "20003")
    assert "PAUSED" in outreach("account", "list").err

    assert outreach("account", "resume", "sms-real", "--json").json() == {"account": "sms-real", "resumed": True}
    assert outreach("account", "resume", "sms-real", "--json").json()["resumed"] is False
    assert "account sms-real" not in findings(outreach)
    assert 'did you mean "sms-real"?' in outreach("account", "resume", "sms-rael").err


def test_mistakes_in_the_accounts_are_told_with_their_line(outreach: Commands) -> None:
    write(outreach, REAL + "colour = 1\n")
    said = outreach("doctor")
    assert said.status == 1
    assert f"{outreach.settings.accounts_file}:8: [accounts.sms-real] unknown key 'colour'" in said.out


def test_a_secret_that_others_may_read_is_broken(outreach: Commands) -> None:
    findings(outreach)
    (outreach.settings.data_dir / "secret.key").chmod(0o644)
    assert findings(outreach)["secret key"] == "broken"


def test_a_shifted_clock_and_missing_approval_are_doubtful(outreach: Commands) -> None:
    found = findings(outreach.changed(clock_shift_seconds=3600, approval="off"))
    assert (found["clock"], found["approval"]) == ("doubtful", "doubtful")


def test_servers_that_are_away_are_broken(bare: Commands) -> None:
    found = findings(bare)
    assert (found["valkey"], found["database"]) == ("broken", "broken")
    said = bare("campaign", "list")
    assert (said.status, said.out, len(said.err.splitlines())) == (1, "", 1)
    assert "does not answer" in said.err


def workers(outreach: Commands) -> tuple[str, str]:
    [check] = [one for one in outreach("doctor", "--json").json()["checks"] if one["name"] == "workers"]
    return check["finding"], check["what"]


def test_workers_are_told_as_far_as_they_are_known(outreach: Commands, engine: Engine) -> None:
    me = myself()
    assert workers(outreach)[0] == "doubtful"
    assert "cannot be told from none" in workers(outreach)[1]
    with engine.begin() as connection:
        claims.enrol_child(connection, host=me.host, boot="before", pid=1, started=1.0)
    assert workers(outreach) == ("doubtful", "no worker is alive: those that were at work have ended")
    with engine.begin() as connection:
        claims.enrol_child(connection, host="elsewhere", boot="b", pid=1, started=1.0)
    assert workers(outreach)[1].startswith("none on this machine; 1 enrolled on other machines")
    with engine.begin() as connection:
        claims.enrol_child(connection, host=me.host, boot=me.boot, pid=me.pid, started=me.started)
    assert workers(outreach)[1].startswith("1 living on this machine; 1 enrolled on other machines")


def test_a_data_folder_that_others_may_enter_is_doubtful(outreach: Commands) -> None:
    outreach.settings.data_dir.mkdir(mode=0o755)
    assert findings(outreach)["data folder"] == "doubtful"
    outreach.settings.data_dir.chmod(0o710)
    assert findings(outreach)["data folder"] == "good"


def test_the_demo_leaves_a_data_folder_that_the_doctor_finds_good(outreach: Commands) -> None:
    _private(outreach.settings.data_dir)
    assert outreach.settings.data_dir.stat().st_mode & 0o067 == 0
    assert findings(outreach)["data folder"] == "good"


def test_an_account_that_was_taken_out_while_deliveries_wait_for_it_is_broken(
    outreach: Commands, engine: Engine, clock: VirtualClock
) -> None:
    world = World(engine, KeyRing({1: "a secret of these tests, long enough to be one"}), clock)
    world.person("An", phone="+84912345678")
    world.launch(CAMPAIGN)
    world.plan()
    write(outreach, TO_ITSELF)
    assert findings(outreach)["account sms-main"] == "broken"
    assert "1 deliveries wait for it" in outreach("doctor").out
    write(outreach, TO_ITSELF.replace("sms-real", "sms-main"))
    assert "account sms-main" not in findings(outreach)


def test_an_account_of_a_unit_that_is_not_there_is_broken(outreach: Commands) -> None:
    write(outreach, TO_ITSELF + 'unit = "99999"\n')
    assert findings(outreach)["unit of sms-real"] == "broken"


def test_people_who_came_to_an_account_that_was_renamed_are_told_of(
    outreach: Commands, engine: Engine, clock: VirtualClock
) -> None:
    World(engine, KeyRing({1: "a secret of these tests, long enough to be one"}), clock).person(
        "An", phone="+84912345678"
    )
    with engine.begin() as connection:
        connection.execute(text("UPDATE addresses SET channel = 'telegram', account = 'bot-cu'"))
    assert findings(outreach)["addresses of bot-cu"] == "doubtful"
