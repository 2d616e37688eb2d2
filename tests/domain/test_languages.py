"""In which language somebody is written to: their own, those of a station's unit, Vietnamese where there is no text."""

from __future__ import annotations

import json
from datetime import date

import pytest

from outreach.domain.composing import compose
from outreach.domain.definition import definition_from_json
from outreach.domain.frozen import Frozen
from outreach.domain.languages import language_name
from outreach.domain.recipient import Recipient
from outreach.domain.rendering import Rendered, TemplateSource, compile_template
from outreach.domain.speech import (
    REPEAT_PAUSE_SECONDS,
    THANKS,
    Spoken,
    broadcast_seconds,
    check_broadcast,
    lay_out_broadcast,
    lay_out_scripts,
    reading_seconds,
)
from outreach.domain.template_samples import sample_warnings
from outreach.domain.words import Channel

MAIL = "{% block subject %}SUBJECT{% endblock %}{% block text %}BODY{% endblock %}"
PARTS = {
    "sms": {"vi": "Kính chào", "hmn": "Nyob zoo"},
    "telegram": {"vi": "Kính chào", "hmn": "Nyob zoo"},
    "zalo_oa": {"vi": "Kính chào", "hmn": "Nyob zoo"},
    "zalo_zns": {
        "vi": 'template_id: "1"\nparameters: {chao: Kính chào}',
        "hmn": 'template_id: "2"\nparameters: {chao: Nyob zoo}',
    },
    "email": {"vi": MAIL.replace("BODY", "Kính chào"), "hmn": MAIL.replace("BODY", "Nyob zoo")},
    "loudspeaker": {"vi": "UBND mời họp lúc 8h.", "hmn": "UBND hu sib tham thaum 8h.", "tyz": "Mời pỉ noọng."},
}
CHANNELS = [channel for channel in PARTS if channel != "loudspeaker"]


def frozen(*, samples: tuple[str, ...] = ()) -> Frozen:
    message = {
        "id": "chao", "segment": {"kind": "person"}, "template": "thu", "channels": list(PARTS),
        "schedule": {"at": "launch"},
    }  # fmt: skip
    definition = definition_from_json(
        {
            "campaign": "thu",
            "title": "Thử",
            "issuer": "UBND xã",
            "starts": "2026-01-01",
            "ends": "2026-12-31",
            "messages": [message],
        }
    )
    return Frozen(definition, {"chao": TemplateSource("thu", "", {}, PARTS, samples)}, {})


def somebody(language: str = "vi", unit_languages: tuple[str, ...] = ("vi",)) -> Recipient:
    return Recipient(
        full_name="Lan", birth_date=None, sex=None, kind=None, occupation=None, language=language, attrs={},
        unit_code="1", unit_name="Bản Lác", unit_kind="", unit_languages=unit_languages, case_external_id=None,
        case_title=None, case_due_at=None, case_state=None,
    )  # fmt: skip


def got(channel: str, who: Recipient, given: Frozen | None = None) -> Rendered:
    return compose(given or frozen(), "chao", Channel(channel), who, today=date(2026, 6, 1))


class TestAPerson:
    @pytest.mark.parametrize("channel", CHANNELS)
    @pytest.mark.parametrize(("language", "said"), [("vi", "Kính chào"), ("hmn", "Nyob zoo"), ("km", "Kính chào")])
    def test_gets_their_own_language_on_every_channel_and_vietnamese_for_the_rest(
        self, channel: str, language: str, said: str
    ) -> None:
        made = got(channel, somebody(language))
        assert said in (made.body or made.parameters["chao"])

    def test_gets_an_e_mail_whose_subject_and_html_are_in_their_language_too(self) -> None:
        parts = {
            "email": {
                "vi": MAIL.replace("SUBJECT", "Thư mời").replace("BODY", "Kính chào"),
                "hmn": MAIL.replace("SUBJECT", "Ntawv caw").replace("BODY", "Nyob zoo"),
            }
        }
        compiled = compile_template(TemplateSource("thu", "", {}, parts))
        mails = [compiled.render("email", language, {}) for language in ("hmn", "km")]
        assert [mail.subject for mail in mails] == ["Ntawv caw", "Thư mời"]
        assert ['lang="hmn"' in mail.html for mail in mails] == [True, False]

    def test_is_not_asked_what_their_unit_speaks(self) -> None:
        assert got("sms", somebody("vi", ("hmn",))).body == "Kính chào"


