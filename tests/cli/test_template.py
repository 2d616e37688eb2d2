"""Templates by command: listed, checked with every mistake, shown as the citizen would get them."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from tests.cli.commands import CAMPAIGN, PEOPLE, Commands

MAIL = (
    "{% block subject %}Thư gửi {{ contact | salute }}{% endblock %}\n"
    "{% block body %}<p>Kính gửi {{ contact | salute(full=true) }} &amp; gia đình.</p>{% endblock %}"
)
FILES = {
    "meta.yaml": (
        "title: Mời họp\nvariables:\n  contact.full_name: Trần Thị Lan\n  issuer: UBND xã\n"
        "  unit.full_name: xã Đông Anh\nsamples: [tyz]\n"
    ),
    "sms.vi.j2": (
        "{{ issuer }} kính mời {{ contact | salute }} đến họp tại {{ unit.full_name }} lúc 8 giờ sáng mai, xin mời."
    ),
    "sms.en.j2": "{{ issuer }} invites {{ contact | salute }}.",
    "sms.tyz.j2": "{# BẢN MẪU #}{{ issuer }} xo mời {{ contact | salute }}.",
    "email.vi.j2": MAIL,
    "loudspeaker.vi.j2": "Kính thưa bà con {{ unit.full_name }}.\nUBND mời họp lúc 8h.",
    "zalo_zns.vi.yaml": 'template_id: "7"\nparameters:\n  ten: "{{ contact.full_name }}"\n',
}
ACCOUNTS = (
    '[accounts.sms-main]\nchannel = "sms"\nprovider = "twilio"\n'
    f'account_sid = "AC{"0" * 32}"\n'
    'auth_token = "t"\nfrom = "+15005550006"\nbase_url = "http://127.0.0.1:9"\nprice = 350\n'
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    template = tmp_path / "templates" / "moi_hop"
    template.mkdir(parents=True)
    for name, text in FILES.items():
        (template / name).write_text(text, encoding="utf-8")
    return tmp_path / "templates"


@pytest.fixture
def alone(bare: Commands, folder: Path) -> Commands:
    """Commands that find no server."""
    return bare.changed(templates_dir=folder)


@pytest.fixture
def peopled(outreach: Commands, units: None, folder: Path, tmp_path: Path) -> Commands:
    people = tmp_path / "people.csv"
    people.write_text(PEOPLE, encoding="utf-8")
    outreach("audience", "import", people)
    outreach.settings.accounts_file.parent.mkdir(parents=True, exist_ok=True)
    outreach.settings.accounts_file.write_text(ACCOUNTS)
    return outreach.changed(templates_dir=folder)


class TestList:
    def test_says_channels_languages_and_samples(self, alone: Commands) -> None:
        (listed,) = alone("template", "list", "--json").json()["templates"]
        assert (listed["name"], listed["title"], listed["samples"]) == ("moi_hop", "Mời họp", ["tyz"])
        assert listed["channels"]["sms"] == ["vi", "en", "tyz"]
        assert "sms (vi, en, tyz)" in alone("template", "list").err

    def test_documents_the_variables_with_example_and_place(self, alone: Commands) -> None:
        told = alone("template", "list", "--variables").err
        assert "unit.full_name" in told and "xã Đông Anh" in told and "moi_hop/loudspeaker.vi.j2:1" in told


class TestCheck:
    def test_a_good_folder_ends_with_0_and_its_warnings(self, alone: Commands, folder: Path) -> None:
        said = alone("template", "check")
        assert (said.status, said.err) == (0, "0 mistakes, 1 warning\n")
        assert said.out.startswith(f"{folder}/moi_hop/sms.tyz.j2: a sample in tiếng Tày, never sent")
        assert said.out.endswith("(warning)\n")

    def test_every_mistake_is_told_with_file_and_line_and_ends_with_1(self, alone: Commands, folder: Path) -> None:
        (folder / "moi_hop" / "sms.vi.j2").write_text("a\n{{ contact.fulname }}\n{{ case.title }}", encoding="utf-8")
        said = alone("template", "check", "moi_hop")
        assert said.status == 1
        assert f"{folder}/moi_hop/sms.vi.j2:2: unknown variable" in said.out
        assert f'{folder}/moi_hop/sms.vi.j2:3: "case.title" is used and stands not in meta.yaml' in said.out
        told = alone("template", "check", "moi_hop", "--json")
        assert (told.status, told.json()["ok"]) == (1, False)
        assert {"file", "line", "what"} == set(told.json()["errors"][0]) == set(told.json()["warnings"][0])

    def test_a_folder_that_cannot_be_read_is_a_mistake_among_others(self, alone: Commands, folder: Path) -> None:
        (folder / "moi_hop" / "meta.yaml").write_text("title: a\ntilte: b\n", encoding="utf-8")
        told = alone("template", "check", "--json")
        (error,) = told.json()["errors"]
        assert (told.status, error["file"], error["line"]) == (1, str(folder / "moi_hop" / "meta.yaml"), 2)

    def test_an_unknown_name_is_told_the_nearest(self, alone: Commands) -> None:
        said = alone("template", "check", "moi_hopp")
        assert said.status == 1
        assert 'did you mean "moi_hop"?' in said.out

    def test_the_shipped_templates_have_no_mistake(self, bare: Commands) -> None:
        assert bare("template", "check", "--json").json()["errors"] == []


class TestPreviewOfTheSample:
    def test_an_sms_is_shown_as_it_leaves_with_both_forms(self, alone: Commands) -> None:
        said = alone("template", "preview", "moi_hop", "--channel", "sms")
        assert said.out == "UBND xa kinh moi ong Lan den hop tai xa Dong Anh luc 8 gio sang mai, xin moi.\n"
        assert "accented: 2 parts (UCS-2)" in said.err
        assert "unaccented: 1 part (GSM-7)  <- is sent" in said.err
        forms = alone("template", "preview", "moi_hop", "--channel", "sms", "--json").json()["forms"]
        assert forms["accented"]["text"].startswith("UBND xã kính mời")
        assert "cost" not in forms["accented"], "no account, no price"

    def test_an_e_mail_has_its_subject_its_text_and_on_demand_its_html(self, alone: Commands, tmp_path: Path) -> None:
        page = tmp_path / "thu.html"
        said = alone("template", "preview", "moi_hop", "--channel", "email", "--html", page)
        assert said.out == "Thư gửi ông Lan\n\nKính gửi ông Trần Thị Lan & gia đình.\n"
        assert "Kính gửi ông Trần Thị Lan &amp; gia đình." in page.read_text(encoding="utf-8")
        assert stat.S_IMODE(page.stat().st_mode) == 0o600
        refused = alone("template", "preview", "moi_hop", "--channel", "sms", "--html", page)
        assert (refused.status, "--html is for --channel email" in refused.err) == (1, True)

    def test_a_script_is_laid_out_with_its_reading_time(self, alone: Commands) -> None:
        said = alone("template", "preview", "moi_hop", "--channel", "loudspeaker")
        assert said.out.startswith("[Nhạc hiệu]\n\nKính thưa bà con xã Đông Anh.\nỦy ban nhân dân mời họp lúc tám giờ.")
        assert " s to read it twice" in said.err

    def test_a_registered_template_is_its_number_and_parameters(self, alone: Commands) -> None:
        said = alone("template", "preview", "moi_hop", "--channel", "zalo_zns")
        assert said.out == "template 7\nten: Trần Thị Lan\n"

    def test_a_language_is_chosen_a_sample_only_by_asking(self, alone: Commands) -> None:
        english = alone("template", "preview", "moi_hop", "--channel", "sms", "--language", "en")
        assert english.out == "UBND xã invites ông Lan.\n", "one part with marks: nothing is saved without them"
        assert " xo mời " in alone("template", "preview", "moi_hop", "--channel", "sms", "--language", "tyz").out
        refused = alone("template", "preview", "moi_hop", "--channel", "sms", "--language", "km")
        assert (refused.status, "it has vi, en, tyz" in refused.err) == (1, True)

    def test_a_channel_without_a_text_is_told_what_there_is(self, alone: Commands) -> None:
        refused = alone("template", "preview", "moi_hop", "--channel", "telegram")
        assert (refused.status, refused.out) == (1, "")
        assert "it has email, loudspeaker, sms, zalo_zns" in refused.err


class TestPreviewOfAPerson:
    def preview(self, peopled: Commands, *words: object) -> dict[str, object]:
        said = peopled("template", "preview", "moi_hop", "--channel", "sms", *words, "--json")
        assert said.status == 0, said.err
        found: dict[str, object] = said.json()
        return found

    def test_it_is_their_name_and_unit_and_the_price_of_the_account(self, peopled: Commands) -> None:
        made = self.preview(peopled, "--contact", "main/1")
        forms = made["forms"]
        assert isinstance(forms, dict)
        assert "ông An đến họp tại phường Ba Đình" in forms["accented"]["text"]
        assert (forms["accented"]["cost"], forms["unaccented"]["cost"]) == (700, 350)

    def test_a_number_finds_the_same_person(self, peopled: Commands) -> None:
        found = [self.preview(peopled, "--contact", str(number))["text"] for number in (1, 2)]
        assert found[0] != found[1]

    def test_a_stored_campaign_speaks_in_its_own_name(self, peopled: Commands, tmp_path: Path) -> None:
        file = tmp_path / "thu.yaml"
        file.write_text(CAMPAIGN.replace("UBND xã", "Sở Y tế"), encoding="utf-8")
        assert peopled("campaign", "load", file).status == 0
        for contact in ("sample", "main/1"):
            made = self.preview(peopled, "--contact", contact, "--campaign", "thu")
            assert str(made["text"]).startswith("So Y te kinh moi")
        assert peopled("template", "preview", "moi_hop", "--channel", "sms", "--campaign", "nao").status == 1

    @pytest.mark.parametrize("name", ["99999", "main/99", "khac/1"])
    def test_somebody_who_is_not_there_is_told_in_a_line(self, peopled: Commands, name: str) -> None:
        said = peopled("template", "preview", "moi_hop", "--channel", "sms", "--contact", name)
        assert (said.status, said.out) == (1, "")
        assert "there is no such person" in said.err

    def test_what_is_neither_is_told_what_to_write(self, peopled: Commands) -> None:
        said = peopled("template", "preview", "moi_hop", "--channel", "sms", "--contact", "An")
        assert (said.status, "SOURCE/EXTERNAL_ID" in said.err) == (1, True)

    def test_nothing_of_it_is_logged(self, peopled: Commands, caplog: pytest.LogCaptureFixture) -> None:
        self.preview(peopled, "--contact", "main/1")
        assert "Nguyễn Văn An" not in caplog.text
        assert not list(peopled.settings.data_dir.rglob("*.log"))


def test_a_sample_of_a_campaign_is_warned_of_when_it_is_checked(alone: Commands, tmp_path: Path) -> None:
    file = tmp_path / "thu.yaml"
    file.write_text(CAMPAIGN.replace('text: {sms: "UBND xa kinh moi ong/ba den nhan ket qua."}', "template: moi_hop"))
    said = alone("campaign", "check", file)
    assert said.status == 0, said.out
    assert 'message "gui": its text in tyz (tiếng Tày) for sms is a sample and is not sent' in said.err
    assert len(alone("campaign", "check", file, "--json").json()["warnings"]) == 1


def test_files_of_an_e_mail_are_shown_and_looked_at(outreach: Commands, tmp_path: Path) -> None:
    folder = tmp_path / "mau" / "thu"
    (folder / "attachments").mkdir(parents=True)
    (folder / "meta.yaml").write_text("title: Thử\n", encoding="utf-8")
    (folder / "email.vi.j2").write_text(
        "{% block subject %}Mẫu đơn{% endblock %}{% block text %}Chào{% endblock %}", encoding="utf-8"
    )
    (folder / "attachments" / "Tờ khai.pdf").write_bytes(b"%PDF-1.7")
    here = outreach.changed(templates_dir=tmp_path / "mau")
    shown = here("template", "preview", "thu", "--channel", "email")
    assert "attached: Tờ khai.pdf, 8 bytes" in shown.err
    told = here("template", "preview", "thu", "--channel", "email", "--json").json()
    assert [one["name"] for one in told["attachments"]] == ["Tờ khai.pdf"]
    assert here("template", "list", "--json").json()["templates"][0]["attachments"] == told["attachments"]
    assert here("template", "check").status == 0
    (folder / "attachments" / "chay.exe").write_bytes(b"MZ")
    wrong = here("template", "check")
    assert wrong.status == 1
    assert "chay.exe" in wrong.out
