"""A test is marked in the letters its text is written in, and where no mark can stand it stays as it is."""

from __future__ import annotations

from outreach.domain.composing import marked
from outreach.domain.recipient import Recipient
from outreach.domain.rendering import Rendered
from outreach.domain.sample_recipient import sample_recipient
from outreach.domain.sms_text import Encoding, measure
from outreach.domain.template_files import load_template
from outreach.domain.words import Channel
from outreach.settings import PROJECT

MARK = "[THỬ]"


def test_a_mark_does_not_make_a_plain_sms_travel_as_unicode() -> None:
    text = marked(Rendered("Kinh chao ong Hung"), Channel.SMS, MARK).body
    assert text == "[THU] Kinh chao ong Hung"
    assert measure(text).encoding is Encoding.GSM7


def test_an_accented_text_is_marked_with_accents() -> None:
    assert marked(Rendered("Kính chào ông Hùng"), Channel.SMS, MARK).body == "[THỬ] Kính chào ông Hùng"
    assert marked(Rendered("Chao"), Channel.TELEGRAM, MARK).body == "[THỬ] Chao"


def test_an_e_mail_is_marked_in_its_subject() -> None:
    mail = Rendered("Kính chào", subject="Mời", html="<p>Kính chào</p>")
    made = marked(mail, Channel.EMAIL, MARK)
    assert (made.subject, made.body, made.html) == ("[THỬ] Mời", mail.body, mail.html)


def test_a_registered_template_stays_as_it_is() -> None:
    registered = Rendered(template_id="250001", parameters={"ten": "Hùng"})
    assert marked(registered, Channel.ZALO_ZNS, MARK) == registered


def test_without_a_mark_nothing_changes() -> None:
    assert marked(Rendered("Chao"), Channel.SMS, "") == Rendered("Chao")


def test_a_recipient_survives_being_stored() -> None:
    for name in ("nhac_lich_hen", "hn_hoc_sinh_sinh_vien"):
        who = sample_recipient(load_template(PROJECT / "templates", name))
        assert Recipient.from_json(who.to_json()) == who
