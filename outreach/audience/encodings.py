"""What a list is written in: the encoding that was asked for, or what an old font's text gives away, column by column.

Nothing is converted that nobody asked for: a reading that would be better is reported, with samples, and refused.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from outreach.domain.errors import OutreachError
from outreach.domain.legacy_text import Legacy, to_unicode
from outreach.domain.syllables import invalid_words, is_syllable, marked_words

UTF8 = "utf-8-sig"
_ALIASES = {
    "utf-8": UTF8, "utf8": UTF8, "utf-8-sig": UTF8, "windows-1258": "cp1258", "tcvn": "tcvn3", "abc": "tcvn3",
    "tcvn-3": "tcvn3", "vni-win": "vni", "vni-windows": "vni",
}  # fmt: skip
_CARRIER = "cp1252"
"""How the bytes of text of the old fonts are read: every sign is a Western letter."""
SAMPLES = 3
_NAMED = 5
"""Columns a question names."""
_FAMILY_NAMES = """
    nguyễn trần lê phạm hoàng huỳnh phan vũ võ đặng bùi đỗ hồ ngô dương lý đào đoàn vương trịnh trương đinh lâm phùng
    mai tô hà tạ chu châu cao thái lưu lương lò vàng nông triệu quàng cầm lã mã từ tống
"""


@dataclass(frozen=True, slots=True)
class Asked:
    """An encoding by name. `codec` None: UTF-8, or what the file's own mark says; `legacy`: fonts to convert from."""

    codec: str | None = None
    legacy: tuple[Legacy, ...] = ()
    explicit: bool = False

    @classmethod
    def of(cls, name: str | None) -> Asked:
        """Read what follows `--encoding`: a codec of Python's, `tcvn3`, `vni`, or `tcvn3,vni`; raises OutreachError."""
        if name is None:
            return cls()
        words = [_ALIASES.get(word.strip().lower(), word.strip().lower()) for word in name.split(",")]
        if all(word in tuple(Legacy) for word in words):
            return cls(None, tuple(Legacy(word) for word in words), explicit=True)
        try:
            "".encode(words[0])
        except (LookupError, UnicodeError):
            words = []
        if len(words) != 1:
            known = "utf-8, utf-16, windows-1258, tcvn3 or vni"
            raise OutreachError(f'there is no text encoding "{name}": use one like {known}')
        return cls(words[0], (), explicit=True)


class EncodingInDoubt(OutreachError):
    """The text reads better in another encoding: a person must say which.

    `encoding`: what `--encoding` takes; `samples`: words as they stand and as they would be read, headings or single
    words of cells, so that they show the letters and name nobody; `bytes_differ`: it cannot be read as it stands.
    """

    def __init__(
        self, where: str, what: str, encoding: str, samples: Sequence[tuple[str, str]], *, bytes_differ: bool = False
    ) -> None:
        self.bytes_differ = bytes_differ
        self.where = where
        self.what = what
        self.encoding = encoding
        self.samples = tuple(samples)
        shown = "; ".join(f'"{before}" → "{after}"' for before, after in self.samples)
        keep = "" if bytes_differ else "; to keep it as it stands, --encoding utf-8"
        super().__init__(
            f"{where}: {what}: {shown}; nothing was stored: to convert it, add --encoding {encoding}{keep}"
        )


@dataclass(slots=True)
class _Weights:
    """What the cells of one column say for and against an old font."""

    improved: int = 0
    worsened: int = 0
    words: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class Reading:
    """How a column is read. `doubtful`: whether a cell that makes sense either way is of the old font."""

    legacy: Legacy
    doubtful: bool
    words: tuple[str, ...] = ()

    def converter(self, *, name: bool) -> Callable[[str], str]:
        """What turns a cell of the column into Unicode; `name`: its words begin with capitals."""

        @lru_cache(maxsize=1 << 14)
        def convert(cell: str) -> str:
            better = _compare(cell, self.legacy)
            wanted = self.doubtful if better == 0 else better > 0
            return to_unicode(cell, self.legacy, name=name) if wanted else cell

        return lambda cell: cell if cell.isascii() else convert(cell)


def _compare(cell: str, legacy: Legacy) -> int:
    """1 if a cell makes more sense as text of the old font, -1 if it makes less, 0 if neither."""
    if not all(sign.isascii() or sign in legacy.signs for sign in cell):
        return -1
    read = to_unicode(cell, legacy)
    before, after = invalid_words(cell), invalid_words(read)
    if before == after:
        before, after = -_is_named(cell), -_is_named(read)
    return (after < before) - (after > before)


def _is_named(cell: str) -> bool:
    """Whether the text begins with one of the commonest family names: `Lê` is likelier than `Lờ`, `Vũ` than `Vò`."""
    return cell.split(" ", 1)[0].casefold() in _FAMILY_NAMES.split()


