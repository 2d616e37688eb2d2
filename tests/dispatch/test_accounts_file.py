"""accounts.toml: read whole, every mistake with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from outreach.dispatch.accounts_file import load_accounts
from outreach.domain.errors import OutreachError
from outreach.domain.sms_text import TextForm
from outreach.domain.states import DeliveryState
from outreach.domain.words import Channel

GOOD = """
# comment
[accounts.sms-main]
channel = "sms"
provider = "twilio"
account_sid = "AC00000000000000000000000000000000"
auth_token = "${TWILIO_AUTH_TOKEN}"
from = "+15005550006"
rate = "100/s"
burst = 120
price = 350
text_form = "unaccented"
"""


def load(tmp_path: Path, text: str, **environment: str) -> object:
    file = tmp_path / "accounts.toml"
    file.write_text(text)
    return load_accounts(file, timeout=5.0, environment=environment)


def test_an_account_is_read_with_its_limits(tmp_path: Path) -> None:
    accounts = load(tmp_path, GOOD, TWILIO_AUTH_TOKEN="secret")
    account = accounts.known["sms-main"]  # type: ignore[attr-defined]
    assert (account.rate, account.burst, account.price) == (100.0, 120, 350)
    assert account.text_form is TextForm.UNACCENTED
    assert account.channels == (Channel.SMS,)


def test_an_account_is_in_trial_mode_only_where_it_says_so(tmp_path: Path) -> None:
    for text, wanted in ((GOOD, False), (GOOD + "trial = true\n", True), (GOOD + "trial = false\n", False)):
        accounts = load(tmp_path, text, TWILIO_AUTH_TOKEN="secret")
        assert accounts.known["sms-main"].trial is wanted  # type: ignore[attr-defined]


def test_without_a_file_stations_can_still_be_served(tmp_path: Path) -> None:
    accounts = load_accounts(tmp_path / "none.toml", timeout=5.0)
    assert list(accounts.known) == ["loudspeaker"]


@pytest.mark.parametrize(
    ("change", "line", "what"),
    [
        (('rate = "100/s"', 'raet = "100/s"'), 9, "unknown key 'raet'; did you mean rate?"),
        (('rate = "100/s"', 'rate = "fast"'), 9, 'write a rate like "100/s"'),
        (("burst = 120", 'trial = "yes"'), 10, "trial: "),
        (("burst = 120", 'trial = "true"'), 10, "trial: write true or false, without quotes"),
        (("price = 350", 'price = "350 d"'), 11, "price: write a whole number, without quotes and unit"),
        (('from = "+15005550006"', "from = 1500"), 8, "from: write it in quotes"),
        (("AC00000000000000000000000000000000", "123"), 6, "account_sid: is not what the provider gives"),
        (("burst = 120", "burst = 0"), 10, "greater than or equal to 1"),
        (('provider = "twilio"', 'provider = "twillio"'), 5, "did you mean twilio?"),
        (('provider = "twilio"', 'provider = "smtp"'), 5, 'does not serve channel "sms"'),
        (('channel = "sms"', 'channel = "fax"'), 4, "channel"),
        (('channel = "sms"', "channel = []"), 4, "channel"),
        (('channel = "sms"', "channel = [{}]"), 4, "channel"),
        (('account_sid = "AC00000000000000000000000000000000"', ""), 3, "account_sid is missing"),
        (("[accounts.sms-main]", "[accounts.SMS]"), 3, "small letters, digits and hyphens"),
    ],
)
def test_a_mistake_is_told_with_its_line(tmp_path: Path, change: tuple[str, str], line: int, what: str) -> None:
    with pytest.raises(OutreachError) as told:
        load(tmp_path, GOOD.replace(*change), TWILIO_AUTH_TOKEN="secret")
    assert f"accounts.toml:{line}: " in str(told.value)
    assert what in str(told.value)


def test_a_section_that_is_no_account_is_a_mistake_not_a_silence(tmp_path: Path) -> None:
    with pytest.raises(OutreachError, match=r"sms-two belongs to no account; write \[accounts.sms-two\]"):
        load(tmp_path, GOOD + '[sms-two]\nchannel = "sms"\n', TWILIO_AUTH_TOKEN="secret")


@pytest.mark.parametrize("change", [('"sms"', "“sms”"), ('"sms"', "sms"), ("[accounts.sms-main]", "[accounts.tỉnh]")])
def test_what_is_no_toml_is_told_with_how_it_is_written(tmp_path: Path, change: tuple[str, str]) -> None:
    with pytest.raises(OutreachError, match=r"at line \d, .*straight quotes; .*\[accounts.NAME\]"):
        load(tmp_path, GOOD.replace(*change), TWILIO_AUTH_TOKEN="secret")


def test_no_mistake_is_told_in_words_of_the_library(tmp_path: Path) -> None:
    with pytest.raises(OutreachError) as told:
        load(tmp_path, GOOD.replace('"100/s"', '"fast"'))
    assert len(str(told.value).splitlines()) == 2, "an unset variable is one mistake, not two"
    assert "Value error" not in str(told.value)


def test_a_missing_variable_is_named_and_no_secret_shown(tmp_path: Path) -> None:
    with pytest.raises(OutreachError, match=r"accounts.toml:7: .* the environment has no TWILIO_AUTH_TOKEN"):
        load(tmp_path, GOOD)


def test_all_mistakes_are_told_at_once_and_no_secret(tmp_path: Path) -> None:
    text = GOOD.replace("burst = 120", "burst = 0").replace('rate = "100/s"', "raet = 1")
    with pytest.raises(OutreachError) as told:
        load(tmp_path, text, TWILIO_AUTH_TOKEN="very secret")
    assert "burst" in str(told.value)
    assert "raet" in str(told.value)
    assert "very secret" not in str(told.value)


def test_broken_toml_is_told_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(OutreachError, match="line 2"):
        load(tmp_path, "\n[accounts.x\n")


ZALO = """
[accounts.zalo]
channel = ["zalo_oa", "zalo_zns"]
provider = "zalo"
app_id = "3608465249409039"
app_secret = "secret-1"
oa_id = "1998877665544332"
oa_secret = "secret-2"
refresh_token = "secret-3"
receipts = false
"""


def test_one_account_serves_several_channels_each_with_its_proof(tmp_path: Path) -> None:
    account = load(tmp_path, ZALO).known["zalo"]  # type: ignore[attr-defined]
    assert account.channels == (Channel.ZALO_OA, Channel.ZALO_ZNS)
    assert account.proof_on(Channel.ZALO_OA) is DeliveryState.ACCEPTED
    assert account.proof_on(Channel.ZALO_ZNS) is DeliveryState.DELIVERED


def test_every_channel_of_an_account_must_be_the_providers(tmp_path: Path) -> None:
    with pytest.raises(OutreachError, match=r'accounts.toml:4: .*"zalo" does not serve channel "sms"'):
        load(tmp_path, ZALO.replace('"zalo_zns"', '"sms"'))


def test_two_accounts_with_one_refresh_token_would_use_it_up_for_each_other(tmp_path: Path) -> None:
    twice = ZALO + ZALO.replace("[accounts.zalo]", "[accounts.zns]")
    with pytest.raises(OutreachError) as told:
        load(tmp_path, twice)
    assert "accounts.toml:19: [accounts.zns] refresh_token is that of [accounts.zalo]" in str(told.value)
    assert "secret" not in str(told.value)
