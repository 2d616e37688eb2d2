"""Cases with due dates: whose they are, what a second list changes, what is refused."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from audience_files import TODAY, bring_in, counts, load_units, rejects, write
from sqlalchemy import Engine

from outreach.audience.cases import CaseReport, import_cases
from outreach.audience.importing import ImportOptions
from outreach.domain.errors import NotFound, OutreachError
from outreach.domain.privacy import KeyRing
from outreach.domain.scope import EVERYTHING, Scope
from outreach.store import cases, contacts
from outreach.store.cases import Case, CaseState

HEAD = "Mã hồ sơ;Mã số;Số điện thoại;Tên thủ tục;Ngày hẹn trả;Trạng thái"


@pytest.fixture(autouse=True)
def _people(engine: Engine, keys: KeyRing, tmp_path: Path) -> None:
    load_units(engine)
    rows = ("1;Lê An;0912345678;00070", "2;Lê Bình;0987654321;48", "3;Lê Cúc;0987654321;48")
    bring_in(engine, keys, write(tmp_path / "people.csv", "external_id;full_name;phone;unit_code", *rows))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "cases.csv"


def bring(engine: Engine, keys: KeyRing, path: Path, **options: Any) -> CaseReport:
    return import_cases(engine, path, source="mot-cua", keys=keys, options=ImportOptions(today=TODAY, **options))


def stored(engine: Engine, external_id: str) -> Case:
    with engine.connect() as connection:
        return cases.by_external_id(connection, "mot-cua", external_id, scope=EVERYTHING)


def test_a_case_belongs_to_the_person_with_the_id_or_with_the_phone(engine: Engine, keys: KeyRing, file: Path) -> None:
    rows = ("H1;1;;Khai sinh;05/12/2026;", "H2;;0912 345 678;Đất đai;2026-12-07 09:30;Đang xử lý")
    assert counts(bring(engine, keys, write(file, HEAD, *rows))) == {"rows": 2, "added": 2}
    first, second = stored(engine, "H1"), stored(engine, "H2")
    with engine.connect() as connection:
        an = contacts.by_external_id(connection, "main", "1", scope=EVERYTHING)
    assert (first.contact_id, second.contact_id) == (an.id, an.id)
    assert (first.title, first.state, first.unit_code) == ("Khai sinh", CaseState.OPEN, "00070")
    assert first.due_at == datetime(2026, 12, 5, 16, 59, tzinfo=UTC)
    assert second.due_at == datetime(2026, 12, 7, 2, 30, tzinfo=UTC)


def test_the_same_list_changes_nothing_and_a_moved_date_updates(engine: Engine, keys: KeyRing, file: Path) -> None:
    listed = write(file, HEAD, "H1;1;;Khai sinh;05/12/2026;mở", "H2;2;;Kết hôn;06/12/2026;mở")
    bring(engine, keys, listed)
    assert counts(bring(engine, keys, listed)) == {"rows": 2, "unchanged": 2}
    moved = write(file, HEAD, "H1;1;;Khai sinh;09/12/2026;")
    assert counts(bring(engine, keys, moved)) == {"rows": 1, "updated": 1}
    assert stored(engine, "H1").due_at.day == 9
    assert stored(engine, "H2").state is CaseState.OPEN


def test_a_case_is_closed_by_its_state_only(engine: Engine, keys: KeyRing, file: Path) -> None:
    bring(engine, keys, write(file, HEAD, "H1;1;;Khai sinh;05/12/2026;mở"))
    closed = write(file, HEAD, "H1;;;;;Đã trả kết quả")
    assert counts(bring(engine, keys, closed)) == {"rows": 1, "closed": 1}
    assert stored(engine, "H1").state is CaseState.CLOSED
    assert counts(bring(engine, keys, closed)) == {"rows": 1, "unchanged": 1}
    assert counts(bring(engine, keys, write(file, HEAD, "H1;;;;;open"))) == {"rows": 1, "updated": 1}


@pytest.mark.parametrize("chunk_rows", [1, 100])
def test_what_cannot_be_used_is_refused_with_its_reason(
    engine: Engine, keys: KeyRing, file: Path, chunk_rows: int
) -> None:
    rows = (
        "H1;1;;Khai sinh;05/12/2026;",
        "H1;1;;Khai sinh;05/12/2026;",
        "H2;9;;Khai sinh;05/12/2026;",
        "H3;;0987654321;Khai sinh;05/12/2026;",
        "H4;1;;Khai sinh;;",
        "H5;1;;Khai sinh;31/02/2026;lạ",
        ";1;;Khai sinh;05/12/2026;",
        "H6;1;;Khai sinh;2026;",
    )
    report = bring(engine, keys, write(file, HEAD, *rows), chunk_rows=chunk_rows)
    assert counts(report) == {"rows": 8, "added": 1, "duplicates": 1, "rejected": 6}
    reasons = {row["row"]: row["reasons"] for row in rejects(report)}
    assert sorted(reasons) == ["4", "5", "6", "7", "8", "9"]
    assert "import the person first" in reasons["4"]
    assert "several people have this phone" in reasons["5"]
    assert "needs its person, a title and a due date" in reasons["6"]
    assert "no such day" in reasons["7"]
    assert "must be open or closed" in reasons["7"]
    assert "the case has no number" in reasons["8"]
    assert "not a date" in reasons["9"]


def test_an_officer_reaches_the_people_of_their_own_units_only(engine: Engine, keys: KeyRing, file: Path) -> None:
    officer = Scope("01/", "officer")
    bring(engine, keys, write(file, HEAD, "H2;2;;Kết hôn;06/12/2026;mở"))
    rows = ("H1;1;;Khai sinh;05/12/2026;", "H2;;;Kết hôn;07/12/2026;", "H3;2;;Kết hôn;06/12/2026;")
    report = bring(engine, keys, write(file, HEAD, *rows), scope=officer)
    assert counts(report) == {"rows": 3, "added": 1, "rejected": 2}
    with engine.connect() as connection, pytest.raises(NotFound):
        cases.by_external_id(connection, "mot-cua", "H2", scope=officer)


def test_a_dry_run_stores_nothing(engine: Engine, keys: KeyRing, file: Path) -> None:
    listed = write(file, HEAD, "H1;1;;Khai sinh;05/12/2026;")
    assert counts(bring(engine, keys, listed, dry_run=True)) == {"rows": 1, "added": 1}
    assert counts(bring(engine, keys, listed)) == {"rows": 1, "added": 1}


def test_an_unknown_heading_is_named_with_the_nearest(engine: Engine, keys: KeyRing, file: Path) -> None:
    with pytest.raises(OutreachError, match='unknown column "due_att"; did you mean "due_at"'):
        bring(engine, keys, write(file, "external_id,due_att"))
