"""Citizens come to Zalo and Telegram by themselves: each to the right contact, nobody by a guess, and they may go."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import pytest
from joining_world import BOT, OA, Citizens
from sqlalchemy import text

from channels.contract import Inbound, Joined, WebhookRequest
from channels.telegram_bot import TelegramBot
from outreach.domain.privacy import KeyRing
from outreach.domain.words import Channel, Lane
from outreach.receipts.joining import GUESSES, HOUSEHOLD
from outreach.receipts.receiver import Receiver
from outreach.store import arrivals, claims
from tests.world import World

HUNG, HOA, QUAN, NGOC, LAN = "Nguyễn Văn Hùng", "Trần Thị Hoa", "Lê Minh Quân", "Nguyễn Bảo Ngọc", "Phạm Thị Lan"
CAMPAIGN = """
    campaign: thu
    title: Thử
    issuer: UBND xã
    starts: 2026-01-01
    ends: 2027-12-31
    messages:
      - {id: chao, segment: {kind: person}, text: {zalo_oa: "Kính chào"}, channels: [zalo_oa], schedule: {at: launch}}
"""


class TestAToken:
    def test_brings_the_address_to_its_contact_in_the_account_they_came_to(self, citizens: Citizens) -> None:
        citizens.come("901", citizens.token(HUNG), to="bot")
        assert citizens.addresses() == [(HUNG, "telegram", "bot", "901")]

    def test_may_be_sent_as_a_text_in_whatever_words(self, citizens: Citizens) -> None:
        citizens.write("z1", f"Dạ em gửi mã: https://tin.example.vn/j/{citizens.token(QUAN)}.")
        assert citizens.addresses() == [(QUAN, "zalo_oa", "oa", "z1")]

    def test_posted_in_a_group_joins_nobody(self, citizens: Citizens) -> None:
        citizens.write("-100123", citizens.token(QUAN), to="bot")
        assert (citizens.addresses(), citizens.waiting()) == ([], [])

    def test_is_harmless_when_the_same_person_brings_it_again(self, citizens: Citizens) -> None:
        token = citizens.token(HUNG)
        for ago in (30, 20, 10):
            citizens.come("z1", token, ago=ago)
        assert citizens.of(HUNG) == ["z1"]
        assert citizens.waiting() == []

    def test_gives_nothing_to_a_second_person(self, citizens: Citizens) -> None:
        token = citizens.token(HUNG)
        citizens.come("z1", token)
        citizens.come("z2", token)
        citizens.come("z1", token, to="bot")
        assert citizens.addresses() == [(HUNG, "zalo_oa", "oa", "z1")]
        assert citizens.waiting() == ["used", "used"]

    def test_of_another_day_is_another_one(self, citizens: Citizens) -> None:
        citizens.come("z1", citizens.token(HUNG, days_ago=1))
        citizens.come("901", citizens.token(HUNG), to="bot")
        assert citizens.of(HUNG) == ["z1", "901"]

    @pytest.mark.parametrize(("days", "linked"), [(90, True), (91, False)])
    def test_ends_after_ninety_days(self, citizens: Citizens, days: int, linked: bool) -> None:
        citizens.come("z1", citizens.token(HUNG, days_ago=days))
        assert (citizens.of(HUNG) == ["z1"]) is linked
        assert citizens.waiting() == ([] if linked else ["expired"])

    def test_with_a_letter_changed_is_none(self, citizens: Citizens) -> None:
        token = citizens.token(HUNG)
        citizens.come("z1", token[:-1] + ("x" if token[-1] != "x" else "y"))
        assert (citizens.addresses(), citizens.waiting()) == ([], ["not_ours"])

    def test_of_an_older_key_still_holds_and_the_address_is_stored_under_the_newest(
        self, citizens: Citizens, world: World
    ) -> None:
        token = citizens.token(HUNG)
        rotated = KeyRing({1: "a secret of this test run, long enough to be one", 2: "another secret, " + "x" * 32})
        citizens.receiver = replace(citizens.receiver, keys=rotated)
        citizens.come("z1", token)
        assert [row.key_version for row in citizens.select("SELECT * FROM addresses WHERE account = 'oa'")] == [2]

    def test_handed_to_a_guardian_brings_the_guardian(self, citizens: Citizens) -> None:
        """What is for a child goes to the guardian's address, and so does the invitation in it."""
        citizens.come("z1", citizens.token(NGOC))
        assert (citizens.of(HOA), citizens.of(NGOC)) == (["z1"], [])

    def test_of_somebody_erased_brings_nobody(self, citizens: Citizens, world: World) -> None:
        token = citizens.token(HUNG)
        with world.engine.begin() as connection:
            connection.execute(text("UPDATE contacts SET erased_at = now()"))
        citizens.come("z1", token)
        assert (citizens.addresses(), citizens.waiting()) == ([], ["nobody"])

    def test_at_an_account_of_another_commune_brings_nobody_and_is_not_used_up(self, citizens: Citizens) -> None:
        accounts = {**citizens.receiver.accounts, "oa": replace(OA, unit="00454")}
        citizens.receiver = replace(citizens.receiver, accounts=accounts)
        token = citizens.token(LAN)
        citizens.come("z1", token)
        assert (citizens.addresses(), citizens.waiting()) == ([], ["other_unit"])
        citizens.come("901", token, to="bot")
        assert citizens.of(LAN) == ["901"]

    def test_is_not_looked_at_after_too_many_wrong_ones_until_a_day_has_passed(self, citizens: Citizens) -> None:
        wrong = "1" * 25
        for _ in range(GUESSES):
            citizens.write("z1", wrong)
        token = citizens.token(HUNG)
        citizens.come("z1", token)
        assert (citizens.addresses(), citizens.waiting()) == ([], ["guessing"])
        citizens.world.later(hours=25)
        citizens.come("z1", token)
        assert citizens.of(HUNG) == ["z1"]

    def test_that_two_bring_at_once_is_used_by_one(self, citizens: Citizens, world: World) -> None:
        """The second waits for the first, and then finds it used."""
        token = citizens.token(HUNG)
        at = world.clock.now()
        with world.engine.begin() as first:
            citizens.receiver._take(first, OA, [Joined("k1", at, sender="z1", token=token)])
            with world.engine.begin() as second:
                second.execute(text("SET LOCAL lock_timeout = '200ms'"))
                with pytest.raises(Exception, match="lock timeout"):
                    citizens.receiver._take(second, OA, [Joined("k2", at, sender="z2", token=token)])
                second.rollback()
        citizens.come("z2", token)
        assert citizens.of(HUNG) == ["z1"]


