"""What an import does with one row or two: kept, cleared, replaced, found again, refused."""

from __future__ import annotations

import stat
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from audience_files import (
    BA_DINH,
    HOAN_KIEM,
    bring_in,
    counts,
    load_units,
    person,
    phones,
    rejects,
    stored_addresses,
    write,
)
from sqlalchemy import Engine, text

from outreach.audience.importing import check_source
from outreach.domain.errors import OutreachError
from outreach.domain.privacy import KeyRing
from outreach.domain.scope import Scope
from outreach.domain.states import Reason
from outreach.domain.words import Channel
from outreach.store import contact_import, suppressions

HEAD = "external_id;full_name;birth_date;sex;unit_code;phone;email;occupation;tags;attr.ho_ngheo"


@pytest.fixture
def file(engine: Engine, tmp_path: Path) -> Path:
    load_units(engine)
    return tmp_path / "list.csv"


def full(engine: Engine, keys: KeyRing, file: Path) -> None:
    row = f"17;Nguyễn Văn Hùng;1960-05-01;nam;{HOAN_KIEM};0912345678;hung@example.org;Công chức;Báo chí, b;có"
    assert counts(bring_in(engine, keys, write(file, HEAD, row))) == {"rows": 1, "added": 1}


def test_a_row_is_stored_with_what_it_means(engine: Engine, keys: KeyRing, file: Path) -> None:
    full(engine, keys, file)
    stored = person(engine, "Nguyễn Văn Hùng")
    assert (stored.birth_date, stored.sex, stored.unit_code) == (date(1960, 5, 1), "male", HOAN_KIEM)
    assert (stored.occupation, stored.tags, stored.attrs) == ("civil_servant", ["b", "press"], {"ho_ngheo": "có"})
    assert (stored.kind, stored.language, stored.search_key) == ("person", "vi", "nguyen van hung")
    assert phones(engine, keys, "Nguyễn Văn Hùng") == ["+84912345678"]


def test_a_blank_cell_keeps_and_a_dash_clears(engine: Engine, keys: KeyRing, file: Path) -> None:
    full(engine, keys, file)
    blank = write(file, HEAD, "17;Nguyễn Văn Hùng;;;;;;;;")
    assert counts(bring_in(engine, keys, blank)) == {"rows": 1, "unchanged": 1}
    assert person(engine, "Nguyễn Văn Hùng").tags == ["b", "press"]
    dashes = write(file, HEAD, "17;Nguyễn Văn Hùng;-;-;-;-;-;-;-;-")
    assert counts(bring_in(engine, keys, dashes)) == {"rows": 1, "updated": 1}
    stored = person(engine, "Nguyễn Văn Hùng")
    assert (stored.birth_date, stored.sex, stored.unit_code, stored.occupation) == (None, None, None, None)
    assert (stored.tags, stored.attrs) == ([], {})
    assert phones(engine, keys, "Nguyễn Văn Hùng") == []
    assert counts(bring_in(engine, keys, dashes)) == {"rows": 1, "unchanged": 1}


def test_a_new_phone_replaces_the_old_one_and_leaves_the_email(engine: Engine, keys: KeyRing, file: Path) -> None:
    full(engine, keys, file)
    report = bring_in(engine, keys, write(file, "external_id;full_name;phone", "17;Nguyễn Văn Hùng;0987654321"))
    assert counts(report) == {"rows": 1, "updated": 1}
    assert phones(engine, keys, "Nguyễn Văn Hùng") == ["+84987654321"]
    assert stored_addresses(engine, keys, "Nguyễn Văn Hùng", "email") == ["hung@example.org"]


def test_the_same_id_in_another_source_is_another_person(engine: Engine, keys: KeyRing, file: Path) -> None:
    full(engine, keys, file)
    report = bring_in(engine, keys, write(file, "external_id;full_name", "17;Trần Thị Lan"), source="xa-khac")
    assert counts(report) == {"rows": 1, "added": 1}
    assert person(engine, "Nguyễn Văn Hùng").source == "main"


def test_without_an_id_the_name_birth_date_sex_and_unit_find_a_person_again(
    engine: Engine, keys: KeyRing, file: Path
) -> None:
    head = "full_name;birth_date;sex;unit_code;phone"
    bring_in(engine, keys, write(file, head, f"Lê Hoà;1990;nữ;{BA_DINH};0912345678"))
    again = write(
        file,
        head,
        f"LÊ  HÒA;01/01/1990;F;{BA_DINH};0912345679",
        f"Lê Hoà;1990;nữ;{HOAN_KIEM};",
        f"Lê Hoá;1990;nữ;{BA_DINH};",
    )
    assert counts(bring_in(engine, keys, again)) == {"rows": 3, "added": 2, "updated": 1}
    assert phones(engine, keys, "LÊ HÒA") == ["+84912345679"]
    assert counts(bring_in(engine, keys, again)) == {"rows": 3, "unchanged": 3}


