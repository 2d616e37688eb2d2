"""Trial mode: listed test addresses get the message, everybody else gets nothing, on no channel and by no way round."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import text

from outreach.domain.privacy import KeyRing
from outreach.domain.states import DeliveryState
from outreach.domain.words import Channel
from outreach.planning import actions
from outreach.planning.forecast import Forecast, forecast
from outreach.planning.sharing import share_out
from outreach.reach.explanations import REASONS
from outreach.store import circuits, claims, trial
from outreach.store.versions import read_version
from tests.planning.cascade_world import becomes, claim, hand_on
from tests.planning.test_cases import REMINDER, WEDNESDAY
from tests.world import EMAIL, SMS, World, account

CAMPAIGN = """
    campaign: thu
    title: Thử
    issuer: UBND xã
    starts: 2026-01-01
    ends: 2027-12-31
    trial: true
    messages:
      - id: m
        segment: {kind: person}
        text: {sms: "Kinh chao", email: {subject: "Kính chào", body: "Kính chào"}}
        channels: [sms, email]
        schedule: {at: launch}
"""
AN, BINH = "+84912000001", "+84912000002"


def put_on_list(world: World, address: str, channel: str = trial.ANY, keys: KeyRing | None = None) -> None:
    ring = keys or world.keys
    with world.engine.begin() as connection:
        assert trial.add(
            connection, ring.fingerprints(address), channel=channel, value=ring.seal(address), label="", who="t",
            at=world.clock.now(),
        )  # fmt: skip


def take_off_list(world: World, address: str) -> None:
    with world.engine.begin() as connection:
        assert trial.remove(connection, world.keys.fingerprints(address), channel=None) == 1


def in_trial(world: World, *names: str) -> None:
    world.accounts = {name: replace(one, trial=True) if name in names else one for name, one in world.accounts.items()}


def foreseen(world: World, slug: str) -> Forecast:
    with world.engine.connect() as connection:
        n = connection.execute(text("SELECT version FROM campaigns WHERE slug = :s"), {"s": slug}).scalar_one()
        frozen = read_version(connection, slug, n, 0)
    return forecast(world.engine, frozen, world.accounts, world.clock.now())


def two_people(world: World) -> None:
    world.person("An", phone=AN, email="an@example.vn")
    world.person("Bình", phone=BINH, email="binh@example.vn")


def outcome(world: World) -> list[tuple[str | None, str, str, str | None]]:
    return world.states("d.recipient_kind = 'contact'")


def normal(campaign: str = CAMPAIGN) -> str:
    return campaign.replace("    trial: true\n", "")


def test_only_those_on_the_list_are_written_to(world: World) -> None:
    two_people(world)
    put_on_list(world, AN)
    world.launch(CAMPAIGN)
    world.plan()
    assert outcome(world) == [("An", "sms", "planned", None), ("Bình", "sms", "suppressed", "trial")]
    assert world.counts_agree()


def test_the_forecast_says_who_is_left_out_and_that_it_is_a_trial(world: World) -> None:
    two_people(world)
    put_on_list(world, AN)
    figures = foreseen(world, world.load(CAMPAIGN))
    [message] = figures.messages
    assert (message.by_channel, message.left_out) == ({"sms": 1}, {"trial": 1})
    assert (figures.trial, figures.trial_accounts) == (True, ())


def test_nobody_is_written_to_while_the_list_is_empty(world: World) -> None:
    two_people(world)
    world.launch(CAMPAIGN)
    world.plan()
    assert {row[2:] for row in outcome(world)} == {("suppressed", "trial")}


def test_an_address_on_the_list_of_another_channel_is_not_on_this_ones(world: World) -> None:
    two_people(world)
    put_on_list(world, AN, channel="zalo_zns")
    world.launch(CAMPAIGN)
    world.plan()
    assert {row[2:] for row in outcome(world)} == {("suppressed", "trial")}


def test_the_claim_looks_at_the_list_again(world: World) -> None:
    two_people(world)
    put_on_list(world, AN)
    world.launch(CAMPAIGN)
    world.plan()
    take_off_list(world, AN)
    assert claim(world, "An", Channel.SMS)[0] == []
    assert outcome(world)[0] == ("An", "sms", "suppressed", "trial")
    assert world.counts_agree()


def test_who_falls_out_at_the_claim_is_not_handed_on(world: World) -> None:
    two_people(world)
    put_on_list(world, AN)
    put_on_list(world, "an@example.vn")
    world.launch(CAMPAIGN)
    world.plan()
    take_off_list(world, AN)
    claim(world, "An", Channel.SMS)
    world.later(hours=5)
    assert hand_on(world) == 0
    assert [row[1] for row in outcome(world)] == ["sms", "sms"]


def test_an_account_that_went_into_trial_after_planning_is_held_back_at_the_claim(world: World) -> None:
    two_people(world)
    put_on_list(world, AN)
    world.launch(normal())
    world.plan()
    in_trial(world, "sms-main")
    assert [one.recipient_id for one in claim(world, "An", Channel.SMS)[0]] == [world.people["An"]]
    assert [row[2:] for row in outcome(world)] == [("sending", None), ("suppressed", "trial")]
    world.later(hours=5)
    assert hand_on(world) == 0


def test_a_trial_account_hands_nobody_on_to_a_real_one(world: World) -> None:
    two_people(world)
    put_on_list(world, AN)
    in_trial(world, "sms-main")
    figures = foreseen(world, world.load(normal()))
    assert (figures.messages[0].left_out, figures.trial, figures.trial_accounts) == ({"trial": 1}, False, ("sms-main",))
    world.launch(normal())
    world.plan()
    world.later(hours=30)
    hand_on(world)
    assert ("Bình", "sms", "suppressed", "trial") in outcome(world)
    assert [row for row in outcome(world) if row[0] == "Bình" and row[1] == "email"] == []


def test_who_refused_sms_is_not_handed_on_by_a_trial_account_either(world: World) -> None:
    two_people(world)
    in_trial(world, "sms-main")
    with world.engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO suppressions (fingerprint, channel, class, key_version, reason, source)"
                " VALUES (:mark, 'sms', '*', 1, 'opted_out', 't')"
            ),
            {"mark": world.keys.fingerprint(BINH)},
        )
    world.launch(normal())
    world.plan()
    assert {row[1:] for row in outcome(world)} == {("sms", "suppressed", "trial")}


def test_a_cascade_of_a_trial_campaign_stays_on_the_list(world: World) -> None:
    two_people(world)
    put_on_list(world, AN)
    world.launch(CAMPAIGN)
    world.plan()
    claim(world, "An", Channel.SMS)
    becomes(world, "An", Channel.SMS, DeliveryState.FAILED)
    assert hand_on(world) == 1
    assert [row for row in outcome(world) if row[1] == "email"] == [("An", "email", "suppressed", "trial")]


def test_a_cascade_of_a_trial_campaign_goes_on_to_a_listed_address(world: World) -> None:
    two_people(world)
    put_on_list(world, AN)
    put_on_list(world, "an@example.vn", channel="email")
    world.launch(CAMPAIGN)
    world.plan()
    claim(world, "An", Channel.SMS)
    becomes(world, "An", Channel.SMS, DeliveryState.FAILED)
    hand_on(world)
    assert [row for row in outcome(world) if row[1] == "email"] == [("An", "email", "planned", None)]


def test_mode_all_keeps_every_channel_to_the_list(world: World) -> None:
    two_people(world)
    put_on_list(world, AN)
    world.launch(CAMPAIGN.replace("schedule:", "mode: all\n        schedule:"))
    world.plan()
    assert {(row[0], row[1]) for row in outcome(world) if row[2] == "planned"} == {("An", "sms")}
    assert [row[3] for row in outcome(world) if row[2] != "planned"] == ["trial"] * 3


@pytest.mark.parametrize("listed", [True, False], ids=["listed", "not-listed"])
def test_those_who_share_an_address_share_its_place_on_the_list(world: World, listed: bool) -> None:
    world.person("An", phone=AN)
    world.person("Bình", phone=AN)
    if listed:
        put_on_list(world, AN)
    world.launch(CAMPAIGN)
    world.plan()
    reasons = [None, "shared_address"] if listed else ["trial", "trial"]
    assert [row[3] for row in outcome(world)] == reasons


def test_nobody_inherits_a_message_that_trial_mode_held_back(world: World) -> None:
    world.person("An", phone=AN)
    world.person("Bình", phone=AN)
    put_on_list(world, AN)
    world.launch(CAMPAIGN)
    world.plan()
    take_off_list(world, AN)
    claim(world, "An", Channel.SMS)
    assert [row[2:] for row in outcome(world)] == [("suppressed", "trial"), ("suppressed", "shared_address")]
    assert world.rows("d.state = 'planned'") == []
    with world.engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM reached")).scalar_one() == 0


def test_an_account_in_trial_keeps_nothing_from_those_whom_a_normal_one_serves(world: World) -> None:
    world.accounts = {one.name: one for one in (SMS, replace(account("sms-thu"), trial=True), EMAIL)}
    for number in range(40):
        world.person(f"P{number:02}", phone=f"+8491200{number:04}")
    world.launch(normal())
    world.plan()
    assert {(row.account, row.state, row.reason) for row in world.rows()} == {("sms-main", "planned", None)}


def test_an_account_in_trial_takes_nothing_over_from_one_that_is_ill(world: World) -> None:
    world.accounts = {one.name: one for one in (SMS, replace(account("sms-thu"), trial=True), EMAIL)}
    for number in range(40):
        world.person(f"P{number:02}", phone=f"+8491200{number:04}")
    world.launch(normal())
    world.plan()
    with world.engine.begin() as connection:
        circuits.found_ill(connection, "sms-main", cause="a test", pause=lambda tries: timedelta(hours=1))
    assert share_out(world.engine, world.accounts, world.clock) == 0
    assert {(row.account, row.state, row.reason) for row in world.rows()} == {("sms-main", "planned", None)}


def test_a_reminder_in_trial_goes_to_the_list_only_and_is_made_once(world: World) -> None:
    two_people(world)
    put_on_list(world, AN)
    world.case("An", WEDNESDAY, name="H1")
    world.case("Bình", WEDNESDAY, name="H2")
    world.launch(REMINDER.replace("    messages:", "    trial: true\n    messages:"))
    for _ in range(3):
        world.plan()
        world.later(minutes=5)
    assert outcome(world) == [("An", "sms", "planned", None), ("Bình", "sms", "suppressed", "trial")]
    take_off_list(world, AN)
    claim(world, "An", Channel.SMS)
    world.plan()
    assert {row[2:] for row in outcome(world)} == {("suppressed", "trial")}
    assert len(world.runs()) == 1


def test_reminders_that_trial_mode_held_back_are_made_once_it_is_over(world: World) -> None:
    two_people(world)
    put_on_list(world, AN)
    world.case("An", WEDNESDAY, name="H1")
    world.case("Bình", WEDNESDAY, name="H2")
    world.launch(REMINDER.replace("    messages:", "    trial: true\n    messages:"))
    world.plan()
    goes_live(world, REMINDER)
    world.plan()
    assert [row for row in outcome(world) if row[2] == "planned"] == [
        ("An", "sms", "planned", None),
        ("Bình", "sms", "planned", None),
    ]


def goes_live(world: World, campaign: str) -> None:
    slug = world.load(campaign)
    world.plan()
    assert [row for row in outcome(world) if row[0] == "Bình" and row[2] == "planned"] == []
    actions.submit(world.engine, slug, who="staff@demo.vn")
    world.later(minutes=1)
    world.approve(slug)


def test_leaving_trial_mode_is_an_edit_that_is_approved_and_then_writes_to_everybody(world: World) -> None:
    two_people(world)
    put_on_list(world, AN)
    world.launch(CAMPAIGN)
    world.plan()
    goes_live(world, normal())
    world.plan()
    assert [row[2:] for row in outcome(world)] == [
        ("planned", None), ("suppressed", "trial"), ("planned", None), ("planned", None),
    ]  # fmt: skip
    world.later(minutes=1)
    world.plan()
    assert len(world.runs()) == 2


def test_a_version_in_trial_has_a_hash_of_its_own_and_old_hashes_stay(world: World) -> None:
    world.load(CAMPAIGN)
    world.load(normal())
    with world.engine.connect() as connection:
        rows = connection.execute(text("SELECT n, hash, definition FROM campaign_versions ORDER BY n")).all()
    assert len({row.hash for row in rows}) == 2
    assert [row.definition.get("trial") for row in rows] == [True, None]


def test_a_trial_campaign_stays_open_until_its_last_day(world: World) -> None:
    put_on_list(world, AN)
    slug = world.launch(CAMPAIGN)
    world.plan()
    assert actions.finish_ended(world.engine, world.clock) == []
    world.later(days=500)
    assert actions.finish_ended(world.engine, world.clock) == [slug]


LOUD = CAMPAIGN.replace("channels: [sms, email]", "channels: [loudspeaker, sms]").replace(
    'email: {subject: "Kính chào", body: "Kính chào"}', 'loudspeaker: "Xin mời bà con"'
)


@pytest.mark.parametrize("who", ["campaign", "account"])
def test_no_officer_gets_a_script_in_trial_mode(world: World, who: str) -> None:
    two_people(world)
    if who == "account":
        in_trial(world, "loudspeaker")
    world.launch(LOUD if who == "campaign" else normal(LOUD))
    world.plan()
    assert [(row.state, row.reason) for row in world.rows("d.recipient_kind = 'station'")] == [("suppressed", "trial")]
    assert {row[1:] for row in outcome(world)} == {("loudspeaker", "suppressed", "trial")}
    world.later(hours=30)
    assert hand_on(world) == 0
    with world.engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM broadcasts")).scalar_one() == 0
    assert world.counts_agree()


def test_a_script_planned_before_its_account_went_into_trial_is_not_published(world: World) -> None:
    two_people(world)
    world.launch(normal(LOUD))
    world.plan()
    in_trial(world, "loudspeaker")
    [station] = world.rows("d.recipient_kind = 'station'")
    with world.engine.begin() as connection:
        child = claims.enrol_child(connection, host="h", boot="b", pid=1, started=0.0)
        claimed, refused = claims.claim(
            connection, account="loudspeaker", lane=station.lane, run_ids=[station.run_id], limit=50, child=child,
            lease_s=60.0, now=world.clock.now(), trial=True,
        )  # fmt: skip
    assert (claimed, refused) == ([], 1)
    assert [(row.state, row.reason) for row in world.rows("d.recipient_kind = 'station'")] == [("suppressed", "trial")]


def test_an_address_stored_under_an_older_key_is_found_on_the_list(world: World) -> None:
    two_people(world)
    put_on_list(world, AN, keys=KeyRing({1: "a secret of this test run, long enough to be one", 2: "x" * 40}))
    world.launch(CAMPAIGN)
    world.plan()
    assert outcome(world)[0] == ("An", "sms", "planned", None)


def test_the_same_address_is_listed_once(world: World) -> None:
    put_on_list(world, AN)
    with world.engine.begin() as connection:
        ring = world.keys
        again = trial.add(
            connection, ring.fingerprints(AN), channel=trial.ANY, value=ring.seal(AN), label="mới", who="t",
            at=world.clock.now(),
        )  # fmt: skip
        assert (again, [one.label for one in trial.listed(connection)]) == (False, ["mới"])


def test_a_retry_by_a_person_stays_within_the_list(world: World) -> None:
    two_people(world)
    put_on_list(world, AN)
    slug = world.launch(CAMPAIGN)
    world.plan()
    claim(world, "An", Channel.SMS)
    becomes(world, "An", Channel.SMS, DeliveryState.FAILED)
    take_off_list(world, AN)
    assert actions.retry(world.engine, slug, DeliveryState.FAILED, world.clock, who="t") == 1
    assert claim(world, "An", Channel.SMS)[0] == []
    assert outcome(world)[0] == ("An", "sms", "suppressed", "trial")


def test_the_reason_is_explained_in_both_languages() -> None:
    words = REASONS[next(reason for reason in REASONS if reason == "trial")]
    assert "Chế độ thử" in words.text("vi")
    assert "Trial mode" in words.text("en")