class TestAPhoneNumber:
    def test_shared_by_nobody_else_brings_its_contact_if_the_name_fits(self, citizens: Citizens) -> None:
        citizens.come("z1", phone="84912000003", name="quan")
        assert citizens.of(QUAN) == ["z1"]

    def test_typed_into_a_form_under_another_name_brings_nobody(self, citizens: Citizens) -> None:
        for name in ("Lê Thị Mai", "Lê", ""):
            citizens.come(f"z{name}", phone="0912000003", name=name)
        assert (citizens.addresses(), set(citizens.waiting())) == ([], {"other_name"})

    def test_that_telegram_vouches_for_needs_no_name(self, citizens: Citizens) -> None:
        citizens.come("901", phone="+84912000003", name="Mèo Con", to="bot")
        assert citizens.of(QUAN) == ["901"]

    @pytest.mark.parametrize("account", ["oa", "bot"])
    def test_of_a_household_brings_the_one_whose_name_it_is(self, citizens: Citizens, account: str) -> None:
        citizens.come("1", phone="0912000001", name="tran thi hoa", to=account)
        assert [whose for whose, *_ in citizens.addresses()] == [HOA]

    @pytest.mark.parametrize("account", ["oa", "bot"])
    def test_of_a_household_without_a_name_brings_nobody(self, citizens: Citizens, account: str) -> None:
        citizens.come("1", phone="0912000001", to=account)
        assert (citizens.addresses(), citizens.waiting()) == ([], ["other_name"])

    def test_of_two_with_the_same_name_brings_nobody(self, citizens: Citizens, world: World) -> None:
        with world.engine.begin() as connection:
            connection.execute(text("UPDATE contacts SET full_name = 'Trần Thị Hoa' WHERE full_name LIKE '%Hùng'"))
        citizens.come("z1", phone="0912000001", name="Trần Thị Hoa")
        assert (citizens.addresses(), citizens.waiting()) == ([], ["several"])

    @pytest.mark.parametrize("phone", ["0912999999", "12", "tôi không nhớ"])
    def test_that_nobody_has_brings_nobody(self, citizens: Citizens, phone: str) -> None:
        citizens.come("z1", phone=phone, name="Lê Minh Quân")
        assert (citizens.addresses(), citizens.waiting()) == ([], ["no_such_phone"])


