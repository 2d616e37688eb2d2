"""What a forecast shows of the texts: each as it would leave, made for somebody of the audience."""

from __future__ import annotations

from outreach.domain.words import Channel
from outreach.planning.forecast import Foreseen, forecast
from outreach.planning.samples import Sample
from outreach.store.versions import read_version
from tests.world import World

CAMPAIGN = """
    campaign: thu
    title: Thử
    issuer: UBND xã
    starts: 2026-01-01
    ends: 2026-12-31
    messages:
      - id: chao
        segment: {kind: person}
        text:
          sms: "Kính chào {{ contact | salute }}, mời ông/bà đến bộ phận một cửa nhận kết quả giải quyết hồ sơ."
          email: {subject: "Mời {{ contact.full_name }}", body: "Kính mời. Từ chối: {{ links.unsubscribe }}"}
          loudspeaker: "Kính mời bà con đến nhận kết quả."
        channels: [sms, email, loudspeaker]
        mode: all
        schedule: {at: 2026-11-23T23:30}
"""
SMS_ONLY = """
        channels: [sms]
        schedule: {at: 2026-11-23T23:30}
"""


def foreseen(world: World, campaign: str = CAMPAIGN) -> Foreseen:
    slug = world.load(campaign)
    with world.engine.connect() as connection:
        frozen = read_version(connection, slug, 1, 0)
    return forecast(world.engine, frozen, world.accounts, world.clock.now()).messages[0]


def samples(world: World, campaign: str = CAMPAIGN) -> dict[Channel, Sample]:
    return {sample.channel: sample for sample in foreseen(world, campaign).samples}


def test_each_channel_has_a_text_for_somebody_who_would_get_it(world: World) -> None:
    world.person("Nguyễn Văn An", phone="+84912000001")
    world.person("Lê Bình", email="binh@example.vn")
    found = samples(world)
    assert {channel: one.who for channel, one in found.items()} == {
        Channel.SMS: "Nguyễn Văn An",
        Channel.EMAIL: "Lê Bình",
        Channel.LOUDSPEAKER: "Đông Anh",
    }
    assert (found[Channel.EMAIL].subject, found[Channel.EMAIL].parts) == ("Mời Lê Bình", None)
    assert found[Channel.EMAIL].text == "Kính mời. Từ chối: https://.../u/..."
    assert found[Channel.LOUDSPEAKER].text == "Kính mời bà con đến nhận kết quả."
    assert (found[Channel.LOUDSPEAKER].reading_seconds or 0) > 5


def test_an_sms_stands_in_the_form_its_account_sends(world: World) -> None:
    world.person("Nguyễn Văn An", phone="+84912000001")
    sms = samples(world)[Channel.SMS]
    assert sms.text.startswith("Kinh chao")
    assert (sms.parts, sms.encoding, sms.accented_parts) == (1, "GSM-7", 2)
    assert sms.to_json() == {
        "channel": "sms", "language": "vi", "text": sms.text, "real": True, "parts": 1, "encoding": "GSM-7",
        "accented_parts": 2,
    }  # fmt: skip


def test_where_nobody_is_planned_an_invented_person_stands_in(world: World) -> None:
    world.person("Dũng")
    sms = samples(world)[Channel.SMS]
    assert (sms.who, sms.to_json()["real"]) == ("", False)
    assert sms.text.startswith("Kinh chao")


def test_an_approver_reads_no_link_that_nobody_would_get(world: World) -> None:
    survey = 'sms: "{% if links.survey %}Trả lời: {{ links.survey }}{% else %}Mời đến một cửa{% endif %}"}'
    [sample] = samples(world, CAMPAIGN.split("          sms:")[0].rstrip() + " {" + survey + SMS_ONLY).values()
    assert "Mời đến một cửa" in sample.text or "Moi den mot cua" in sample.text


def test_a_text_that_cannot_be_made_is_said_without_a_name(world: World) -> None:
    world.person("Nguyễn Văn An", phone="+84912000001")
    sms = samples(world, CAMPAIGN.replace("mời ông/bà", "{{ contact.attr.thieu }}"))[Channel.SMS]
    assert (sms.text, sms.parts) == ("", None)
    assert "sms.vi" in sms.problem
    assert "An" not in sms.problem


def test_samples_do_not_stand_in_what_a_log_would_show(world: World) -> None:
    world.person("Nguyễn Văn An", phone="+84912000001")
    assert "Nguyễn" not in repr(foreseen(world))


def test_a_message_due_at_night_leaves_in_the_morning(world: World) -> None:
    message = foreseen(world)
    assert message.first_at is not None and message.leaves_at is not None
    assert (message.leaves_at - message.first_at).total_seconds() == 7.5 * 3600
