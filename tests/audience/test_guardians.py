"""Guardians in any order, never in a circle, never children; and a child's message goes to theirs."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from audience_files import bring_in, counts, person, rejects, write
from sqlalchemy import Engine, text

from outreach.domain.privacy import KeyRing
from tests.world import World

HEAD = "Mã số;Họ và tên;Ngày sinh;SĐT;Mã người giám hộ"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "list.csv"


def guardians(engine: Engine) -> dict[str, str | None]:
    query = "SELECT c.external_id, g.external_id AS above FROM contacts c LEFT JOIN contacts g ON g.id = c.guardian_id"
    with engine.connect() as connection:
        return {row.external_id: row.above for row in connection.execute(text(query))}


@pytest.mark.parametrize("chunk_rows", [1, 2, 100])
@pytest.mark.parametrize(
    "rows",
    [
        ("a;Lê A;;;b", "b;Lê B;;;a"),
        ("a;Lê A;;;b", "b;Lê B;;;c", "c;Lê C;;;a"),
        ("a;Lê A;;;b", "b;Lê B;;;a", "d;Lê D;;;b"),
    ],
)
def test_a_circle_is_refused_whether_people_are_new_or_stored(
    engine: Engine, keys: KeyRing, file: Path, rows: tuple[str, ...], chunk_rows: int
) -> None:
    new = bring_in(engine, keys, write(file, HEAD, *rows), chunk_rows=chunk_rows)
    assert counts(new) == {"rows": len(rows), "rejected": len(rows)}
    bring_in(engine, keys, write(file, HEAD, *(row[: row.rindex(";") + 1] for row in rows)))
    stored = bring_in(engine, keys, write(file, HEAD, *rows), chunk_rows=chunk_rows)
    assert counts(stored)["rejected"] >= 1
    above = guardians(engine)
    for start in above:
        way, at = [start], above[start]
        while at is not None:
            assert at not in way
            way.append(at)
            at = above[at]


def test_a_circle_through_what_is_stored_is_refused_with_its_reason(engine: Engine, keys: KeyRing, file: Path) -> None:
    bring_in(engine, keys, write(file, HEAD, "a;Lê A;;;b", "b;Lê B;;;"))
    report = bring_in(engine, keys, write(file, HEAD, "b;Lê B;;;a"))
    assert counts(report) == {"rows": 1, "rejected": 1}
    assert "guardians in a circle" in rejects(report)[0]["reasons"]


@pytest.mark.parametrize("chunk_rows", [1, 100])
def test_a_chain_is_followed_whatever_its_order(engine: Engine, keys: KeyRing, file: Path, chunk_rows: int) -> None:
    listed = write(file, HEAD, "d;Lê D;;;c", "c;Lê C;;;b", "a;Lê A;;;", "b;Lê B;;;a")
    assert counts(bring_in(engine, keys, listed, chunk_rows=chunk_rows)) == {"rows": 4, "added": 4}
    assert guardians(engine) == {"a": None, "b": "a", "c": "b", "d": "c"}
    assert counts(bring_in(engine, keys, listed, chunk_rows=chunk_rows)) == {"rows": 4, "unchanged": 4}


def test_a_turned_chain_is_no_circle_once_the_old_one_is_cleared(engine: Engine, keys: KeyRing, file: Path) -> None:
    bring_in(engine, keys, write(file, HEAD, "a;Lê A;;;b", "b;Lê B;;;"))
    turned = write(file, HEAD, "b;Lê B;;;a", "a;Lê A;;;-")
    assert counts(bring_in(engine, keys, turned, chunk_rows=1)) == {"rows": 2, "updated": 2}
    assert guardians(engine) == {"a": None, "b": "a"}


def test_a_child_is_no_guardian(engine: Engine, keys: KeyRing, file: Path) -> None:
    report = bring_in(
        engine, keys, write(file, HEAD, "a;Lê A;2015;;b", "b;Lê B;2012;;", "c;Lê C;2015;;d", "d;Lê D;2000;;")
    )
    assert counts(report) == {"rows": 4, "added": 3, "rejected": 1}
    assert "the guardian is under 18" in rejects(report)[0]["reasons"]
    assert guardians(engine) == {"b": None, "c": "d", "d": None}


def test_a_message_for_a_child_goes_to_the_guardian_of_the_list(world: World, keys: KeyRing, file: Path) -> None:
    rows = ("c;Lê Con;2015-07-01;0912000009;m", "m;Lê Mẹ;1985;0912000001;", "o;Lê Mồ Côi;2014-02-03;0912000008;")
    listed = write(file, HEAD, *rows)
    assert counts(bring_in(world.engine, keys, listed)) == {"rows": 3, "added": 3}
    world.launch(
        """
        campaign: tiem-chung
        title: Tiêm chủng
        issuer: UBND xã
        starts: 2026-01-01
        ends: 2027-12-31
        messages:
          - id: nhac
            segment: {all: [{age: {max: 17}}]}
            text: {sms: "Moi chau di tiem chung"}
            channels: [sms]
            schedule: {at: launch}
        """
    )
    world.plan()
    assert world.states() == [("Lê Con", "sms", "planned", None), ("Lê Mồ Côi", "sms", "suppressed", "under_age")]
    row = next(row for row in world.rows() if row.name == "Lê Con")
    assert bytes(row.fingerprint) == keys.fingerprint("+84912000001")
    assert person(world.engine, "Lê Con").birth_date == date(2015, 7, 1)


ADVERT = """
    campaign: quang-cao
    title: Quảng cáo
    issuer: UBND xã
    starts: 2026-01-01
    ends: 2027-12-31
    class: advertising
    messages:
      - id: moi
        segment: {kind: person}
        text: {sms: "[QC] Hoi cho OCOP"}
        channels: [sms]
        schedule: {at: launch}
"""


def test_a_consent_of_the_list_opens_its_channel_for_advertising(world: World, keys: KeyRing, file: Path) -> None:
    head = "Mã số;Họ và tên;SĐT;Mục đích đồng ý;Ngày đồng ý;Kênh đồng ý;Cách thức đồng ý;Bằng chứng đồng ý"
    rows = (
        "1;Lê An;0912000001;Quảng cáo;01/02/2026;Tin nhắn;phiếu;HS-1",
        "2;Lê Bình;0912000002;quảng cáo;01/02/2026;thư điện tử;phiếu;HS-2",
        "3;Lê Cúc;0912000003;advertising;01/02/2026;;phiếu;HS-3",
        "4;Lê Dung;0912000004;;;;;",
        "5;Lê Én;0912000005;nhắc hẹn;01/02/2026;sms;phiếu;HS-5",
        "6;Lê Giang;0912000006;quảng cáo;01/02/2026;bồ câu;phiếu;HS-6",
        "7;Lê Hà;0912000007;quảng cáo;01/02/2036;sms;phiếu;HS-7",
    )
    report = bring_in(world.engine, keys, write(file, head, *rows))
    assert counts(report) == {"rows": 7, "added": 5, "rejected": 2}
    assert [(row["row"], row["columns"]) for row in rejects(report)] == [
        ("7", "consent_channel"),
        ("8", "consent_date"),
    ]
    world.launch(ADVERT)
    world.plan()
    assert {name: reason for name, _, _, reason in world.states()} == {
        "Lê An": None, "Lê Bình": "no_consent", "Lê Cúc": None, "Lê Dung": "no_consent", "Lê Én": "no_consent",
    }  # fmt: skip
