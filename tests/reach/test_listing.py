"""Who got what, and why not: listed page by page and written to a file."""

from __future__ import annotations

import csv
import io
import tracemalloc
from zoneinfo import ZoneInfo

import pytest

from outreach.domain.errors import NotFound, OutreachError
from outreach.domain.scope import EVERYTHING, Scope
from outreach.domain.spreadsheet_text import harmless
from outreach.domain.states import DeliveryState
from outreach.domain.words import Channel
from outreach.reach.listing import HEADINGS, Line, after_key, each_line, export_csv, list_deliveries
from outreach.store.explorer import Wanted
from tests.reach.reach_world import OFFICER, RURAL, URBAN, ReachWorld, campaign, message


def listed(
    land: ReachWorld, wanted: Wanted | None = None, *, scope: Scope = EVERYTHING, limit: int = 100
) -> list[Line]:
    with land.engine.connect() as connection:
        return list_deliveries(connection, "thu", wanted or Wanted(), keys=land.keys, scope=scope, limit=limit)


@pytest.fixture
def sent(land: ReachWorld) -> ReachWorld:
    """Three people by SMS, else e-mail; the stations of both communes."""
    land.person("An", phone="+84912345678", unit=RURAL)
    land.person("Bình", email="binh@example.vn", unit=URBAN)
    land.person("Chi", unit=RURAL)
    land.run(campaign(message("chao", "sms, email"), message("loa", "loudspeaker")))
    return land


def test_each_row_says_for_whom_where_to_and_why_not(sent: ReachWorld) -> None:
    rows = [line.to_json() for line in listed(sent, Wanted(message="chao"))]
    told = {(row["recipient"]["name"], row["channel"]): (row["address"], row["state"], row["reason"]) for row in rows}
    assert told == {
        ("An", "sms"): ("+84•••••678", "planned", None),
        ("Bình", "sms"): (None, "suppressed", "no_address"),
        ("Chi", "sms"): (None, "suppressed", "no_address"),
        ("Bình", "email"): ("b•••••@example.vn", "planned", None),
        ("Chi", "email"): (None, "suppressed", "no_address"),
    }
    left_out = next(row for row in rows if row["reason"] == "no_address")
    assert left_out["explanation"]["en"]["what"] == "There is no address for this channel."
    assert left_out["explanation"]["vi"]["do"].startswith("Bổ sung số điện thoại")


def test_stations_are_listed_by_name(sent: ReachWorld) -> None:
    stations = [line for line in listed(sent) if line.listed.recipient_kind == "station"]
    assert sorted(str(line.listed.name) for line in stations) == ["Đài Ba Đình", "Đài Đông Anh"]
    assert {line.address for line in stations} == {None}


@pytest.mark.parametrize(
    ("wanted", "rows"),
    [
        (Wanted(), 10),
        (Wanted(state=DeliveryState.PLANNED), 4),
        (Wanted(channel=Channel.EMAIL), 2),
        (Wanted(state=DeliveryState.SUPPRESSED, channel=Channel.SMS), 2),
        (Wanted(reason="by_station"), 3),
        (Wanted(message="chao", reason="no_address"), 3),
        (Wanted(state=DeliveryState.FAILED), 0),
    ],
)
def test_lists_are_narrowed(sent: ReachWorld, wanted: Wanted, rows: int) -> None:
    assert len(listed(sent, wanted)) == rows


def test_pages_follow_each_other_without_gap_or_overlap(sent: ReachWorld) -> None:
    whole = [line.id for line in listed(sent)]
    turned: list[str] = []
    after = (0, 0)
    while page := listed(sent, Wanted(after=after), limit=3):
        turned += [line.id for line in page]
        after = after_key(page[-1].id)
    assert turned == whole
    with sent.engine.connect() as connection:
        every = each_line(connection, "thu", Wanted(), keys=sent.keys, scope=EVERYTHING)
        assert [line.id for line in every] == whole


def test_an_officer_lists_only_the_communes_own(sent: ReachWorld) -> None:
    rows = listed(sent, scope=OFFICER)
    assert {line.listed.unit_code for line in rows} == {RURAL}
    assert {line.listed.name for line in rows} == {"An", "Chi", "Đài Đông Anh"}


