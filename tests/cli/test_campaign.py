"""A campaign from file to cancellation, by command; and what is refused on the way."""

from __future__ import annotations

from pathlib import Path

import pytest

from outreach.settings import PROJECT
from tests.cli.commands import CAMPAIGN, PEOPLE, Commands

SHIPPED = PROJECT / "campaigns" / "thong-bao-dich-vu-cong.yaml"


@pytest.fixture
def file(outreach: Commands, units: None, tmp_path: Path) -> Path:
    """A campaign file, with two people to write to."""
    people = tmp_path / "people.csv"
    people.write_text(PEOPLE, encoding="utf-8")
    outreach("audience", "import", people)
    outreach.settings.accounts_file.parent.mkdir(parents=True, exist_ok=True)
    outreach.settings.accounts_file.write_text(
        '[accounts.sms-main]\nchannel = "sms"\nprovider = "twilio"\n'
        f'account_sid = "AC{"0" * 32}"\n'
        'auth_token = "t"\nfrom = "+15005550006"\nbase_url = "http://127.0.0.1:9"\nprice = 350\n'
    )
    campaign = tmp_path / "thu.yaml"
    campaign.write_text(CAMPAIGN, encoding="utf-8")
    return campaign


def approved(outreach: Commands, file: Path) -> str:
    outreach("campaign", "load", file, "--as", "staff@x.vn")
    outreach("campaign", "submit", "thu", "--as", "staff@x.vn")
    assert outreach("campaign", "approve", "thu", "--as", "leader@x.vn").status == 0
    return "thu"


def test_the_shipped_campaign_is_without_a_mistake(bare: Commands) -> None:
    assert bare("campaign", "check", SHIPPED, "--json").json() == {"ok": True, "errors": [], "warnings": []}


