"""Why a good row is left out all the same: what the store says of it, for people."""

from __future__ import annotations

from outreach.audience.records import Broken
from outreach.audience.rejects import Problem, Reject
from outreach.store.contact_import import Refusal

_REFUSALS = {
    Refusal.OTHER_PERSON: (
        "external_id",
        "another person has this id further up in the file",
        "mã số này đã thuộc về người khác ở phía trên",
    ),
    Refusal.AMBIGUOUS: (
        "external_id",
        "several people have this name, birth date, sex and unit: give the external id",
        "nhiều người trùng họ tên, ngày sinh, giới tính, đơn vị: ghi mã số",
    ),
    Refusal.FOREIGN: (
        "unit_code",
        "the person is not of your unit: you cannot add or change them",
        "người này không thuộc đơn vị của bạn: không thể thêm hoặc sửa",
    ),
    Refusal.ERASED: (
        "external_id",
        "the person asked to be erased: take them off the list",
        "người này đã yêu cầu xoá dữ liệu: bỏ khỏi danh sách",
    ),
    Refusal.NO_GUARDIAN: (
        "guardian_external_id",
        "nobody in this list has this id",
        "không ai trong danh sách có mã số này",
    ),
    Refusal.CIRCLE: (
        "guardian_external_id",
        "guardians in a circle: the person would be their own guardian's guardian",
        "người giám hộ vòng tròn: người này lại là người giám hộ của người giám hộ mình",
    ),
    Refusal.MINOR_GUARDIAN: (
        "guardian_external_id",
        "the guardian is under 18: name a grown-up",
        "người giám hộ chưa đủ 18 tuổi: ghi người đã thành niên",
    ),
}


def broken(row: Broken) -> Reject:
    """The reject of a line that is no row."""
    return Reject(row.line, (Problem("", "", row.reason, row.vietnamese),))


def refused(line: int, why: Refusal) -> Reject:
    """The reject of a row that cannot be merged into what is stored."""
    column, reason, vietnamese = _REFUSALS[why]
    return Reject(line, (Problem(column, "", reason, vietnamese),))
