"""Trial mode: an account or a campaign that writes to listed test addresses only, and how that is said."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from outreach.domain.accounts import Account
from outreach.domain.definition import Definition

SAID = {
    "vi": "CHẾ ĐỘ THỬ: {what} chỉ gửi tới các địa chỉ thử đã khai (outreach account trial list);"
    " những người khác không nhận được gì",
    "en": "TRIAL MODE: {what} writes to the listed test addresses only (outreach account trial list);"
    " everybody else gets nothing",
}
_CAMPAIGN = {"vi": "chiến dịch {name}", "en": "campaign {name}"}
_ACCOUNT = {"vi": "tài khoản {name}", "en": "account {name}"}


def accounts_in_trial(definition: Definition, accounts: Mapping[str, Account]) -> tuple[str, ...]:
    """The accounts in trial mode that serve a channel of the campaign, by name."""
    channels = {channel for message in definition.messages for channel in message.channels}
    serving = (one for one in accounts.values() if one.trial and channels & set(one.channels))
    return tuple(sorted(one.name for one in serving))


def notices(language: str, *, campaign: str = "", accounts: Iterable[str] = ()) -> list[str]:
    """The lines that say who is in trial mode; `campaign` "": it is not."""
    said, of_campaign, of_account = (words.get(language, words["en"]) for words in (SAID, _CAMPAIGN, _ACCOUNT))
    whats = [of_campaign.format(name=campaign)] if campaign else []
    whats += [of_account.format(name=name) for name in accounts]
    return [said.format(what=what) for what in whats]