def test_every_mistake_is_said_with_file_and_line(bare: Commands, outreach: Commands, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text(CAMPAIGN.replace("issuer", "isuer").replace("[sms]", "[sms, smoke]"), encoding="utf-8")
    said = bare("campaign", "check", wrong, SHIPPED)
    lines = said.out.splitlines()
    assert said.status == 1
    assert len(lines) >= 3
    assert all(line.startswith(f"{wrong}:") for line in lines)
    assert any(line.startswith(f"{wrong}:3: ") and '"issuer"' in line for line in lines)

    told = bare("campaign", "check", wrong, "--json")
    errors = told.json()["errors"]
    assert (told.status, told.json()["ok"], len(errors)) == (1, False, len(lines))
    assert {"file", "line", "what"} == set(errors[0])

    refused = outreach("campaign", "load", wrong)
    assert (refused.status, refused.out, refused.err.splitlines()) == (1, "", lines)


def test_a_file_that_is_not_there_is_a_mistake(bare: Commands, tmp_path: Path) -> None:
    said = bare("campaign", "check", tmp_path / "nothing.yaml")
    assert (said.status, len(said.out.splitlines())) == (1, 1)


def test_a_campaign_goes_its_way_by_two_people(outreach: Commands, file: Path) -> None:
    assert outreach("campaign", "load", file, "--as", "staff@x.vn", "--json").json() == {
        "campaign": "thu",
        "version": 1,
        "new": True,
    }
    assert outreach("campaign", "load", file, "--json").json()["new"] is False
    figures = outreach("campaign", "forecast", "thu", "--json").json()
    (message,) = figures["messages"]
    assert (message["audience"], message["by_channel"], figures["recipients"]) == (2, {"sms": 2}, 2)
    assert (figures["parts"], figures["cost"], figures["left_out"]) == (2, 700, {})

    for words, state in (
        (["submit", "thu", "--as", "staff@x.vn"], "submitted"),
        (["approve", "thu", "--as", "leader@x.vn"], "approved"),
        (["launch", "thu", "--as", "staff@x.vn"], "running"),
        (["pause", "thu"], "paused"),
        (["resume", "thu"], "running"),
        (["cancel", "thu"], "cancelled"),
    ):
        said = outreach("campaign", *words, "--json")
        assert said.status == 0, said.err
        assert {"campaign": "thu", "state": state}.items() <= said.json().items()
    (listed,) = outreach("campaign", "list", "--json").json()["campaigns"]
    assert (listed["campaign"], listed["state"]) == ("thu", "cancelled")


def test_who_wrote_it_cannot_approve_it(outreach: Commands, file: Path) -> None:
    outreach("campaign", "load", file, "--as", "staff@x.vn")
    outreach("campaign", "submit", "thu", "--as", "staff@x.vn")
    said = outreach("campaign", "approve", "thu", "--as", "staff@x.vn", "--json")
    assert (said.status, said.out) == (1, "")
    assert "second person" in said.err


def test_without_a_name_the_system_user_acts(outreach: Commands, file: Path) -> None:
    outreach("campaign", "load", file)
    outreach("campaign", "submit", "thu")
    assert "second person" in outreach("campaign", "approve", "thu").err


def test_the_approver_is_shown_what_would_be_sent(outreach: Commands, file: Path) -> None:
    outreach("campaign", "load", file, "--as", "staff@x.vn")
    outreach("campaign", "submit", "thu", "--as", "staff@x.vn")
    said = outreach("campaign", "approve", "thu", "--as", "leader@x.vn")
    assert (said.status, said.out) == (0, "")
    assert "thu, version 1: 700 VND, 2 SMS parts" in said.err
    assert "UBND xa kinh moi ong/ba den nhan ket qua." in said.err
    assert "gui, sms (vi), for " in said.err
    assert "thu is approved by leader@x.vn" in said.err


def test_the_texts_are_in_the_json_of_forecast_and_approval(outreach: Commands, file: Path) -> None:
    outreach("campaign", "load", file, "--as", "staff@x.vn")
    outreach("campaign", "submit", "thu", "--as", "staff@x.vn")
    text = "UBND xa kinh moi ong/ba den nhan ket qua."
    sample = {"channel": "sms", "language": "vi", "text": text, "real": True, "parts": 1, "encoding": "GSM-7"}
    (message,) = outreach("campaign", "forecast", "thu", "--json").json()["messages"]
    assert message["samples"] == [sample]
    approved = outreach("campaign", "approve", "thu", "--as", "leader@x.vn", "--json").json()
    assert (approved["approved_by"], approved["messages"][0]["samples"]) == ("leader@x.vn", [sample])


def test_a_rejection_says_why(outreach: Commands, file: Path) -> None:
    outreach("campaign", "load", file)
    outreach("campaign", "submit", "thu")
    assert outreach("campaign", "reject", "thu").status == 2
    assert outreach("campaign", "reject", "thu", "--reason", " ").status == 1
    assert outreach("campaign", "reject", "thu", "--reason", "Sai tên", "--json").json()["state"] == "draft"


def test_a_draft_cannot_be_launched(outreach: Commands, file: Path) -> None:
    outreach("campaign", "load", file)
    said = outreach("campaign", "launch", "thu", "--starting", "2030-01-01", "--json")
    assert (said.status, said.out) == (1, "")
    assert "cannot launch a campaign that is draft: it must be approved" in said.err


def test_the_moved_calendar_is_shown_before_a_launch(outreach: Commands, file: Path) -> None:
    file.write_text(CAMPAIGN.replace("{at: launch}", "{at: [2025-03-03T08:30]}"), encoding="utf-8")
    approved(outreach, file)
    assert "launch it with --starting DATE" in outreach("campaign", "launch", "thu").err
    assert outreach("campaign", "launch", "thu", "--starting", "tomorrow").status == 2
    said = outreach("campaign", "launch", "thu", "--starting", "2031-01-01", "--yes")
    assert said.status == 0
    assert said.err.index("2031-03-03 08:30") < said.err.index("thu is running")


def test_who_approves_a_newer_version_of_a_running_campaign_need_not_launch_it(outreach: Commands, file: Path) -> None:
    slug = approved(outreach, file)
    outreach("campaign", "launch", slug)
    file.write_text(CAMPAIGN.replace("UBND xã", "UBND phường"), encoding="utf-8")
    outreach("campaign", "load", file, "--as", "staff@x.vn")
    outreach("campaign", "submit", slug, "--as", "staff@x.vn")
    said = outreach("campaign", "approve", slug, "--as", "leader@x.vn")
    assert "version 2 of thu is approved by leader@x.vn; the campaign stays running" in said.err
    assert "campaign launch" not in said.err


def test_with_approval_off_one_person_suffices_and_is_told_so(outreach: Commands, file: Path) -> None:
    alone = outreach.changed(approval="off")
    alone("campaign", "load", file)
    said = alone("campaign", "launch", "thu", "--json")
    assert said.json()["state"] == "running"
    assert "APPROVAL IS OFF" in said.err
    assert "APPROVAL IS OFF" in alone("campaign", "list").err


def test_a_campaign_nobody_loaded_is_said_in_a_line(outreach: Commands) -> None:
    for words in (
        ["forecast", "x"], ["submit", "x"], ["approve", "x"], ["launch", "x"], ["pause", "x"], ["cancel", "x"],
        ["status", "x"], ["release", "x", "1"], ["reject", "x", "--reason", "y"],
    ):  # fmt: skip
        said = outreach("campaign", *words)
        assert (said.status, said.out, len(said.err.splitlines())) == (1, "", 1), words


def test_the_schema_is_json_for_editors(bare: Commands) -> None:
    assert bare("campaign", "schema").json()["$id"] == "urn:outreach:campaign"


def test_a_running_campaign_has_a_status(outreach: Commands, file: Path) -> None:
    slug = approved(outreach, file)
    outreach("campaign", "launch", slug)
    standing = outreach("campaign", "status", slug, "--json").json()
    assert (standing["campaign"], standing["state"], standing["deliveries"]["total"]) == ("thu", "running", 0)
    assert "Chiến dịch thử (thu): running" in outreach("campaign", "status", slug).err
    assert outreach("campaign", "status", slug, "--watch", "--json").status == 2