def read_columns(rows: Iterable[Sequence[str]]) -> dict[int, Reading]:
    """The columns of a sample that hold text of an old font, and of which; the others are not in the answer.

    A column counts with two cells that make sense only so, if they are most of those that make none as they stand.
    """
    cells: dict[int, set[str]] = {}
    for row in rows:
        for place, cell in enumerate(row):
            if not cell.isascii():
                cells.setdefault(place, set()).add(cell.strip())
    found = {place: _read_column(texts) for place, texts in cells.items()}
    return {place: reading for place, reading in found.items() if reading}


def _read_column(cells: Iterable[str]) -> Reading | None:
    listed = sorted(cells)
    senseless = sum(invalid_words(cell) > 0 for cell in listed)
    weighed = {legacy: _weigh(listed, legacy) for legacy in Legacy}
    legacy, best = max(weighed.items(), key=lambda item: (item[1].improved, item[0] is Legacy.TCVN3))
    certain = best.improved >= 2 or (best.improved == 1 and len(best.words) >= 2)
    if not certain or best.improved < 0.6 * senseless:
        return None
    return Reading(legacy, best.improved > best.worsened, tuple(word for word, _ in best.words.most_common(SAMPLES)))


def _weigh(cells: Iterable[str], legacy: Legacy) -> _Weights:
    weights = _Weights()
    for cell in cells:
        better = _compare(cell, legacy)
        if better > 0 and invalid_words(cell) and invalid_words(to_unicode(cell, legacy)) == 0:
            weights.improved += 1
            weights.words.update(word for word in marked_words(cell) if not is_syllable(word))
        elif better < 0:
            weights.worsened += 1
    return weights


def in_doubt(where: str, readings: Mapping[int, Reading], names: Sequence[str]) -> EncodingInDoubt:
    """The question to ask about columns of old fonts; `names`: their headings as they stand."""
    fonts = sorted({reading.legacy for reading in readings.values()})
    samples: dict[str, str] = {}
    for place, reading in sorted(readings.items()):
        heading = names[place] if place < len(names) else ""
        if _compare(heading, reading.legacy) > 0:
            samples[heading] = to_unicode(heading, reading.legacy)
        samples |= {word: to_unicode(word, reading.legacy) for word in reading.words}
    columns = ", ".join(f'"{_shown(names, place)}"' for place in sorted(readings)[:_NAMED])
    if len(readings) > _NAMED:
        columns += f" and {len(readings) - _NAMED:,} more"
    what = f"the text of {columns} looks like {' and '.join(font.spoken for font in fonts)}, not Unicode"
    return EncodingInDoubt(where, what, ",".join(fonts), list(samples.items())[:SAMPLES])


def _shown(names: Sequence[str], place: int) -> str:
    return names[place] if place < len(names) and names[place] else f"column {place + 1}"


def guess_bytes(where: str, data: bytes) -> EncodingInDoubt | None:
    """The question to ask about bytes that are no UTF-8: the encoding in which they make most sense, if any does."""
    if data.count(0) > len(data) // 4:
        return EncodingInDoubt(
            where, "this looks like UTF-16 text without its mark", _utf16(data), (), bytes_differ=True
        )
    western = data.decode(_CARRIER, "replace")
    readings: dict[str, Callable[[str], str]] = {
        "tcvn3": lambda word: to_unicode(word, Legacy.TCVN3),
        "vni": lambda word: to_unicode(word, Legacy.VNI),
        "windows-1258": lambda word: word.encode(_CARRIER, "replace").decode("cp1258", "replace"),
    }
    words = Counter(marked_words(western))
    if not words:
        return None
    share = {name: _invalid_share(words, read) for name, read in readings.items()}
    best = min(share, key=lambda name: share[name])
    as_it_stands = _invalid_share(words, lambda word: word)
    if share[best] > 0.3 or share[best] >= as_it_stands:
        return None
    shown = [word for word, _ in words.most_common() if not is_syllable(word)][:SAMPLES]
    title = {"tcvn3": Legacy.TCVN3.spoken, "vni": Legacy.VNI.spoken}.get(best, "Windows-1258 (Vietnamese)")
    samples = [(word, readings[best](word)) for word in shown]
    return EncodingInDoubt(where, f"the file is not UTF-8; it looks like {title}", best, samples, bytes_differ=True)


def _utf16(data: bytes) -> str:
    return "utf-16-le" if data[1::2].count(0) >= data[::2].count(0) else "utf-16-be"


def _invalid_share(words: Counter[str], read: Callable[[str], str]) -> float:
    wrong = sum(times for word, times in words.items() if not is_syllable(read(word)))
    return wrong / words.total()