def test_who_has_moved_away_is_listed_without_name_and_address(sent: ReachWorld) -> None:
    sent.sql("UPDATE contacts SET unit_code = '00004' WHERE full_name = 'An'")
    moved = [line for line in listed(sent, Wanted(message="chao"), scope=OFFICER) if line.listed.state == "planned"]
    assert [(line.listed.name, line.address) for line in moved] == [(None, None)]
    assert "An" in {line.listed.name for line in listed(sent)}


def test_the_erased_have_no_name_in_a_list(sent: ReachWorld) -> None:
    sent.sql("UPDATE contacts SET erased_at = now() WHERE full_name = 'An'")
    assert "An" not in {line.listed.name for line in listed(sent)}


@pytest.mark.parametrize("limit", [0, -1, 1001])
def test_a_page_has_its_bounds(sent: ReachWorld, limit: int) -> None:
    with pytest.raises(OutreachError, match="--limit must be from 1 to 1000"):
        listed(sent, limit=limit)


def test_an_unknown_campaign_is_not_found(land: ReachWorld) -> None:
    with pytest.raises(NotFound, match="no campaign"):
        listed(land)


def _written(land: ReachWorld, wanted: Wanted | None = None, language: str = "vi") -> list[list[str]]:
    out = io.StringIO(newline="")
    rows = export_csv(land.engine, "thu", wanted or Wanted(), out, keys=land.keys, scope=EVERYTHING, language=language)
    read = list(csv.reader(io.StringIO(out.getvalue(), newline="")))
    assert len(read) == rows + 1
    return read


def test_a_file_holds_what_the_list_shows(sent: ReachWorld) -> None:
    head, *rows = _written(sent)
    assert head == list(HEADINGS.values())
    assert [row[0] for row in rows] == [line.id for line in listed(sent)]
    assert _written(sent, language="en")[0] == list(HEADINGS)
    assert "There is no address for this channel." in _written(sent, Wanted(reason="no_address"), "en")[1][11]


def test_times_in_a_file_are_those_of_the_clocks_here_to_the_second(land: ReachWorld) -> None:
    land.person("An", phone="+84912345678")
    land.run(campaign(message("chao", "sms")))
    head, row = _written(land)
    due = listed(land)[0].listed.due_at
    assert row[head.index("Đến hạn")] == f"{due.astimezone(ZoneInfo('Asia/Ho_Chi_Minh')):%Y-%m-%d %H:%M:%S}"


@pytest.mark.parametrize("name", ["=1+1", "+84", "-2", "@SUM(A1)", "\t=1", "\r=1", "=1", "  =1"])
def test_no_spreadsheet_runs_a_cell(land: ReachWorld, name: str) -> None:
    land.person(name, phone="+84912345678")
    land.run(campaign(message("chao", "sms")))
    _, row = _written(land)
    assert row[5] == f"'{name}"
    assert row[7] == "'+84•••••678"
    assert harmless("Nguyễn Văn An") == "Nguyễn Văn An"


def test_a_long_list_is_written_without_being_held(land: ReachWorld) -> None:
    land.person("An", phone="+84912345678")
    land.run(campaign(message("chao", "sms")))
    land.sql(
        """
        INSERT INTO deliveries (run_id, recipient_kind, recipient_id, channel, step, account, lane, state, due_at,
            next_attempt_at, expires_at)
        SELECT run_id, 'contact', 1000 + n, 'sms', 0, account, lane, 'suppressed', due_at, due_at, expires_at
        FROM deliveries, generate_series(1, 30000) AS n
        """
    )
    out = _Counting()
    _export(land, out, Wanted(reason="opted_out"))
    tracemalloc.start()
    try:
        written = _export(land, out, Wanted())
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert written == 30_001
    assert out.lines >= written
    assert peak < 8_000_000


class _Counting(io.StringIO):
    """Counts lines and forgets them."""

    lines = 0

    def write(self, text: str) -> int:
        self.lines += 1
        return len(text)


def _export(land: ReachWorld, out: io.StringIO, wanted: Wanted) -> int:
    return export_csv(land.engine, "thu", wanted, out, keys=land.keys, scope=EVERYTHING)
