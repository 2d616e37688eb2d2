"""Vietnamese text from the list to the phone: however a name was stored, the SMS that leaves is its right NFC text."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from audience_files import bring_in, counts, person
from old_fonts import tcvn3, vni
from sheets import book

from outreach.dispatch.accounts_file import load_accounts
from outreach.dispatch.loop import SendingLoop
from outreach.domain.privacy import KeyRing
from outreach.domain.words import Lane
from tests.processes import Sandbox, accounts_toml, sandbox
from tests.sending import child_of
from tests.world import World

CAMPAIGN = """
    campaign: thu
    title: Thử
    issuer: UBND xã
    starts: 2026-01-01
    ends: 2027-12-31
    messages:
      - id: moi
        segment: {kind: person}
        text: {sms: "UBND xã kính mời {{ contact.full_name }} đến thôn {{ contact.attr.thon }}, ngõ Uỷ."}
        channels: [sms]
        schedule: {at: launch}
"""
HEAD = ("Mã số", "Họ và tên", "Ngày sinh", "SĐT", "attr.thon")
NAMES = ("Nguyễn Thị Thuỷ", "Đỗ Đức Hoà", "Trần Quỳnh Ủy")
PLACES = ("Ngoài", "Giữa", "Thượng")
PLAIN = ("Nguyen Thi Thuy", "Do Duc Hoa", "Tran Quynh Uy")


class Person(NamedTuple):
    """A row of the list, and the text that must reach the phone."""

    cells: tuple[str, ...]
    accented: str
    unaccented: str


def people() -> list[Person]:
    made = []
    for number, (name, place, plain) in enumerate(zip(NAMES, PLACES, PLAIN, strict=True)):
        cells = (str(number), name, "1980", f"09123400{number:02}", place)
        text = f"UBND xã kính mời {name} đến thôn {place}, ngõ Uỷ."
        bare = {"Ngoài": "Ngoai", "Giữa": "Giua", "Thượng": "Thuong"}[place]
        made.append(Person(cells, text, f"UBND xa kinh moi {plain} den thon {bare}, ngo Uy."))
    return made


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with sandbox(tmp_path_factory.mktemp("sandbox")) as running:
        yield running


@pytest.fixture
def delivered(
    world: World, box: Sandbox, redis_url: str, tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[Callable[[], dict[str, str]]]:
    """Launches the campaign, drains it by the real adapter over HTTP; what the sandbox's log says each phone got."""
    file = tmp_path / "accounts.toml"
    form = f'text_form = "{request.param}"\n\n[accounts.mail]'
    file.write_text(accounts_toml(box).replace("[accounts.mail]", form))
    accounts = load_accounts(file, timeout=2.0)
    loop = SendingLoop(accounts.makers)
    dispatcher = child_of(world, accounts.known, loop, redis_url)

    def send() -> dict[str, str]:
        before = len(box.accepted())
        world.launch(CAMPAIGN)
        world.plan()
        assert dispatcher.drain("sms-main", Lane.BULK).sent == len(NAMES)
        return {entry.to: entry.body for entry in box.accepted()[before:]}

    yield send
    loop.close()


def nfd_csv(folder: Path) -> tuple[Path, str | None]:
    """UTF-8 as a Mac writes it: letters and marks apart, semicolons, with the mark of UTF-8."""
    rows = [";".join(cells) for cells in (HEAD, *(one.cells for one in people()))]
    (folder / "nfd.csv").write_text(unicodedata.normalize("NFD", "\r\n".join(rows)), encoding="utf-8-sig", newline="")
    return folder / "nfd.csv", None


def utf16_text(folder: Path) -> tuple[Path, str | None]:
    """`Unicode text` as Excel saves it."""
    rows = ["\t".join(cells) for cells in (HEAD, *(one.cells for one in people()))]
    (folder / "list.txt").write_text("\r\n".join(rows), encoding="utf-16", newline="")
    return folder / "list.txt", None


def tcvn3_csv(folder: Path) -> tuple[Path, str | None]:
    """Bytes of the old font, as Excel of its day saved them; `Ủ` is not in it, people wrote a small letter."""
    rows = [tcvn3(";".join(cells).replace("Ủ", "ủ")) for cells in (HEAD, *(one.cells for one in people()))]
    (folder / "abc.csv").write_bytes("\r\n".join(rows).encode("cp1252"))
    return folder / "abc.csv", "tcvn3"


def tcvn3_book(folder: Path) -> tuple[Path, str | None]:
    """A workbook of today with one column still in the old font, below a title, phones as numbers."""
    rows = [(n, tcvn3(name.replace("Ủ", "ủ")), 1980, int(phone), thon) for (n, name, _, phone, thon), *_ in people()]
    return book(folder / "abc.xlsx", ("DANH SÁCH NGƯỜI DÂN",), HEAD, *rows), "tcvn3"


def vni_csv(folder: Path) -> tuple[Path, str | None]:
    """The font of the south."""
    rows = [vni(";".join(cells)) for cells in (HEAD, *(one.cells for one in people()))]
    (folder / "vni.csv").write_bytes("\r\n".join(rows).encode("cp1252"))
    return folder / "vni.csv", "vni"


LISTS = [nfd_csv, utf16_text, tcvn3_csv, tcvn3_book, vni_csv]


@pytest.mark.parametrize("delivered", ["accented", "unaccented"], indirect=True)
@pytest.mark.parametrize("make", LISTS, ids=lambda make: make.__name__)
def test_the_sms_that_leaves_is_the_right_text(
    world: World, keys: KeyRing, tmp_path: Path, delivered: Callable[[], dict[str, str]],
    make: Callable[[Path], tuple[Path, str | None]], request: pytest.FixtureRequest,
) -> None:  # fmt: skip
    file, encoding = make(tmp_path)
    assert counts(bring_in(world.engine, keys, file, encoding=encoding))["added"] == len(NAMES)
    bodies = delivered()
    form = request.node.callspec.params["delivered"]
    assert bodies == {f"+84{one.cells[3][1:]}": getattr(one, form) for one in people()}
    for body in bodies.values():
        assert unicodedata.is_normalized("NFC", body)
        assert body.isascii() is (form == "unaccented")


def test_both_ways_to_set_the_tone_are_one_person_with_the_name_as_last_written(
    world: World, keys: KeyRing, tmp_path: Path
) -> None:
    file = tmp_path / "list.csv"
    rows = ("Họ và tên;Ngày sinh;SĐT", "Nguyễn Thị Thuỷ;1980;0912340001", "NGUYỄN THỊ THỦY;1980;0912340001")
    file.write_text(unicodedata.normalize("NFD", "\n".join(rows)), encoding="utf-8")
    assert counts(bring_in(world.engine, keys, file)) == {"rows": 2, "added": 1, "duplicates": 1}
    file.write_text("\n".join((rows[0], "Nguyễn Thị Thủy;1980;")), encoding="utf-8")
    assert counts(bring_in(world.engine, keys, file)) == {"rows": 1, "updated": 1}
    assert person(world.engine, "Nguyễn Thị Thủy").search_key == "nguyen thi thuy"
