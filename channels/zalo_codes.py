"""What Zalo's error codes mean for a delivery. Plain data: correct it here.

Source: Zalo's tables of error codes for its OA and template (ZNS, ZBS) interfaces; those marked [M] are written from
memory. Zalo answers HTTP 200 with such a code when it has not taken the message. The texts are ours: Zalo's own may
repeat the recipient.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, time, timedelta, timezone
from enum import Enum, auto
from typing import Final

from channels.contract import ErrorKind as Kind

HANOI: Final = timezone(timedelta(hours=7))
"""Zalo's days and nights; the country has one time zone and no summer time."""


class Until(Enum):
    """When something may be tried again."""

    UNSAID = auto()
    NEXT_MINUTE = auto()
    MORNING = auto()
    """06:05: Zalo's night ends at 06:00."""
    NEXT_DAY = auto()
    """00:05: quotas are counted by the day."""


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a code stands for; `shuts`: nobody else is served on this channel either until then."""

    kind: Kind
    reason: str
    until: Until = Until.UNSAID
    shuts: bool = False

    def retry_after(self, now: datetime) -> float | None:
        """Seconds from `now` (aware) until it may be tried again; None where Zalo does not say."""
        local = now.astimezone(HANOI)
        match self.until:
            case Until.UNSAID:
                return None
            case Until.NEXT_MINUTE:
                return float(60 - local.second)
            case Until.MORNING:
                return _seconds_to(local, time(6, 5))
            case Until.NEXT_DAY:
                return _seconds_to(local, time(0, 5))


def _seconds_to(local: datetime, clock: time) -> float:
    at = datetime.combine(local.date(), clock, local.tzinfo)
    return (at if at > local else at + timedelta(days=1)).timestamp() - local.timestamp()


RENEW: Final = frozenset({"-216", "-220", "-124"})
"""The access token is refused: nothing was processed, so with a new one the request is made once more."""

_REFUSED_TWICE = "Zalo refuses the access token, also a new one; authorise the app for this OA again"

CODES: Final[Mapping[str, Meaning]] = {
    # the token, when a new one was refused too
    "-124": Meaning(Kind.MISCONFIGURED, _REFUSED_TWICE),
    "-216": Meaning(Kind.MISCONFIGURED, _REFUSED_TWICE),
    "-220": Meaning(Kind.MISCONFIGURED, _REFUSED_TWICE),
    # the moment
    "-32": Meaning(Kind.THROTTLED, "the app makes more requests than Zalo allows", Until.NEXT_MINUTE),
    "-100": Meaning(Kind.TRANSIENT, "Zalo reports an error that it does not name"),
    "-200": Meaning(Kind.TRANSIENT, "Zalo could not send the message"),
    "-133": Meaning(Kind.POSTPONED, "this template may not be sent at night", Until.MORNING),
    "-234": Meaning(Kind.POSTPONED, "this kind of message may not be sent between 22:00 and 06:00", Until.MORNING),
    # quotas
    "-144": Meaning(Kind.POSTPONED, "the OA's template messages of the day are used up", Until.NEXT_DAY, shuts=True),
    "-211": Meaning(Kind.POSTPONED, "the OA's quota of messages is used up", Until.NEXT_DAY, shuts=True),
    "-147": Meaning(Kind.POSTPONED, "the template's messages of the day are used up", Until.NEXT_DAY),
    "-160": Meaning(Kind.POSTPONED, "Zalo's limit for this kind of template is reached", Until.NEXT_DAY),  # [M]
    "-218": Meaning(Kind.POSTPONED, "the recipient has had as many messages as Zalo allows", Until.NEXT_DAY),
    "-1441": Meaning(Kind.POSTPONED, "the OA's quota for this kind of template is used up", Until.NEXT_DAY),  # [M]
    "-1471": Meaning(Kind.POSTPONED, "Zalo's limit for this kind of template is reached", Until.NEXT_DAY),  # [M]
    "-1472": Meaning(Kind.POSTPONED, "Zalo's limit for this kind of template is reached", Until.NEXT_DAY),  # [M]
    # the recipient
    "-108": Meaning(Kind.REJECTED, "the phone number is not valid"),
    "-110": Meaning(Kind.REJECTED, "the recipient's Zalo is too old for template messages"),
    "-114": Meaning(Kind.REJECTED, "the recipient is inactive, refuses such messages or has too old a Zalo"),
    "-118": Meaning(Kind.REJECTED, "there is no Zalo account with this number"),
    "-119": Meaning(Kind.REJECTED, "the recipient's Zalo account cannot receive template messages"),
    "-139": Meaning(Kind.REJECTED, "the recipient refuses this kind of template message"),
    "-140": Meaning(Kind.REJECTED, "this OA may not send this kind of template message to the recipient"),
    "-141": Meaning(Kind.REJECTED, "the recipient refuses template messages of this OA"),
    "-213": Meaning(Kind.REJECTED, "the recipient does not follow the OA"),
    "-217": Meaning(Kind.REJECTED, "the recipient has blocked the OA"),
    "-227": Meaning(Kind.REJECTED, "the recipient's Zalo account is locked or long unused"),
    "-244": Meaning(Kind.REJECTED, "the recipient has restricted messages of the OA"),
    # the time since the recipient last wrote to the OA
    "-230": Meaning(Kind.WINDOW_CLOSED, "the recipient has not been in touch with the OA for seven days"),
    "-232": Meaning(Kind.WINDOW_CLOSED, "the recipient has not been in touch with the OA, or too long ago"),
    # the template or the text
    "-109": Meaning(Kind.REJECTED, "the template's id is not valid"),
    "-111": Meaning(Kind.REJECTED, "the template's parameters are missing"),
    "-112": Meaning(Kind.REJECTED, "the template's parameters are not valid"),
    "-1121": Meaning(Kind.REJECTED, "a parameter of the template is missing"),  # [M]
    "-1122": Meaning(Kind.REJECTED, "a parameter of the template is not of its kind"),  # [M]
    "-1124": Meaning(Kind.REJECTED, "a parameter of the template is too long or too short"),  # [M]
    "-116": Meaning(Kind.REJECTED, "the text is not valid"),
    "-121": Meaning(Kind.REJECTED, "the template has no content"),
    "-122": Meaning(Kind.REJECTED, "the request is not in Zalo's form"),
    "-131": Meaning(Kind.REJECTED, "the template is not approved"),
    "-132": Meaning(Kind.REJECTED, "a parameter is not valid"),
    "-145": Meaning(Kind.REJECTED, "this OA may not send this kind of template"),
    "-146": Meaning(Kind.REJECTED, "Zalo has disabled the template because of its quality"),
    "-201": Meaning(Kind.REJECTED, "a parameter is not valid"),
    "-210": Meaning(Kind.REJECTED, "a parameter is longer than Zalo allows"),
    "-233": Meaning(Kind.REJECTED, "this kind of message is not allowed or no longer exists"),
    "-248": Meaning(Kind.REJECTED, "the text is against Zalo's rules"),  # [M]
    "-249": Meaning(Kind.REJECTED, "the text or its attachment is not allowed"),  # [M]
    # what a person must mend
    "-101": Meaning(Kind.MISCONFIGURED, "app_id is not valid"),
    "-102": Meaning(Kind.MISCONFIGURED, "there is no app with this app_id"),
    "-103": Meaning(Kind.MISCONFIGURED, "the app is not activated; switch it on at Zalo"),
    "-104": Meaning(Kind.MISCONFIGURED, "app_secret is wrong"),
    "-105": Meaning(Kind.MISCONFIGURED, "the app is not linked to an OA"),
    "-115": Meaning(Kind.MISCONFIGURED, "the Zalo account's balance is used up; top it up"),
    "-117": Meaning(Kind.MISCONFIGURED, "the OA or the app may not use this template"),
    "-120": Meaning(Kind.MISCONFIGURED, "the OA may not use this function"),
    "-125": Meaning(Kind.MISCONFIGURED, "the OA's id is not valid"),
    "-135": Meaning(Kind.MISCONFIGURED, "the OA may not send template messages; is it verified, has it a package?"),
    "-1351": Meaning(Kind.MISCONFIGURED, "Zalo has barred the OA from template messages"),
    "-136": Meaning(Kind.MISCONFIGURED, "the app is not connected to a Zalo Cloud Account"),
    "-137": Meaning(Kind.MISCONFIGURED, "the Zalo Cloud Account could not be charged; look at its balance"),
    "-138": Meaning(Kind.MISCONFIGURED, "the app may not use this function"),
    "-209": Meaning(Kind.MISCONFIGURED, "the OA may not use this interface; is it verified?"),
    "-212": Meaning(Kind.MISCONFIGURED, "the app is not registered for this interface"),
    "-219": Meaning(Kind.MISCONFIGURED, "the app was removed or disabled"),
    "-221": Meaning(Kind.MISCONFIGURED, "the OA is not verified"),
    "-223": Meaning(Kind.MISCONFIGURED, "the OA's package does not include this"),
    "-224": Meaning(Kind.MISCONFIGURED, "the OA has no package; buy one at Zalo"),
    "-320": Meaning(Kind.MISCONFIGURED, "the app is not connected to a Zalo Cloud Account"),
    "-321": Meaning(Kind.MISCONFIGURED, "the Zalo Cloud Account has no balance or cannot be charged"),
}

_USED_UP = Meaning(Kind.POSTPONED, "the quota of this function is used up", Until.NEXT_DAY, shuts=True)
OVERLOADED: Final[Mapping[str, tuple[tuple[str, Meaning], ...]]] = {
    "-32": tuple((word, _USED_UP) for word in ("daily", "per day", "in day", "trong ngày", "/ngày", "monthly")),
    "-223": tuple((word, _USED_UP) for word in ("quota", "exceed", "limit", "hạn mức")),
}
"""Codes that mean several things: by a word of Zalo's message, in small letters [M]; else as in `CODES`."""