def test_a_list_that_lost_its_ids_finds_its_people_again(engine: Engine, keys: KeyRing, file: Path) -> None:
    full(engine, keys, file)
    row = f"Nguyễn Văn Hùng;1960-05-01;nam;{HOAN_KIEM}"
    assert counts(bring_in(engine, keys, write(file, "full_name;birth_date;sex;unit_code", row))) == {
        "rows": 1,
        "unchanged": 1,
    }


def test_a_row_without_an_id_that_fits_two_people_is_refused(engine: Engine, keys: KeyRing, file: Path) -> None:
    bring_in(engine, keys, write(file, "external_id;full_name", "1;Lê An", "2;Lê An"))
    report = bring_in(engine, keys, write(file, "full_name", "Lê An"))
    assert counts(report) == {"rows": 1, "rejected": 1}
    assert "several people have this name" in rejects(report)[0]["reasons"]


@pytest.mark.parametrize("chunk_rows", [1, 2, 100])
def test_the_first_of_two_rows_of_one_person_counts(engine: Engine, keys: KeyRing, file: Path, chunk_rows: int) -> None:
    rows = ("1;Lê An;0912345678", "1;LÊ AN;0912345679", ";Trần Bình;", ";Trần Bình;0912345670", "1;Phạm Cúc;")
    report = bring_in(engine, keys, write(file, "external_id;full_name;phone", *rows), chunk_rows=chunk_rows)
    assert counts(report) == {"rows": 5, "added": 2, "duplicates": 2, "rejected": 1}
    assert phones(engine, keys, "Lê An") == ["+84912345678"]
    assert [(row["row"], row["reasons"]) for row in rejects(report)] == [
        ("6", "another person has this id further up in the file")
    ]


def test_a_household_shares_a_phone_and_stays_several_people(engine: Engine, keys: KeyRing, file: Path) -> None:
    report = bring_in(engine, keys, write(file, "full_name;phone", "Lê An;0912345678", "Lê Bình;+84 912 345 678"))
    assert counts(report) == {"rows": 2, "added": 2}
    assert phones(engine, keys, "Lê An") == phones(engine, keys, "Lê Bình")


def test_all_reasons_against_a_row_are_told_with_masked_values(engine: Engine, keys: KeyRing, file: Path) -> None:
    row = "8;;31/02/1990;trai;00000;0243825123;=hung@@x;;;"
    report = bring_in(engine, keys, write(file, HEAD, row))
    assert counts(report) == {"rows": 1, "rejected": 1}
    (reject,) = rejects(report)
    assert reject["row"] == "2"
    assert reject["columns"] == "birth_date; sex; unit_code; phone; email; full_name"
    assert reject["values"].startswith("31•••••90; t•••••i; 00000; •••••123")
    for secret in ("31/02/1990", "0243825123", "hung"):
        assert secret not in Path(report.rejects_file).read_text("utf-8-sig")
    for reason in ("no such day", "must be nam, nữ", "no unit with this code", "exactly one @", "the name is empty"):
        assert reason in reject["reasons"]


def test_the_rejects_file_is_private_stands_beside_the_list_and_goes_when_all_is_well(
    engine: Engine, keys: KeyRing, file: Path
) -> None:
    report = bring_in(engine, keys, write(file, "full_name;phone", "Lê An;12"))
    rejected = Path(report.rejects_file)
    assert rejected == file.with_name("list.rejects.csv")
    assert stat.S_IMODE(rejected.stat().st_mode) == 0o600
    assert bring_in(engine, keys, write(file, "full_name;phone", "Lê An;0912345678")).rejects_file == ""
    assert not rejected.exists()


