"""A row of a case file into a staged case, or into everything that is wrong with it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import time

from outreach.audience import cells
from outreach.audience.cells import CLEAR, CellError
from outreach.audience.headings import ATTR, IGNORED, Vocabulary
from outreach.audience.person_columns import NEEDLESS
from outreach.audience.person_rows import NO_HEADING, Surroundings, mobile, unit_code
from outreach.audience.records import Record
from outreach.audience.rejects import Problem, Reject, mask
from outreach.domain.vietnamese import search_key
from outreach.store.cases import CaseState, StagedCase

NAMES: Mapping[str, tuple[str, ...]] = {
    "external_id": ("Mã hồ sơ", "Số hồ sơ", "Mã số hồ sơ"),
    "contact_external_id": ("Mã số", "Mã người nộp", "Mã số người nộp", "Mã công dân"),
    "phone": ("Số điện thoại", "Điện thoại", "SĐT", "Số điện thoại người nộp"),
    "title": ("Tên hồ sơ", "Tên thủ tục", "Thủ tục", "Thủ tục hành chính", "Tiêu đề", "Nội dung"),
    "due_at": ("Ngày hẹn trả", "Hẹn trả", "Ngày hẹn", "Hạn trả", "Hạn", "Hạn xử lý", "Ngày hẹn trả kết quả"),
    "state": ("Trạng thái", "Tình trạng"),
    "unit_code": ("Mã đơn vị", "Mã đơn vị hành chính", "Mã xã", "Đơn vị"),
}
"""Our columns and the Vietnamese headings they go by; `attr.<name>` comes on top."""

CASES = Vocabulary(NAMES, required=("external_id",), needless=NEEDLESS, adjustable=True)
"""The columns of a list of cases."""

END_OF_DAY = time(23, 59)
"""A due date without an hour is due when that day ends."""

_STATES = {
    **dict.fromkeys(("open", "mo", "dang xu ly", "dang giai quyet", "moi tiep nhan", "da tiep nhan"), CaseState.OPEN),
    **dict.fromkeys(
        ("closed", "dong", "da dong", "da tra ket qua", "da tra", "da giai quyet", "hoan thanh", "da huy", "da rut"),
        CaseState.CLOSED,
    ),
}


@dataclass(slots=True)
class _Draft:
    case: StagedCase
    around: Surroundings
    attrs: dict[str, str] = field(default_factory=dict)


class CaseRowReader:
    """Reads records with the given columns."""

    def __init__(self, columns: tuple[str, ...], around: Surroundings) -> None:
        self._columns = tuple((place, name) for place, name in enumerate(columns) if name != IGNORED)
        self._around = around

    def read(self, record: Record) -> StagedCase | Reject:
        """The case of a row, or all reasons against it."""
        draft = _Draft(StagedCase(record.line, ""), self._around)
        problems: list[Problem] = []
        for index, column in self._columns:
            cell = record.cells[index]
            try:
                if text := cells.tidy(cell):
                    _take(draft, column, text)
            except ValueError as error:
                problems.append(Problem(column, mask(column, cell), *cells.reasons(error)))
        case = draft.case
        if not case.external_id and not any(problem.column == "external_id" for problem in problems):
            problems.append(Problem("external_id", "", "the case has no number", "thiếu số hồ sơ"))
        if draft.attrs:
            case.attrs = json.dumps(draft.attrs, ensure_ascii=False)
        return Reject(record.line, tuple(problems)) if problems else case


def _take(draft: _Draft, column: str, text: str) -> None:
    if not column:
        raise CellError(*NO_HEADING)
    if column.startswith(ATTR):
        name = column.removeprefix(ATTR)
        if text == CLEAR:
            draft.case.attrs_cleared.append(name)
        else:
            draft.attrs[name] = text
        return
    if text == CLEAR:
        raise CellError("a case needs it: it can be changed, not cleared", "hồ sơ phải có: sửa được, không xoá được")
    _TAKERS[column](draft, text)


def _external_id(draft: _Draft, text: str) -> None:
    draft.case.external_id = cells.external_id(text)


def _contact(draft: _Draft, text: str) -> None:
    draft.case.contact = cells.external_id(text)


def _phone(draft: _Draft, text: str) -> None:
    e164, _ = mobile(text)
    draft.case.fingerprints = [fingerprint for _, fingerprint in draft.around.keys.fingerprints(e164)]


def _title(draft: _Draft, text: str) -> None:
    draft.case.title = cells.one_line(text)


def _due_at(draft: _Draft, text: str) -> None:
    draft.case.due_at = cells.moment(text, draft.around.zone, without_time=END_OF_DAY)


def _state(draft: _Draft, text: str) -> None:
    state = _STATES.get(search_key(text))
    if state is None:
        raise CellError("must be open or closed (đang xử lý, đã trả kết quả)", "phải là đang xử lý hoặc đã trả kết quả")
    draft.case.state = state.value


def _unit(draft: _Draft, text: str) -> None:
    draft.case.unit_code = unit_code(text, draft.around.unit_paths)


_TAKERS: Mapping[str, Callable[[_Draft, str], None]] = {
    "external_id": _external_id,
    "contact_external_id": _contact,
    "phone": _phone,
    "title": _title,
    "due_at": _due_at,
    "state": _state,
    "unit_code": _unit,
}