class TestAStation:
    @pytest.mark.parametrize(
        ("unit", "read"),
        [
            (("vi",), ["vi"]),
            ((), ["vi"]),
            (("vi", "hmn"), ["vi", "hmn"]),
            (("hmn", "vi"), ["hmn", "vi"]),
            (("hmn",), ["hmn"]),
            (("tyz", "hmn", "vi"), ["tyz", "hmn", "vi"]),
            (("km",), ["vi"]),
            (("km", "hmn"), ["vi", "hmn"]),
            (("hmn", "km", "ium"), ["hmn", "vi"]),
        ],
    )
    def test_reads_every_language_of_its_unit_in_the_units_order(self, unit: tuple[str, ...], read: list[str]) -> None:
        made = got("loudspeaker", somebody("en", unit))
        assert [script.language for script in made.scripts] == read
        assert made.body == "\n\n".join(script.text for script in made.scripts)

    def test_hears_figures_in_words_in_vietnamese_only(self) -> None:
        said = {one.language: one.text for one in got("loudspeaker", somebody(unit_languages=("vi", "hmn"))).scripts}
        assert said == {"vi": "Ủy ban nhân dân mời họp lúc tám giờ.", "hmn": "UBND hu sib tham thaum 8h."}


class TestASample:
    def test_is_never_sent_to_a_person(self) -> None:
        given = frozen(samples=("hmn",))
        assert [got(channel, somebody("hmn"), given).body or "Kính chào" for channel in CHANNELS] == ["Kính chào"] * 5
        assert got("zalo_zns", somebody("hmn"), given).template_id == "1"

    def test_is_never_read_out(self) -> None:
        made = got("loudspeaker", somebody(unit_languages=("hmn", "tyz")), frozen(samples=("hmn",)))
        assert [script.language for script in made.scripts] == ["vi", "tyz"]

    def test_is_shown_to_who_asks_for_it(self) -> None:
        compiled = compile_template(TemplateSource("thu", "", {}, PARTS, ("hmn",)))
        assert compiled.render("sms", "hmn", {}, samples=True).body == "Nyob zoo"

    def test_is_frozen_as_a_sample_and_templates_without_one_keep_their_hash(self) -> None:
        marked = TemplateSource("thu", "", {}, PARTS, ("hmn", "tyz"))
        assert TemplateSource.from_json(json.loads(json.dumps(marked.to_json()))) == marked
        assert "samples" not in TemplateSource("thu", "", {}, PARTS).to_json()

    def test_is_told_of_by_message_and_language(self) -> None:
        given = frozen(samples=("hmn", "km"))
        (warning,) = sample_warnings(given.definition, given.templates)
        assert warning.startswith('message "chao": its text in hmn (tiếng Mông) for sms, telegram')
        assert sample_warnings(frozen().definition, frozen().templates) == ()


class TestABroadcastInSeveralLanguages:
    VI = Spoken("vi", f"Kính thưa bà con.\nMai tiêm chủng.\n{THANKS}")
    HMN = Spoken("hmn", "Nyob zoo. Tagkis txhaj tshuaj.")

    def test_in_vietnamese_alone_is_laid_out_as_ever(self) -> None:
        assert lay_out_scripts([self.VI]) == lay_out_broadcast(self.VI.text)

    def test_announces_each_language_to_the_reader_and_reads_each_twice(self) -> None:
        whole = lay_out_scripts([self.HMN, self.VI])
        assert whole.startswith("[Nhạc hiệu]\n\n[Đọc bằng tiếng Mông]\n\nNyob zoo.")
        assert (whole.count("Tagkis"), whole.count("Mai tiêm"), whole.count("[Nhạc hiệu]")) == (2, 2, 1)
        assert whole.index("[Đọc bằng tiếng Mông]") < whole.index("[Đọc bằng tiếng Việt]")
        assert whole.endswith(THANKS)

    def test_takes_the_time_of_all_its_languages_and_a_pause_between(self) -> None:
        alone = [reading_seconds(one.text, language=one.language) for one in (self.VI, self.HMN)]
        assert broadcast_seconds([self.VI, self.HMN]) == pytest.approx(sum(alone) + REPEAT_PAUSE_SECONDS)
        assert broadcast_seconds([self.VI]) == alone[0]
        assert broadcast_seconds([]) == 0

    def test_counts_figures_as_words_in_vietnamese_only(self) -> None:
        assert reading_seconds("25/11/2026") > reading_seconds("25/11/2026", language="hmn") > 0

    def test_is_checked_by_the_rules_of_vietnamese_in_vietnamese_only(self) -> None:
        wrong = "Đến BCH (mục A)."
        assert len(check_broadcast([Spoken("vi", wrong), Spoken("hmn", wrong)])) == 2


@pytest.mark.parametrize(("code", "name"), [("tyz", "tiếng Tày"), ("vi", "tiếng Việt"), ("xxx", "tiếng xxx")])
def test_a_language_is_named_as_vietnamese_names_it(code: str, name: str) -> None:
    assert language_name(code) == name
