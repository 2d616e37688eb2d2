"""Who got what, and why not: deliveries as people read them, with masked addresses and reasons in plain words."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final, TextIO
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Engine

from outreach.domain.definition import DEFAULT_TIMEZONE
from outreach.domain.email_addresses import mask_email
from outreach.domain.errors import OutreachError
from outreach.domain.phones import mask_phone
from outreach.domain.privacy import KeyRing
from outreach.domain.scope import Scope
from outreach.domain.spreadsheet_text import harmless
from outreach.domain.states import DeliveryState
from outreach.domain.words import Channel
from outreach.reach.explanations import Explanation, Meaning, explain, no_meaning
from outreach.store import campaigns, explorer
from outreach.store.explorer import Listed, Wanted

MOST_AT_ONCE: Final = 1000

HEADINGS: Final = {
    "id": "Mã lượt gửi",
    "message": "Thông điệp",
    "run": "Đợt gửi",
    "recipient_kind": "Loại người nhận",
    "recipient_id": "Mã người nhận",
    "name": "Họ tên",
    "unit": "Đơn vị",
    "address": "Địa chỉ nhận",
    "channel": "Kênh",
    "state": "Trạng thái",
    "reason": "Lý do",
    "explanation": "Giải thích",
    "code": "Mã của nhà cung cấp",
    "advice": "Ý nghĩa của mã",
    "attempt": "Lần gửi",
    "due_at": "Đến hạn",
    "next_attempt_at": "Thử lại lúc",
    "sent_at": "Đã gửi lúc",
    "reached": "Đã tiếp cận",
}
"""Columns of the CSV and their Vietnamese headings."""

_TELLING: Final = (DeliveryState.FAILED, DeliveryState.UNKNOWN, DeliveryState.PLANNED, DeliveryState.ACCEPTED)
"""States whose code says something: what arrived may still bear that of how it was taken."""
_VIETNAM: Final = ZoneInfo(DEFAULT_TIMEZONE)


@dataclass(frozen=True, slots=True)
class Line:
    """A delivery for the eyes of its caller; `address` is masked, None where there is none or it may not be seen.

    `advice`: what the provider's code means, where there are words for it.
    """

    listed: Listed
    address: str | None
    advice: Explanation | None = None

    @property
    def id(self) -> str:
        """The public id: run and delivery."""
        return f"{self.listed.run}.{self.listed.delivery}"

    @property
    def why(self) -> Explanation:
        """Why it stands where it stands."""
        return explain(self.listed.state, self.listed.reason, self.listed.channel, proved=self.listed.proved)

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        one = self.listed
        return {
            "id": self.id,
            "message": one.message,
            "run": one.run,
            "recipient": {"kind": str(one.recipient_kind), "id": one.recipient_id, "name": one.name},
            "unit": one.unit_code,
            "case": one.subject_id or None,
            "address": self.address,
            "channel": str(one.channel),
            "state": str(one.state),
            "reason": one.reason,
            "explanation": self.why.to_json(),
            "code": one.code,
            "advice": None if self.advice is None else self.advice.to_json(),
            "account": one.account or None,
            "attempt": one.attempt,
            "generation": one.generation,
            "due_at": one.due_at.isoformat(),
            "next_attempt_at": _moment(one.next_attempt_at) if one.state is DeliveryState.PLANNED else None,
            "sent_at": _moment(one.sent_at),
            "reached": one.proved,
        }

    def cells(self, language: str, zone: ZoneInfo) -> list[str]:
        """The columns of `HEADINGS`, harmless to a spreadsheet; times are those of `zone`, to the second."""
        one = self.listed
        again = one.next_attempt_at if one.state is DeliveryState.PLANNED else None
        why = self.why.text(language)
        values = (
            self.id, one.message, one.run, one.recipient_kind, one.recipient_id, one.name, one.unit_code, self.address,
            one.channel, one.state, one.reason, why, one.code,
            None if self.advice is None else self.advice.text(language), one.attempt,
            _local(one.due_at, zone), _local(again, zone), _local(one.sent_at, zone), int(one.proved),
        )  # fmt: skip
        return ["" if value is None else harmless(str(value)) for value in values]


def list_deliveries(
    connection: Connection, slug: str, wanted: Wanted, *, keys: KeyRing, scope: Scope, limit: int = 100,
    meaning: Meaning = no_meaning,
) -> list[Line]:  # fmt: skip
    """A page of a campaign's deliveries; `Wanted.after` (see `after_key`) turns the page.

    Raises NotFound for an unknown campaign, OutreachError for a limit outside 1…1000.
    """
    if not 1 <= limit <= MOST_AT_ONCE:
        raise OutreachError(f"--limit must be from 1 to {MOST_AT_ONCE}, not {limit}; --csv FILE writes them all")
    campaigns.get(connection, slug)
    return [_line(one, keys, meaning) for one in explorer.page(connection, slug, wanted, limit=limit, scope=scope)]


def after_key(given: str) -> tuple[int, int]:
    """(run, delivery) of a public id like `12.3456`; raises OutreachError."""
    run, point, delivery = given.partition(".")
    if point and run.isascii() and run.isdecimal() and delivery.isascii() and delivery.isdecimal():
        numbers = int(run), int(delivery)
        if max(numbers) < 2**63:
            return numbers
    raise OutreachError(f'"{given[:60]}" is no id: it has two numbers and a point between, like 12.3456')


def export_csv(
    engine: Engine,
    slug: str,
    wanted: Wanted,
    out: TextIO,
    *,
    keys: KeyRing,
    scope: Scope,
    language: str = "vi",
    zone: ZoneInfo = _VIETNAM,
    meaning: Meaning = no_meaning,
) -> int:
    """Write every wanted delivery to `out` as CSV with times of `zone`, never holding many of them; returns how many.

    Open `out` with `newline=""` and `utf-8-sig`, which spreadsheets need. Raises NotFound for an unknown campaign.
    """
    writer = csv.writer(out)
    written = 0
    with engine.connect() as connection:
        campaigns.get(connection, slug)
        writer.writerow(HEADINGS.values() if language == "vi" else HEADINGS)
        for one in explorer.stream(connection, slug, wanted, scope=scope):
            writer.writerow(_line(one, keys, meaning).cells(language, zone))
            written += 1
    return written


def each_line(
    connection: Connection, slug: str, wanted: Wanted, *, keys: KeyRing, scope: Scope, meaning: Meaning = no_meaning
) -> Iterator[Line]:
    """Every wanted delivery, page by page: for JSON of any length."""
    given: dict[str, Any] = {"keys": keys, "scope": scope, "limit": MOST_AT_ONCE, "meaning": meaning}
    while page := list_deliveries(connection, slug, wanted, **given):
        yield from page
        wanted = replace(wanted, after=(page[-1].listed.run, page[-1].listed.delivery))


def _line(one: Listed, keys: KeyRing, meaning: Meaning) -> Line:
    advice = meaning(one.account, one.code) if one.code and one.state in _TELLING else None
    if one.sealed is None or one.key_version is None:
        return Line(one, None, advice)
    value = keys.open(one.sealed, one.key_version)
    return Line(one, mask_email(value) if one.channel is Channel.EMAIL else mask_phone(value), advice)


def _local(moment: datetime | None, zone: ZoneInfo) -> str | None:
    return None if moment is None else moment.astimezone(zone).strftime("%Y-%m-%d %H:%M:%S")


def _moment(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()