def test_the_rejects_file_can_stand_elsewhere(engine: Engine, keys: KeyRing, file: Path, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    report = bring_in(engine, keys, write(file, "full_name", "123"), rejects_dir=tmp_path / "other")
    assert report.rejects_file == str(tmp_path / "other" / "list.rejects.csv")


def test_nothing_in_the_rejects_file_is_a_formula(engine: Engine, keys: KeyRing, file: Path) -> None:
    report = bring_in(engine, keys, write(file, "full_name;sex", "Lê An;=1+1+cmd|x!A1", "Lê Bình;@SUM(A1:A9)"))
    assert [row["values"][:2] for row in rejects(report)] == ["'=", "'@"]


def test_a_nul_a_long_cell_and_a_line_break_cost_their_rows_only(engine: Engine, keys: KeyRing, file: Path) -> None:
    rows = ("Lê\x00An;", f"{'x' * 600};", '"Lê\nBình";', "Lê Cúc;Đường số 1")
    report = bring_in(engine, keys, write(file, "full_name;attr.street", *rows))
    assert counts(report) == {"rows": 4, "added": 1, "rejected": 3}
    assert [row["row"] for row in rejects(report)] == ["2", "3", "4"]


@pytest.mark.parametrize(("code", "stored"), [("70", "00070"), ("1", "01"), ("00070", "00070")])
def test_zeros_a_spreadsheet_took_from_a_unit_are_put_back(
    engine: Engine, keys: KeyRing, file: Path, code: str, stored: str
) -> None:
    report = bring_in(engine, keys, write(file, "full_name;unit_code", f"Lê An;{code}"))
    assert report.mended == (code != stored)
    assert person(engine, "Lê An").unit_code == stored


def test_a_unit_code_with_two_meanings_is_refused(engine: Engine, keys: KeyRing, file: Path) -> None:
    report = bring_in(engine, keys, write(file, "full_name;unit_code", "Lê An;4"))
    assert "write 04 or 00004" in rejects(report)[0]["reasons"]


@pytest.mark.parametrize("chunk_rows", [1, 100])
def test_a_guardian_may_come_later_in_the_file_or_be_stored_already(
    engine: Engine, keys: KeyRing, file: Path, chunk_rows: int
) -> None:
    rows = ("c1;Lê Con;p1", "c2;Lê Út;c1", "p1;Lê Mẹ;", "c3;Lê Mồ Côi;nobody", "c4;Lê Tự;c4")
    listed = write(file, "external_id;full_name;guardian_external_id", *rows)
    report = bring_in(engine, keys, listed, chunk_rows=chunk_rows)
    assert counts(report) == {"rows": 5, "added": 3, "rejected": 2}
    assert {row["row"]: row["reasons"] for row in rejects(report)} == {
        "5": "nobody in this list has this id",
        "6": "a person cannot be their own guardian",
    }
    assert person(engine, "Lê Con").guardian_id == person(engine, "Lê Mẹ").id
    assert person(engine, "Lê Út").guardian_id == person(engine, "Lê Con").id
    again = bring_in(engine, keys, listed, chunk_rows=chunk_rows)
    assert counts(again) == {"rows": 5, "unchanged": 3, "rejected": 2}
    cleared = write(file, "external_id;full_name;guardian_external_id", "c1;Lê Con;-")
    assert counts(bring_in(engine, keys, cleared)) == {"rows": 1, "updated": 1}
    assert person(engine, "Lê Con").guardian_id is None


def test_a_consent_is_kept_by_purpose_and_date(engine: Engine, keys: KeyRing, file: Path) -> None:
    head = "external_id;full_name;Mục đích đồng ý;consent_date;consent_channel;consent_method;consent_evidence"
    listed = write(file, head, "1;Lê An;nhắc hẹn;02/01/2026;sms;phiếu giấy;HS-17", "2;Lê Bình;nhắc hẹn;;;;")
    report = bring_in(engine, keys, listed)
    assert counts(report) == {"rows": 2, "added": 1, "rejected": 1}
    assert rejects(report)[0]["reasons"] == "a consent needs its purpose and its date"
    assert counts(bring_in(engine, keys, listed)) == {"rows": 2, "unchanged": 1, "rejected": 1}
    with engine.connect() as connection:
        (consent,) = connection.execute(text("SELECT * FROM consents"))
    assert (consent.purpose, consent.legal_basis, consent.evidence) == ("nhắc hẹn", "consent", "HS-17")
    assert consent.given_at == datetime(2026, 1, 1, 17, tzinfo=UTC)


def test_zalo_and_telegram_ids_belong_to_the_account_that_is_named(engine: Engine, keys: KeyRing, file: Path) -> None:
    listed = write(file, "external_id;full_name;zalo_id;telegram_id", "1;Lê An;1234567890123;55667788")
    bring_in(engine, keys, listed, accounts={Channel.ZALO_OA: "oa-hanoi"})
    with engine.connect() as connection:
        rows = connection.execute(text("SELECT channel, account FROM addresses ORDER BY channel")).all()
    assert rows == [("telegram", ""), ("zalo_oa", "oa-hanoi")]


def test_a_dry_run_counts_and_writes_rejects_but_stores_nothing(engine: Engine, keys: KeyRing, file: Path) -> None:
    listed = write(file, "external_id;full_name;phone", "1;Lê An;", "1;Lê An;", "2;Lê Bình;12", "3;Lê Cúc;")
    report = bring_in(engine, keys, listed, dry_run=True, chunk_rows=1)
    assert counts(report) == {"rows": 4, "added": 2, "duplicates": 1, "rejected": 1}
    assert len(rejects(report)) == 1
    assert counts(bring_in(engine, keys, listed)) == counts(report)


@pytest.mark.parametrize("name", ["", "hai từ", "x" * 101, "a\x00"])
def test_a_list_needs_a_name_that_can_be_written(name: str) -> None:
    with pytest.raises(OutreachError, match="the name of a list"):
        check_source(name)


def test_a_file_with_headings_only_is_an_empty_list(engine: Engine, keys: KeyRing, file: Path) -> None:
    assert counts(bring_in(engine, keys, write(file, "full_name;phone"))) == {}


class TestInsideAScope:
    officer = Scope("01/", "officer")

    def test_people_can_be_put_into_ones_own_units_only(self, engine: Engine, keys: KeyRing, file: Path) -> None:
        rows = (f"Lê An;{HOAN_KIEM}", "Lê Bình;48", "Lê Cúc;")
        report = bring_in(engine, keys, write(file, "full_name;unit_code", *rows), scope=self.officer)
        assert counts(report) == {"rows": 3, "added": 1, "rejected": 2}
        assert [row["row"] for row in rejects(report)] == ["3", "4"]

    def test_people_of_other_units_are_not_touched(self, engine: Engine, keys: KeyRing, file: Path) -> None:
        head = "external_id;full_name;unit_code"
        bring_in(engine, keys, write(file, head, "1;Lê An;48", f"2;Lê Bình;{HOAN_KIEM}"))
        changed = write(file, head, f"1;Lê Ân;{HOAN_KIEM}", "2;Lê Binh;")
        report = bring_in(engine, keys, changed, scope=self.officer)
        assert counts(report) == {"rows": 2, "updated": 1, "rejected": 1}
        assert person(engine, "Lê An").unit_code == "48"

    def test_nobody_can_be_moved_out_of_sight(self, engine: Engine, keys: KeyRing, file: Path) -> None:
        head = "external_id;full_name;unit_code"
        bring_in(engine, keys, write(file, head, f"2;Lê Bình;{HOAN_KIEM}"))
        report = bring_in(engine, keys, write(file, head, "2;Lê Bình;-"), scope=self.officer)
        assert counts(report) == {"rows": 1, "rejected": 1}


def test_who_asked_to_be_erased_is_not_brought_back(engine: Engine, keys: KeyRing, file: Path) -> None:
    full(engine, keys, file)
    with engine.begin() as connection:
        connection.execute(text("UPDATE contacts SET erased_at = now()"))
    report = bring_in(engine, keys, write(file, "external_id;full_name", "17;Nguyễn Văn Hùng"))
    assert counts(report) == {"rows": 1, "rejected": 1}
    assert "asked to be erased" in rejects(report)[0]["reasons"]


class TestANewKey:
    old = KeyRing({1: "the first secret of this test, long enough"})
    both = KeyRing({1: "the first secret of this test, long enough", 2: "the second secret of this test, long enough"})

    def test_seals_known_addresses_anew_without_calling_it_an_update(self, engine: Engine, file: Path) -> None:
        listed = write(file, "external_id;full_name;phone", "1;Lê An;0912345678")
        bring_in(engine, self.old, listed)
        assert counts(bring_in(engine, self.both, listed)) == {"rows": 1, "unchanged": 1}
        with engine.connect() as connection:
            (row,) = connection.execute(text("SELECT fingerprint, key_version FROM addresses"))
        assert (row.fingerprint, row.key_version) == (self.both.fingerprint("+84912345678"), 2)
        assert phones(engine, self.both, "Lê An") == ["+84912345678"]

    def test_forgets_no_refusal(self, engine: Engine, file: Path) -> None:
        listed = write(file, "external_id;full_name;phone", "1;Lê An;0912345678", "2;Lê Bình;0912345678")
        bring_in(engine, self.old, listed)
        with engine.begin() as connection:
            suppressions.suppress(
                connection,
                self.old.fingerprints("+84912345678"),
                channel="sms",
                reason=Reason.OPTED_OUT,
                source="officer",
            )
        bring_in(engine, self.both, write(file, "external_id;full_name;phone", "1;Lê An;0912345678"))
        with engine.begin() as connection:
            barred = connection.execute(
                text("""SELECT c.external_id FROM contacts c JOIN addresses a ON a.contact_id = c.id
                        JOIN suppressions s ON s.fingerprint = a.fingerprint ORDER BY 1""")
            ).scalars()
            assert list(barred) == ["1", "2"]


def test_two_imports_into_one_source_do_not_run_at_once(engine: Engine) -> None:
    with engine.connect() as first, engine.connect() as second, engine.connect() as third:
        for connection in (first, second, third):
            connection.detach()
        contact_import.prepare(first, "main")
        contact_import.prepare(second, "another")
        with pytest.raises(OutreachError, match='another import into "main" is running'):
            contact_import.prepare(third, "main", wait_ms=50)
        first.close()
        third.rollback()
        contact_import.prepare(third, "main")
