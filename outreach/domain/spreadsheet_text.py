"""Text on its way into a spreadsheet and back: no cell of a file we write is ever run as a formula."""

from __future__ import annotations

from typing import Final

_RISKY: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""What makes a spreadsheet run a cell, full-width forms included."""
_BLANKS: Final = " \u00a0\u3000"


def harmless(cell: str) -> str:
    """The cell as text even for a spreadsheet that takes `=…` for a formula: with an apostrophe in front."""
    return f"'{cell}" if cell.lstrip(_BLANKS).startswith(_RISKY) else cell


def as_meant(cell: str) -> str:
    """The inverse of `harmless`: the text without the apostrophe that kept it from running."""
    bare = cell[1:]
    return bare if cell.startswith("'") and bare != harmless(bare) else cell
