"""What citizens write is kept for people: with whom it is from, what it answers, and for whose eyes it is."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from joining_world import Citizens

from channels.contract import Inbound
from outreach.domain.errors import NotFound
from outreach.domain.scope import EVERYTHING, Scope
from outreach.domain.states import DeliveryState
from outreach.receipts import inbox
from outreach.receipts.inbox import Line
from outreach.store import deliveries, inbound
from outreach.store.deliveries import Change
from outreach.store.inbound import State
from tests.world import World

CAMPAIGN = """
    campaign: {slug}
    title: Thử
    issuer: UBND xã
    starts: 2026-01-01
    ends: 2027-12-31
    messages:
      - {{id: chao, segment: {{kind: person}}, text: {{sms: "Kinh chao"}}, channels: [sms], schedule: {{at: launch}}}}
"""
HUNG, HOA, QUAN = "+84912000001", "+84912000001", "+84912000003"
RURAL, URBAN = Scope("01/00454/", "officer"), Scope("01/00004/", "officer")


def read(world: World, scope: Scope = EVERYTHING, state: State | None = None) -> list[Line]:
    return list(inbox.lines(world.engine, world.keys, scope=scope, state=state))


def send(world: World, slug: str) -> None:
    """A campaign to everybody, taken by the provider just now."""
    world.launch(CAMPAIGN.format(slug=slug))
    world.plan()
    places = [(row.run_id, row.id) for row in world.rows("d.state = 'planned'")]
    for state in (DeliveryState.SENDING, DeliveryState.ACCEPTED):
        with world.engine.begin() as connection:
            deliveries.advance(connection, [Change(*place, state) for place in places], now=world.clock.now())


def test_a_question_is_kept_with_whom_it_is_from(citizens: Citizens, world: World) -> None:
    citizens.write(QUAN, "Xin hỏi mấy giờ mở cửa?", to="sms-main")
    (line,) = read(world)
    assert (line.text, line.of.names, line.of.unit_code) == ("Xin hỏi mấy giờ mở cửa?", ("Lê Minh Quân",), "00454")
    assert (line.of.channel, line.of.state, line.answers) == ("sms", State.NEW, None)
    assert "912000003" not in line.sender


def test_who_shares_a_phone_is_named_together(citizens: Citizens, world: World) -> None:
    citizens.write(HUNG, "Cho tôi hỏi", to="sms-main")
    assert set(read(world)[0].of.names) == {"Nguyễn Văn Hùng", "Trần Thị Hoa"}


def test_a_stranger_s_text_is_kept_too(citizens: Citizens, world: World) -> None:
    citizens.write("zalo-stranger", "Chào UBND")
    (line,) = read(world)
    assert (line.of.names, line.of.channel, line.of.account) == ((), "zalo_oa", "oa")


def test_it_answers_the_latest_message_its_address_got(citizens: Citizens, world: World) -> None:
    send(world, "cu")
    world.later(hours=30)
    send(world, "moi")
    world.later(hours=1)
    citizens.write(QUAN, "Tôi chưa nhận được giấy", to="sms-main")
    citizens.write(QUAN, "Tôi viết hôm qua", ago=7200, to="sms-main")
    late, early = read(world)
    assert (early.of.campaign, early.of.message) == ("moi", "chao")
    assert late.of.campaign == "cu"


def test_it_answers_nothing_that_is_older_than_a_week_or_was_another_address_s(
    citizens: Citizens, world: World
) -> None:
    send(world, "cu")
    world.later(days=8)
    citizens.write(QUAN, "Trả lời muộn", to="sms-main")
    citizens.write("+84912999999", "Người lạ", to="sms-main")
    citizens.write(QUAN, "Tới tài khoản khác", to="bot")
    assert [line.answers for line in read(world)] == [None, None, None]


def test_a_guardian_s_answer_is_about_the_child_s_message(citizens: Citizens, world: World) -> None:
    world.person("Trần Văn Ba", phone="+84912000007")
    world.person("Trần Bé", born=date(2018, 1, 1), guardian="Trần Văn Ba")
    send(world, "be")
    citizens.write("+84912000007", "Cháu đã tiêm rồi ạ", to="sms-main")
    assert read(world)[0].of.campaign == "be"


@pytest.mark.parametrize("text", ["TC", "huỷ nhé", "START", "", "   "])
def test_refusals_words_for_coming_back_and_nothing_are_not_among_them(
    citizens: Citizens, world: World, text: str
) -> None:
    citizens.write(QUAN, text, to="sms-main")
    assert read(world) == []


def test_a_token_alone_is_no_text_but_words_beside_it_are(citizens: Citizens, world: World) -> None:
    token = citizens.token("Lê Minh Quân")
    citizens.write("zalo-1", token)
    citizens.write("zalo-2", f"{token} cho tôi hỏi giờ làm việc")
    (line,) = read(world)
    assert "giờ làm việc" in line.text


def test_a_repetition_is_kept_once(citizens: Citizens, world: World) -> None:
    event = Inbound("k1", world.clock.now(), sender=QUAN, text="Xin hỏi")
    assert [citizens.tell(event, to="sms-main") for _ in range(3)] == [1, 0, 0]
    assert len(read(world)) == 1


def test_an_officer_reads_what_the_own_commune_wrote_and_no_strangers(citizens: Citizens, world: World) -> None:
    citizens.write(QUAN, "Xã hỏi", to="sms-main")
    citizens.write("+84912000005", "Phường hỏi", to="sms-main")
    citizens.write("+84912999999", "Người lạ", to="sms-main")
    assert [line.text for line in read(world)] == ["Người lạ", "Phường hỏi", "Xã hỏi"]
    assert [line.text for line in read(world, RURAL)] == ["Xã hỏi"]
    (theirs,) = read(world, URBAN)
    assert inbox.show(world.engine, world.keys, theirs.of.id, scope=URBAN).text == "Phường hỏi"
    with pytest.raises(NotFound):
        inbox.show(world.engine, world.keys, theirs.of.id, scope=RURAL)
    with pytest.raises(NotFound):
        inbox.settle(world.engine, world.keys, theirs.of.id, State.CLOSED, who="x", now=world.clock.now(), scope=RURAL)


def test_what_was_dealt_with_is_noted_and_can_be_taken_back(citizens: Citizens, world: World) -> None:
    citizens.write(QUAN, "Xin hỏi", to="sms-main")
    (line,) = read(world, state=State.NEW)

    def become(state: State) -> inbox.Line:
        return inbox.settle(
            world.engine, world.keys, line.of.id, state, who="can-bo", now=world.clock.now(), scope=EVERYTHING
        )

    assert (become(State.ANSWERED).of.settled_by, read(world, state=State.NEW)) == ("can-bo", [])
    again = become(State.NEW).of
    assert (again.state, again.settled_by, again.settled_at) == (State.NEW, "", None)


def test_what_is_stored_shows_neither_sender_nor_text(citizens: Citizens, world: World) -> None:
    citizens.write(QUAN, "Xin hỏi giờ mở cửa", to="sms-main")
    (row,) = citizens.select("SELECT * FROM inbound")
    stored = b" ".join(bytes(value) for value in row if isinstance(value, bytes | memoryview))
    assert b"912000003" not in stored
    assert "giờ".encode() not in stored


def test_a_very_long_text_is_cut_and_control_signs_do_not_reach_a_terminal(citizens: Citizens, world: World) -> None:
    citizens.write(QUAN, "\x1b[2Jhỏi\u202e\x00 " + "a" * 10_000, to="sms-main")
    (line,) = read(world)
    assert len(line.text) == 4000
    assert not {"\x1b", "\u202e", "\x00"} & set(line.text)


def test_pages_are_turned_without_losing_any(citizens: Citizens, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inbox, "PAGE", 2)
    for n in range(5):
        citizens.write(QUAN, f"câu {n}", to="sms-main")
    assert [line.text for line in read(world)] == [f"câu {n}" for n in (4, 3, 2, 1, 0)]
    three = inbox.lines(world.engine, world.keys, scope=EVERYTHING, limit=3)
    assert len(list(three)) == 3


def test_texts_are_forgotten_in_the_end_the_unanswered_much_later(citizens: Citizens, world: World) -> None:
    citizens.write(QUAN, "đã trả lời", to="sms-main")
    citizens.write(QUAN, "chưa ai trả lời", to="sms-main")
    first = read(world)[1].of.id
    now = world.clock.now()
    inbox.settle(world.engine, world.keys, first, State.ANSWERED, who="x", now=now, scope=EVERYTHING)
    days = timedelta(days=1)
    for passed, left in ((89, 2), (91, 1), (366, 0)):
        with world.engine.begin() as connection:
            later = now + passed * days
            inbound.purge(connection, settled_before=later - 90 * days, before=later - 365 * days)
        assert len(read(world)) == left
