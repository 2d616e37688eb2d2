"""A row of an audience file into a staged person, or into everything that is wrong with it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, time
from functools import lru_cache, partial
from zoneinfo import ZoneInfo

from outreach.audience import cells
from outreach.audience.cells import CLEAR, CellError
from outreach.audience.date_order import DateOrder, reordered
from outreach.audience.headings import ATTR, IGNORED
from outreach.audience.no_person import NO_PERSON, is_no_person
from outreach.audience.records import Record
from outreach.audience.rejects import Problem, Reject, mask
from outreach.domain.email_addresses import parse_email
from outreach.domain.phones import parse_phone
from outreach.domain.privacy import KeyRing
from outreach.domain.scope import Scope
from outreach.domain.vietnamese import name_key, search_key, sort_key
from outreach.domain.words import Channel
from outreach.store.contact_import import Filled, StagedAddress, StagedConsent, StagedPerson


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What rows are read against. `unit_paths`: every unit's path by code; `accounts`: to which account ids belong.

    `serials`: dates come from a workbook, which counts days; `order`: what was said of their order.
    """

    keys: KeyRing
    unit_paths: Mapping[str, str]
    today: date
    zone: ZoneInfo
    accounts: Mapping[Channel, str]
    scope: Scope
    serials: bool = False
    order: DateOrder | None = None


@dataclass(slots=True)
class _Draft:
    """One row while it is read."""

    person: StagedPerson
    around: Surroundings
    attrs: dict[str, str] = field(default_factory=dict)
    consent: dict[str, str] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    mended: bool = False


_Taker = Callable[[_Draft, str], None]


@dataclass(frozen=True, slots=True)
class Read:
    """A good row. `mended`: a number or a code was put right on the way."""

    person: StagedPerson
    mended: bool


_REPEATED = frozenset({"sex", "kind", "occupation", "language", "unit_code", "tags"})
"""Columns in which the same few values stand again and again."""


class RowReader:
    """Reads records with the given columns."""

    def __init__(self, columns: tuple[str, ...], around: Surroundings) -> None:
        self._columns = [
            (place, name, cells.tidy_repeated if name in _REPEATED else cells.tidy, _taker(name))
            for place, name in enumerate(columns)
            if name != IGNORED
        ]
        self._around = around

    def read(self, record: Record) -> Read | Reject:
        """The person of a row, or all reasons against it."""
        draft = _Draft(StagedPerson(record.line, "", "", "", ""), self._around)
        problems: list[Problem] = []
        for index, column, tidy, take in self._columns:
            cell = record.cells[index]
            if not cell:
                continue
            try:
                if text := tidy(cell):
                    take(draft, text)
            except ValueError as error:
                problems.append(Problem(column, mask(column, cell), *cells.reasons(error)))
        problems += _as_a_whole(draft, problems)
        return Reject(record.line, tuple(problems)) if problems else Read(draft.person, draft.mended)


NO_HEADING = (
    "a value under no heading: name the column, or empty it",
    "có giá trị ở cột không có tiêu đề: đặt tên cột hoặc xoá ô",
)
_CONSENT: Mapping[str, Callable[[str], str]] = {
    "consent_channel": cells.consent_channel,
    "consent_purpose": cells.consent_purpose,
}
_NAME_ORDER = ("family_name", "middle_name", "given_name")


def _taker(column: str) -> _Taker:
    """What takes the cells of a column."""
    if column.startswith(ATTR):
        return partial(_attr, column.removeprefix(ATTR))
    if column.startswith("consent_"):
        return partial(_consent_part, column)
    if column in _NAME_ORDER:
        return partial(_name_part, column)
    return _TAKERS[column] if column else _no_heading


def _no_heading(draft: _Draft, text: str) -> None:
    raise CellError(*NO_HEADING)


def _consent_part(column: str, draft: _Draft, text: str) -> None:
    if text == CLEAR:
        raise CellError(
            "a consent is withdrawn by the person, not cleared by a list: leave the cell blank",
            "sự đồng ý do chính người đó rút lại, không xoá bằng danh sách: để trống ô",
        )
    draft.consent[column.removeprefix("consent_")] = _CONSENT.get(column, cells.one_line)(text)


def _name_part(column: str, draft: _Draft, text: str) -> None:
    draft.names[column] = "" if text == CLEAR else cells.one_line(text)


def _attr(name: str, draft: _Draft, text: str) -> None:
    if text == CLEAR:
        draft.person.attrs_cleared.append(name)
    else:
        draft.attrs[name] = text


def _as_a_whole(draft: _Draft, problems: list[Problem]) -> list[Problem]:
    """What is wrong beyond single cells; completes the person where nothing is."""
    person = draft.person
    found = _joined_name(draft) if draft.names else []
    problems = problems + found
    if not person.full_name and not any(problem.column == "full_name" for problem in problems):
        found.append(Problem("full_name", "", "the name is empty", "thiếu họ tên"))
    if person.kind != "business" and is_no_person(person.full_name):
        found.append(Problem("full_name", mask("full_name", person.full_name), *NO_PERSON))
    if person.guardian is not None and person.guardian == person.external_id:
        what = ("a person cannot be their own guardian", "không ai là người giám hộ của chính mình")
        found.append(Problem("guardian_external_id", "", *what))
    try:
        person.consent = _consent(draft)
    except CellError as error:
        found.append(Problem("consent_date", "", *cells.reasons(error)))
    if draft.attrs:
        person.attrs = json.dumps(draft.attrs, ensure_ascii=False)
    return found


def _joined_name(draft: _Draft) -> list[Problem]:
    """Put a name together that stands in two or three columns."""
    text = " ".join(filter(None, (draft.names.get(part, "") for part in _NAME_ORDER)))
    try:
        if text:
            _name(draft, text)
    except CellError as error:
        return [Problem("full_name", mask("full_name", text), *cells.reasons(error))]
    return []


