"""What a template may speak of: small read-only views of a contact, a unit, a case, a campaign and links."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import date, datetime
from functools import lru_cache
from typing import Any, Final

from outreach.domain.salutation import Sex, age_on, given_name


@dataclass(frozen=True, slots=True)
class ContactView:
    """The recipient. `age` in whole years on the day of rendering; `attr`: the `attr.<name>` columns of the list."""

    full_name: str
    given_name: str = ""
    birth_date: date | None = None
    age: int | None = None
    sex: str | None = None
    kind: str = "person"
    occupation: str | None = None
    language: str = "vi"
    attr: Mapping[str, Any] = field(default_factory=dict)


def contact_view(
    full_name: str,
    today: date,
    *,
    birth_date: date | None = None,
    sex: str | None = None,
    kind: str | None = None,
    occupation: str | None = None,
    language: str | None = None,
    attr: Mapping[str, Any] | None = None,
) -> ContactView:
    """A contact as stored, seen on `today` (the campaign's local day)."""
    age = None if birth_date is None else age_on(birth_date, today)
    return ContactView(
        full_name,
        given_name(full_name),
        birth_date,
        age,
        sex,
        kind or "person",
        occupation,
        language or "vi",
        attr or {},
    )


@dataclass(frozen=True, slots=True)
class UnitView:
    """The recipient's or the station's unit. `name` as it is stored; `full_name` as in a sentence: `xã Đông Anh`."""

    name: str
    kind: str = ""
    code: str = ""
    full_name: str = ""


_KIND_WORDS: Final = {
    "tinh": "tỉnh",
    "thanh_pho": "thành phố",
    "phuong": "phường",
    "xa": "xã",
    "dac_khu": "đặc khu",
    "thi_tran": "thị trấn",
    "quan": "quận",
    "huyen": "huyện",
    "thon": "thôn",
}


@lru_cache(maxsize=4096)  # more than there are communes
def unit_view(name: str, kind: str = "", code: str = "") -> UnitView:
    """A unit as stored; in `full_name` the word for its kind comes first and in small letters."""
    word = _KIND_WORDS.get(kind, "")
    bare = name[len(word) :].lstrip() if word and name.casefold().startswith(word + " ") else name
    return UnitView(name, kind, code, f"{word} {bare}".strip())


@dataclass(frozen=True, slots=True)
class CaseView:
    """A file at the one-stop shop. `due_at` in the campaign's own zone: filters show it as it is."""

    external_id: str
    title: str = ""
    due_at: datetime | None = None
    state: str = ""


@dataclass(frozen=True, slots=True)
class CampaignView:
    """The campaign; `ends` is its last day."""

    title: str
    issuer: str = ""
    starts: date | None = None
    ends: date | None = None
    slug: str = ""


@dataclass(frozen=True, slots=True)
class LinksView:
    """Pages of the recipient's own; "" where there is none."""

    unsubscribe: str = ""
    survey: str = ""
    join: str = ""


VIEWS: Final[Mapping[str, type]] = {
    "contact": ContactView,
    "unit": UnitView,
    "case": CaseView,
    "campaign": CampaignView,
    "links": LinksView,
}
KNOWN_FIELDS: Final[Mapping[str, tuple[str, ...]]] = {
    name: tuple(f.name for f in fields(view)) for name, view in VIEWS.items()
}
"""The attributes a template may use, by name; beside them stands `issuer`, a text of its own."""
ISSUER: Final = "issuer"
TO_EVERYONE: Final = frozenset({"unit", "campaign", ISSUER})
"""What a loudspeaker may speak of: nothing of it belongs to one person."""
DATE_FIELDS: Final = frozenset({"contact.birth_date", "case.due_at", "campaign.starts", "campaign.ends"})


def message_context(
    *,
    campaign: CampaignView,
    unit: UnitView | None = None,
    contact: ContactView | None = None,
    case: CaseView | None = None,
    links: LinksView | None = None,
) -> dict[str, object]:
    """The names a template finds. A contact or case that is not given is not there, and using it is an error."""
    given = {"contact": contact, "case": case}
    always = {
        "campaign": campaign,
        ISSUER: campaign.issuer,
        "unit": unit or UnitView(""),
        "links": links or LinksView(),
    }
    return always | {name: view for name, view in given.items() if view is not None}


SAMPLE_TODAY: Final = date(2026, 11, 21)
SAMPLE_CONTACT: Final = ContactView(
    "Nguyễn Văn Hùng", "Hùng", date(1958, 5, 19), 68, Sex.MALE, "person", "nông dân", "vi", {}
)
SAMPLE_UNIT: Final = unit_view("Xã Đông Anh", "xa", "00454")
SAMPLE_CASE: Final = CaseView(
    "H26.18-251120-0042",
    "Cấp giấy phép xây dựng nhà ở riêng lẻ",
    datetime.fromisoformat("2026-11-25T08:30+07:00"),
    "open",
)
SAMPLE_CAMPAIGN: Final = CampaignView(
    "Đẩy mạnh dịch vụ công trực tuyến",
    "Ủy ban nhân dân thành phố Hà Nội",
    date(2026, 11, 1),
    date(2026, 12, 31),
    "dich-vu-cong",
)
SAMPLE_LINKS: Final = LinksView(
    "https://example.gov.vn/u/abc", "https://example.gov.vn/s/abc", "https://example.gov.vn/j/BFxgYEA1NL15EcDYKYo7iKGd2"
)

LINKS_OF_LENGTH: Final = LinksView(
    unsubscribe="https://tin.dichvucong.gov.vn/u/" + "x" * 59, join="https://tin.dichvucong.gov.vn/j/" + "x" * 25
)
"""As long as the links each recipient gets, for counting parts before there are any."""


def sample_context(attr: Mapping[str, Any] | None = None) -> dict[str, object]:
    """A context of invented people and places, for previews and checks."""
    person = SAMPLE_CONTACT
    if attr:
        person = contact_view(person.full_name, SAMPLE_TODAY, birth_date=person.birth_date, sex=person.sex, attr=attr)
    return message_context(
        campaign=SAMPLE_CAMPAIGN, unit=SAMPLE_UNIT, contact=person, case=SAMPLE_CASE, links=SAMPLE_LINKS
    )