LOST: Final = "-14014"
"""The refresh token was used before, or its three months are over [M]."""
AUTHORISE_AGAIN: Final = (
    "Zalo refuses the refresh token (used before, or ended): authorise the app for this OA again:"
    " `outreach account authorise NAME`, or put a new refresh_token into the accounts file"
)
REFUSED_APP: Final = "Zalo refuses to renew the token; check app_id, app_secret and the OA's authorisation of the app"


def meaning(code: str, message: str = "") -> Meaning:
    """What a code other than "0" means; one not known here counts as passing."""
    folded = message.casefold()
    for word, special in OVERLOADED.get(code, ()):
        if word in folded:
            return special
    return CODES.get(code, Meaning(Kind.TRANSIENT, "Zalo reports an error that is not known here"))


def by_status(status: int) -> Meaning:
    """What an HTTP status other than 200 means.

    Zalo neither drops repetitions nor can be asked, so a 5xx that may come after the work is uncertain.
    """
    if status in (429, 503):
        return Meaning(Kind.THROTTLED, f"Zalo takes no requests now (HTTP {status})", Until.NEXT_MINUTE)
    if status == 408 or status >= 500:
        return Meaning(Kind.UNCERTAIN, f"Zalo is out of order (HTTP {status}); it may have taken the message")
    if status in (401, 403):
        return Meaning(Kind.MISCONFIGURED, f"Zalo refuses the account (HTTP {status})")
    if status < 400 or status in (404, 405):
        return Meaning(Kind.MISCONFIGURED, f"this is not Zalo's address (HTTP {status}); check base_url, business_url")
    return Meaning(Kind.REJECTED, f"Zalo refused the message (HTTP {status})")