class TestWhoIsNotKnown:
    def test_waits_sealed_for_staff(self, citizens: Citizens, world: World) -> None:
        citizens.come("z1")
        citizens.come("z2", phone="0912999999", name="Vũ Văn Mới")
        assert citizens.waiting() == ["nothing", "no_such_phone"]
        [stored] = citizens.select("SELECT * FROM arrivals WHERE why = 'no_such_phone'")
        assert world.keys.open(stored.name, stored.key_version) == "Vũ Văn Mới"
        assert not any("Mới" in str(value) or "912999999" in str(value) for value in stored)

    def test_is_linked_once_they_share_their_number(self, citizens: Citizens) -> None:
        citizens.come("z1")
        citizens.come("z1", phone="0912000003", name="Quân")
        assert (citizens.of(QUAN), citizens.waiting()) == (["z1"], [])

    def test_whose_address_stood_in_an_imported_list_is_known(self, citizens: Citizens, world: World) -> None:
        citizens.come("z1", citizens.token(QUAN))
        with world.engine.begin() as connection:
            connection.execute(text("DELETE FROM arrivals"))
        citizens.come("z1")
        assert (citizens.of(QUAN), citizens.waiting()) == (["z1"], [])


class TestOneAddressForSeveral:
    def test_a_couple_may_share_it_and_nothing_is_taken_from_the_first(self, citizens: Citizens) -> None:
        citizens.come("z1", citizens.token(HUNG))
        citizens.come("z1", citizens.token(HOA))
        assert [(whose, address) for whose, _, _, address in citizens.addresses()] == [(HUNG, "z1"), (HOA, "z1")]

    def test_who_collects_invitations_stops_at_a_household(self, citizens: Citizens, world: World) -> None:
        names = [f"Người Thứ {n}" for n in range(HOUSEHOLD + 1)]
        for name in names:
            world.person(name)
            citizens.come("z1", citizens.token(name))
        assert len(citizens.addresses()) == HOUSEHOLD
        assert citizens.waiting() == ["crowded"]

    def test_a_run_writes_to_it_once(self, citizens: Citizens, world: World) -> None:
        citizens.come("z1", citizens.token(HUNG))
        citizens.come("z1", citizens.token(HOA))
        world.launch(CAMPAIGN)
        world.plan()
        assert [(row.name, row.state, row.reason) for row in world.rows("d.address_id IS NOT NULL")
                if row.name in (HUNG, HOA)] == [
            (HUNG, "planned", None),
            (HOA, "suppressed", "shared_address"),
        ]  # fmt: skip


class TestGoing:
    def test_takes_the_address_from_everybody_on_that_account_alone(self, citizens: Citizens) -> None:
        for name in (HUNG, HOA):
            citizens.come("1", citizens.token(name, days_ago=1))
        citizens.come("1", citizens.token(QUAN), to="bot")
        citizens.leave("1")
        assert citizens.addresses() == [(QUAN, "telegram", "bot", "1")]

    def test_keeps_planned_messages_from_leaving(self, citizens: Citizens, world: World) -> None:
        citizens.come("z1", citizens.token(HUNG))
        world.launch(CAMPAIGN)
        world.plan()
        citizens.leave("z1")
        assert claimed(world) == 0
        assert [(row.state, row.reason) for row in world.rows() if row.name == HUNG] == [("suppressed", "no_address")]

    def test_and_coming_back_links_the_same_people(self, citizens: Citizens) -> None:
        citizens.come("z1", citizens.token(HUNG), ago=50)
        citizens.leave("z1", ago=40)
        citizens.come("z1", ago=30)
        assert (citizens.of(HUNG), citizens.waiting()) == (["z1"], [])

    def test_counts_though_the_coming_is_told_later(self, citizens: Citizens) -> None:
        citizens.leave("z1", ago=10)
        citizens.come("z1", citizens.token(HUNG), ago=20)
        assert (citizens.addresses(), citizens.waiting()) == ([], [])

    def test_that_is_told_after_coming_back_changes_nothing(self, citizens: Citizens) -> None:
        citizens.come("z1", citizens.token(HUNG), ago=50)
        citizens.come("z1", ago=10)
        citizens.leave("z1", ago=30)
        assert citizens.of(HUNG) == ["z1"]

    def test_keeps_nothing_of_what_they_had_told(self, citizens: Citizens) -> None:
        citizens.come("z1", phone="0912999999", name="Vũ Văn Mới")
        citizens.leave("z1")
        [row] = citizens.select("SELECT value, name, phone, why FROM arrivals")
        assert tuple(row) == (None, None, None, None)

    def test_withdraws_what_was_agreed_to(self, citizens: Citizens) -> None:
        citizens.come("z1", citizens.token(HUNG), ago=50)
        citizens.leave("z1", ago=40)
        [consent] = citizens.select("SELECT given_at, withdrawn_at FROM consents")
        assert consent.withdrawn_at - consent.given_at == timedelta(seconds=10)


