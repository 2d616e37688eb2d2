"""A delimited file with headings, opened once and read as often as needed."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from outreach.audience.headings import Headings, read_headings, separator_hint
from outreach.audience.records import Broken, Record, RecordReader
from outreach.audience.text_lines import check_text, read_lines


@dataclass(frozen=True, slots=True)
class DelimitedFile:
    """A checked file. `heading_line`: the line its headings stand on (1, or 2 below Excel's `sep=;`)."""

    path: Path
    encoding: str
    headings: Headings
    heading_line: int

    @classmethod
    def open(
        cls, path: Path, names: Mapping[str, Collection[str]], *, required: Collection[str], encoding: str | None = None
    ) -> DelimitedFile:
        """Check the text and the headings of `path`; raises OutreachError, before any row is read."""
        chosen = check_text(path, encoding)
        first, *others = [*islice(read_lines(path, chosen), 2), ""]
        hint = separator_hint(first)
        line = others[0] if hint else first
        return cls(path, chosen, read_headings(line, names, required=required, hint=hint, path=path), 2 if hint else 1)

    @property
    def columns(self) -> tuple[str, ...]:
        """Our names of the columns, "" where nothing stands above."""
        return self.headings.columns

    def rows(self) -> Iterator[Record | Broken]:
        """Every row below the headings, from the start."""
        lines = islice(read_lines(self.path, self.encoding), self.heading_line, None)
        width = len(self.columns)
        return iter(RecordReader(lines, delimiter=self.headings.delimiter, columns=width, first=self.heading_line + 1))
