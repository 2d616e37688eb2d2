"""What was left out comes back: reasons in the reader's language, and rows to mend that are a list themselves."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from audience_files import TODAY, bring_in, counts, person, phones, rejects, write
from old_fonts import tcvn3
from sheets import book
from sqlalchemy import Engine, text

from outreach.audience.headings import Wishes
from outreach.audience.importing import ImportOptions, Stopped, import_file
from outreach.domain.errors import OutreachError
from outreach.domain.privacy import KeyRing

HEAD = "STT;Mã số;Họ và tên;Ngày sinh;Giới tính;SĐT;Email;Ghi chú"
BAD = (
    "1;1;Lê An;31/02/1990;trai;12;an@;x",
    "2;2;;1990;nam;0912345678;;",
    "3;3;Lê Cúc;2035;nữ;0243825123456;;",
    "4;4;123;1990;nam;19001234;;",
    "5;5;Lê Én;1990;nam;8,49E+10;;",
    "6;~6;Lê Giang;1990;nam;;;",
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return write(tmp_path / "list.csv", HEAD, *BAD, "7;7;Lê Hà;1990;nam;0912345670;;")


def test_every_reason_is_told_in_vietnamese_where_that_is_asked_for(engine: Engine, keys: KeyRing, file: Path) -> None:
    english = rejects(bring_in(engine, keys, file))
    vietnamese = rejects(bring_in(engine, keys, file, language="vi"))
    assert [row["row"] for row in english] == [row["row"] for row in vietnamese] == list("234567")
    for told, same in zip(english, vietnamese, strict=True):
        assert len(told["reasons"].split("; ")) == len(same["reasons"].split("; "))
        assert not same["reasons"].isascii()
        assert told["columns"] == same["columns"]
    assert vietnamese[0]["reasons"].startswith("ngày không có trong lịch; phải là nam, nữ hoặc khác; số ngắn")
    assert vietnamese[1]["reasons"] == "thiếu họ tên"


def test_rows_to_mend_are_a_list_that_can_be_mended_and_imported(
    engine: Engine, keys: KeyRing, file: Path, tmp_path: Path
) -> None:
    to_mend = tmp_path / "sua.csv"
    report = bring_in(engine, keys, file, to_mend=to_mend, language="vi")
    assert counts(report) == {"rows": 7, "added": 1, "rejected": 6}
    assert stat.S_IMODE(to_mend.stat().st_mode) == 0o600
    listed = to_mend.read_text("utf-8-sig")
    assert listed.splitlines()[0] == "external_id,full_name,birth_date,sex,phone,email,Lý do"
    assert counts(bring_in(engine, keys, to_mend)) == {"rows": 6, "rejected": 6}
    for wrong, right in (("31/02/1990,trai,12,an@", "28/02/1990,nam,0912345671,an@example.org"), ("2035", "1985"),
                         ("0243825123456", ""), ('"8,49E+10"', "0912345675"), ("~6", "6"), ("4,123", "4,Lê Dung"),
                         ("19001234", ""), ("2,,1990", "2,Lê Bình,1990")):  # fmt: skip
        assert wrong in listed
        listed = listed.replace(wrong, right)
    to_mend.write_text(listed, encoding="utf-8-sig")
    assert counts(bring_in(engine, keys, to_mend)) == {"rows": 6, "added": 6}
    assert phones(engine, keys, "Lê An") == ["+84912345671"]
    assert counts(bring_in(engine, keys, file))["unchanged"] == 1


def test_rows_to_mend_are_in_unicode_and_nothing_in_them_runs(engine: Engine, keys: KeyRing, tmp_path: Path) -> None:
    head = ("Họ đệm", "Tên", "Số máy", "attr.x", "attr.y")
    rows = [(tcvn3("Nguyễn Văn"), tcvn3("Hùng"), "1", "=1+1", "-"), (tcvn3("Trần Thị"), tcvn3("Lượm"), "2", "", "")]
    to_mend = tmp_path / "sua.csv"
    listed = book(tmp_path / "list.xlsx", head, *rows)
    bring_in(engine, keys, listed, encoding="tcvn3", to_mend=to_mend, wishes=Wishes(rename={"Số máy": "phone"}))
    lines = to_mend.read_text("utf-8-sig").splitlines()
    assert lines[0] == "family_name,given_name,phone,attr.x,attr.y,Lý do"
    assert lines[1].startswith("Nguyễn Văn,Hùng,1,")
    to_mend.write_text("\n".join(lines).replace(",1,", ",0912345671,").replace(",2,", ",0912345672,"), "utf-8")
    assert counts(bring_in(engine, keys, to_mend)) == {"rows": 2, "added": 2}
    assert person(engine, "Trần Thị Lượm").attrs == {}


def test_the_rows_to_mend_never_replace_the_list_itself(engine: Engine, keys: KeyRing, file: Path) -> None:
    before = file.read_bytes()
    with pytest.raises(OutreachError, match="this is the list itself"):
        bring_in(engine, keys, file, to_mend=file)
    assert file.read_bytes() == before


def test_an_import_that_is_asked_to_stop_ends_after_whole_rows_and_says_how_many(
    engine: Engine, keys: KeyRing, tmp_path: Path
) -> None:
    file = write(tmp_path / "list.csv", "Mã số;Họ và tên;SĐT", *(f"{n};Lê An;09123{n:05}" for n in range(50)))
    done: list[int] = []
    with pytest.raises(Stopped, match="stopped: 20 rows are in") as stopped:
        import_file(
            engine, file, source="main", keys=keys, options=ImportOptions(today=TODAY, chunk_rows=10),
            progress=lambda rows, expected: done.append(rows), stop=lambda: len(done) == 2,
        )  # fmt: skip
    with engine.connect() as connection:
        people, numbers = connection.execute(
            text("SELECT (SELECT count(*) FROM contacts), (SELECT count(*) FROM addresses)")
        ).one()
    assert (stopped.value.rows, people, numbers) == (20, 20, 20)
    assert counts(bring_in(engine, keys, file)) == {"rows": 50, "added": 30, "unchanged": 20}


def test_progress_tells_how_many_rows_there_are_about(engine: Engine, keys: KeyRing, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    rows = [("UBND XÃ",), ("Họ và tên",), *([f"Lê {n}"] for n in "ABCDE")]
    for file in (book(tmp_path / "a.xlsx", *rows), write(tmp_path / "a.csv", *(row[0] for row in rows))):
        import_file(
            engine, file, source=file.suffix, keys=keys, options=ImportOptions(today=TODAY, chunk_rows=3),
            progress=lambda done, expected: told.append((done, expected)),
        )  # fmt: skip
    assert told == [(3, 5), (5, 5)] * 2