class TestMoving:
    def test_sends_what_is_planned_to_the_new_address(self, citizens: Citizens, world: World) -> None:
        citizens.come("z1", citizens.token(HUNG))
        world.launch(CAMPAIGN)
        world.plan()
        citizens.move("z1", "z2")
        assert citizens.of(HUNG) == ["z2"]
        assert claimed(world) == 1
        assert [row.state for row in world.rows() if row.name == HUNG] == ["sending"]

    def test_does_not_shake_off_a_refusal(self, citizens: Citizens, world: World) -> None:
        citizens.come("z1", citizens.token(HUNG), ago=50)
        citizens.refuse("z1", ago=40)
        citizens.move("z1", "z2", ago=30)
        with world.engine.connect() as connection:
            barred = connection.execute(text("SELECT fingerprint FROM suppressions")).scalars().all()
        assert world.keys.fingerprint("z2") in [bytes(one) for one in barred]
        citizens.write("z2", "START", ago=45)
        assert ("zalo_oa", "*", "opted_out") in citizens.barred()

    def test_to_an_address_they_have_already_leaves_them_one(self, citizens: Citizens) -> None:
        citizens.come("z1", citizens.token(HUNG, days_ago=1))
        citizens.come("z2", citizens.token(HUNG))
        citizens.move("z1", "z2")
        assert citizens.of(HUNG) == ["z2"]