def _consent(draft: _Draft) -> StagedConsent | None:
    given = draft.consent
    if not given:
        return None
    if "purpose" not in given or "date" not in given:
        raise CellError("a consent needs its purpose and its date", "sự đồng ý phải có mục đích và ngày")
    told = reordered(given["date"], draft.around.order)
    moment = cells.moment(told, draft.around.zone, without_time=time(0))
    if moment.date() > draft.around.today:
        raise CellError("the consent's date is in the future", "ngày đồng ý ở tương lai")
    texts = {name: given.get(name, "") for name in ("channel", "method", "evidence")}
    return StagedConsent(given["purpose"], moment, **texts)


@lru_cache(maxsize=1 << 15)
def _name_and_keys(text: str) -> tuple[str, str, str, str]:
    """A name as it is stored, and its keys; names of a country repeat."""
    name = cells.full_name(text)
    return name, name_key(name), search_key(name), sort_key(name)


def _name(draft: _Draft, text: str) -> None:
    person = draft.person
    person.full_name, person.name_key, person.search_key, person.sort_key = _name_and_keys(text)


def _external_id(draft: _Draft, text: str) -> None:
    draft.person.external_id = cells.external_id(text)


def _birth_date(draft: _Draft, text: str) -> None:
    around = draft.around
    if text != CLEAR:
        told = reordered(text, around.order)
        day, counted = cells.birth_date(told, around.today, serials=around.serials)
        draft.person.birth_date = day
        draft.mended |= counted or told != text
    draft.person.filled |= Filled.BIRTH_DATE.value


def _unit(draft: _Draft, text: str) -> None:
    draft.person.filled |= Filled.UNIT.value
    if text != CLEAR:
        code = unit_code(text, draft.around.unit_paths)
        draft.mended |= code != text
        if not draft.around.unit_paths[code].startswith(draft.around.scope.path):
            raise CellError(
                "the unit is outside your own: you cannot put people there",
                "đơn vị ngoài phạm vi của bạn: không thể thêm người vào đó",
            )
        draft.person.unit_code = code


def unit_code(text: str, known: Mapping[str, str]) -> str:
    """The code of a known unit, with the leading zeros a spreadsheet took; raises CellError."""
    if text in known:
        return text
    padded = [code for code in dict.fromkeys((text.zfill(2), text.zfill(5))) if text.isdecimal() and code in known]
    if len(padded) > 1:
        raise CellError(
            f"has lost its leading zeros: write {' or '.join(padded)}",
            f"mất số 0 ở đầu: viết {' hoặc '.join(padded)}",
        )
    if not padded:
        raise CellError("there is no unit with this code", "không có đơn vị mang mã này")
    return padded[0]


def _guardian(draft: _Draft, text: str) -> None:
    draft.person.guardian = None if text == CLEAR else cells.external_id(text)
    draft.person.filled |= Filled.GUARDIAN.value


def _optional(attribute: str, flag: Filled, read: Callable[[str], object]) -> _Taker:
    bit = flag.value

    def take(draft: _Draft, text: str) -> None:
        setattr(draft.person, attribute, None if text == CLEAR else read(text))
        draft.person.filled |= bit

    return take


def _tags(draft: _Draft, text: str) -> None:
    draft.person.tags = [] if text == CLEAR else cells.tags(text)
    draft.person.filled |= Filled.TAGS.value


def _address(channel: Channel, read: Callable[[_Draft, str], str]) -> _Taker:
    def take(draft: _Draft, text: str) -> None:
        account = draft.around.accounts.get(channel, "") if channel.account_bound else ""
        if text == CLEAR:
            draft.person.addresses.append(StagedAddress(channel.value, account))
            return
        draft.person.addresses.append(stage_address(draft.around.keys, channel, account, read(draft, text)))

    return take


def stage_address(keys: KeyRing, channel: Channel, account: str, value: str) -> StagedAddress:
    """The address sealed, with its fingerprints under every key version."""
    (version, fingerprint), *older = keys.fingerprints(value)
    sealed = keys.seal(value)
    return StagedAddress(channel.value, account, fingerprint, version, sealed, [found for _, found in older])


def mobile(text: str) -> tuple[str, bool]:
    """(E.164, whether it was mended) of a number that takes messages; raises ValueError."""
    phone = parse_phone(text)
    if not phone.mobile:
        raise CellError(
            "a landline takes no messages: give a mobile number or leave the cell blank",
            "số cố định không nhận tin nhắn: ghi số di động hoặc để trống ô",
        )
    return phone.e164, bool(phone.mended)


def _phone(draft: _Draft, text: str) -> str:
    e164, mended = mobile(text)
    draft.mended |= mended
    return e164


_TAKERS: Mapping[str, _Taker] = {
    "external_id": _external_id,
    "full_name": _name,
    "birth_date": _birth_date,
    "sex": _optional("sex", Filled.SEX, cells.sex),
    "kind": _optional("kind", Filled.KIND, cells.kind),
    "occupation": _optional("occupation", Filled.OCCUPATION, cells.occupation),
    "language": _optional("language", Filled.LANGUAGE, cells.language),
    "unit_code": _unit,
    "phone": _address(Channel.SMS, _phone),
    "email": _address(Channel.EMAIL, lambda _, text: parse_email(text)),
    "zalo_id": _address(Channel.ZALO_OA, lambda _, text: cells.account_id(text)),
    "telegram_id": _address(Channel.TELEGRAM, lambda _, text: cells.account_id(text)),
    "tags": _tags,
    "guardian_external_id": _guardian,
}