class TestARefusal:
    def test_holds_when_they_only_follow_again(self, citizens: Citizens) -> None:
        citizens.come("z1", citizens.token(HUNG), ago=50)
        citizens.write("z1", "TC", ago=40)
        citizens.leave("z1", ago=30)
        citizens.come("z1", ago=20)
        assert citizens.barred() == [("zalo_oa", "*", "opted_out")]

    @pytest.mark.parametrize("words", ["START", "Bắt đầu", "đăng ký", "DK."])
    def test_ends_with_a_word_of_theirs_but_for_advertising(self, citizens: Citizens, words: str) -> None:
        citizens.come("z1", citizens.token(HUNG), ago=50)
        citizens.write("z1", "Dừng", ago=40)
        citizens.write("z1", words, ago=30)
        assert citizens.barred() == [("zalo_oa", "advertising", "opted_out")]

    def test_ends_with_a_start_of_the_bot(self, citizens: Citizens) -> None:
        citizens.come("901", citizens.token(HUNG), ago=50, to="bot")
        citizens.refuse("901", ago=40, to="bot")
        citizens.come("901", ago=30, to="bot")
        assert citizens.barred() == [("telegram", "advertising", "opted_out")]

    def test_holds_against_a_start_that_came_before_it(self, citizens: Citizens) -> None:
        citizens.refuse("901", ago=50, to="bot")
        citizens.refuse("901", ago=10, to="bot")
        citizens.come("901", citizens.token(HUNG), ago=30, to="bot")
        assert citizens.barred() == [("telegram", "*", "opted_out")]

    def test_told_after_a_later_start_bars_nobody(self, citizens: Citizens) -> None:
        citizens.come("901", citizens.token(HUNG), ago=10, to="bot")
        citizens.refuse("901", ago=40, to="bot")
        assert citizens.barred() == []

    def test_by_sms_ends_with_start_by_sms(self, citizens: Citizens) -> None:
        citizens.write("+84912000003", "STOP", ago=20, to="sms-main")
        assert citizens.barred() == [("sms", "*", "opted_out")]
        citizens.write("+84912000003", "START", ago=10, to="sms-main")
        assert citizens.barred() == [("sms", "advertising", "opted_out")]

    def test_of_one_bot_holds_when_another_one_is_started(self, citizens: Citizens) -> None:
        """A chat id is the same for every bot; bars are kept by address, so the refused bot loses it."""
        second = replace(BOT, name="second")
        citizens.receiver = replace(citizens.receiver, accounts={**citizens.receiver.accounts, "second": second})
        citizens.come("901", citizens.token(HUNG, days_ago=1), ago=50, to="bot")
        citizens.refuse("901", ago=40, to="bot")
        citizens.come("901", citizens.token(HUNG), ago=30, to="second")
        assert citizens.addresses() == [(HUNG, "telegram", "second", "901")]

    def test_in_the_chat_of_an_oa_holds_for_its_messages_by_phone_number(self, citizens: Citizens) -> None:
        both = replace(OA, channels=(*OA.channels, Channel.ZALO_ZNS))
        citizens.receiver = replace(citizens.receiver, accounts={**citizens.receiver.accounts, "oa": both})
        citizens.come("z1", citizens.token(QUAN), ago=50)
        citizens.write("z1", "TC", ago=40)
        assert citizens.barred() == [("zalo_oa", "*", "opted_out"), ("zalo_zns", "*", "opted_out")]
        citizens.write("z1", "START", ago=30)
        assert {about for _, about, _ in citizens.barred()} == {"advertising"}

    def test_that_is_no_word_of_theirs_stays(self, citizens: Citizens, world: World) -> None:
        citizens.come("901", citizens.token(HUNG), ago=50, to="bot")
        citizens.refuse("901", ago=40, to="bot")
        with world.engine.begin() as connection:
            connection.execute(text("UPDATE suppressions SET reason = 'hard_bounce'"))
        citizens.come("901", ago=30, to="bot")
        assert citizens.barred() == [("telegram", "*", "hard_bounce")]


class TestTheRecord:
    def test_of_consent_says_how_where_and_by_what(self, citizens: Citizens) -> None:
        event = citizens.come("z1", citizens.token(HUNG))
        [row] = citizens.select("SELECT * FROM consents")
        assert (row.purpose, row.legal_basis, row.channel, row.method, row.evidence, row.text_version) == (
            "service_notice", "consent", "zalo_oa", "token", f"oa {event.event_key}", "join-1",
        )  # fmt: skip
        assert row.given_at == event.at

    def test_is_made_once_for_an_event_told_twice(self, citizens: Citizens) -> None:
        event = citizens.come("z1", citizens.token(HUNG))
        assert citizens.tell(event) == 0
        assert len(citizens.select("SELECT * FROM consents")) == 1

    def test_of_an_event_of_the_future_is_of_now(self, citizens: Citizens, world: World) -> None:
        citizens.come("z1", citizens.token(HUNG), ago=-86400)
        assert citizens.select("SELECT given_at FROM consents")[0].given_at == world.clock.now()
        citizens.world.later(minutes=1)
        citizens.leave("z1")
        assert citizens.addresses() == []


class TestABadEvent:
    @pytest.fixture
    def broken(self, citizens: Citizens, world: World) -> Citizens:
        """A table is away, as while somebody mends the database."""
        with world.engine.begin() as connection:
            connection.execute(text("ALTER TABLE joins RENAME TO joins_away"))
        return citizens

    def test_keeps_none_of_the_others_waiting(self, citizens: Citizens, world: World) -> None:
        at = world.clock.now()
        bad = Joined("bad", at, sender="z1\ud800", name="no text in any encoding")
        good = Joined("good", at, sender="z2", token=citizens.token(HUNG))
        assert citizens.tell(bad, good) == 2
        assert citizens.of(HUNG) == ["z2"]
        unapplied = citizens.select("SELECT event_key FROM raw_events WHERE applied_at IS NULL")
        assert [row.event_key for row in unapplied] == ["bad"]

    def test_is_kept_and_takes_effect_once_it_can(self, broken: Citizens, world: World) -> None:
        broken.come("z1", broken.token(HUNG))
        assert (broken.addresses(), broken.receiver.replay()) == ([], 0)
        with world.engine.begin() as connection:
            connection.execute(text("ALTER TABLE joins_away RENAME TO joins"))
        world.later(minutes=2)
        assert broken.receiver.replay() == 1
        assert broken.of(HUNG) == ["z1"]
        assert broken.receiver.replay() == 0

    def test_is_given_up_after_a_week(self, broken: Citizens, world: World) -> None:
        broken.come("z1", broken.token(HUNG))
        world.later(days=30)
        assert broken.receiver.replay() == 0
        assert broken.select("SELECT 1 FROM raw_events WHERE retry_at IS NOT NULL OR applied_at IS NULL") == []

    def test_says_nothing_personal_in_the_log(self, broken: Citizens, caplog: pytest.LogCaptureFixture) -> None:
        broken.tell(Inbound("k", broken.world.clock.now(), sender="z-secret", text=f"Tôi là An {broken.token(HUNG)}"))
        assert "an event failed: account=oa kind=Inbound error=ProgrammingError" in caplog.text
        assert "secret" not in caplog.text
        assert "Tôi" not in caplog.text


def test_a_crash_before_the_commit_leaves_nothing_and_the_repetition_does_all(citizens: Citizens, world: World) -> None:
    event = Joined("k", world.clock.now(), sender="z1", token=citizens.token(HUNG))
    connection = world.engine.connect()
    transaction = connection.begin()
    citizens.receiver._take(connection, OA, [event])
    transaction.rollback()
    connection.close()
    assert citizens.select("SELECT 1 FROM raw_events") == []
    assert citizens.tell(event) == 1
    assert citizens.of(HUNG) == ["z1"]


def test_those_who_left_and_those_who_wait_are_forgotten_and_those_who_stay_are_not(
    citizens: Citizens, world: World
) -> None:
    citizens.come("z1", citizens.token(HUNG))
    citizens.come("z2")
    citizens.come("z3", citizens.token(QUAN), ago=10)
    citizens.leave("z3")
    with world.engine.begin() as connection:
        assert arrivals.purge(connection, world.clock.now() - timedelta(days=1)) == 0
        assert arrivals.purge(connection, world.clock.now() + timedelta(days=1)) == 2
    assert len(citizens.select("SELECT 1 FROM arrivals")) == 1


def claimed(world: World) -> int:
    """How many deliveries a worker child would send now by the OA."""
    with world.engine.begin() as connection:
        child = claims.enrol_child(connection, host="h", boot="b", pid=1, started=1.0)
        runs = [run.id for run in claims.open_runs(connection, account="oa", lane=Lane.BULK, now=world.clock.now())]
        taken, _ = claims.claim(
            connection, account="oa", lane=Lane.BULK, run_ids=runs, limit=50, child=child, lease_s=60,
            now=world.clock.now(), trial=False,
        )  # fmt: skip
        return len(taken)


def test_a_receiver_of_telegram_takes_a_start_as_it_comes_over_the_wire(citizens: Citizens, world: World) -> None:
    bot = TelegramBot(
        TelegramBot.Config.model_validate({"token": "1:abc", "webhook_secret": "a-secret-of-ours"}), timeout=5
    )
    receiver = Receiver(world.engine, {"bot": bot}, {"bot": BOT}, world.keys, world.clock)
    message = {
        "date": int(world.clock.now().timestamp()), "chat": {"id": 901, "type": "private"}, "from": {"id": 901},
        "text": f"/start {citizens.token(HUNG)}",
    }  # fmt: skip
    body = json.dumps({"update_id": 7, "message": message}).encode()
    request = WebhookRequest("POST", "https://x/webhooks/bot", {"x-telegram-bot-api-secret-token": "a-secret-of-ours"},
                             [], body, world.clock.now())  # fmt: skip
    assert receiver.receive("bot", request) == 1
    assert receiver.receive("bot", request) == 0
    assert citizens.addresses() == [(HUNG, "telegram", "bot", "901")]
