"""The plain-text part of an e-mail, made from its HTML; and HTML made from plain text."""

from __future__ import annotations

import re
from html import escape
from html.parser import HTMLParser
from typing import Final

_BLOCKS: Final = frozenset(
    (
        *("address", "article", "blockquote", "center", "div", "dl", "dt", "dd", "footer", "form", "header", "hr"),
        *("h1", "h2", "h3", "h4", "h5", "h6", "main", "nav", "ol", "p", "pre", "section", "table", "tr", "ul"),
    )
)
_SPACED: Final = frozenset(["p", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "table", "blockquote"])
_SILENT: Final = frozenset(["head", "style", "script", "title", "template"])


class _Reader(HTMLParser):
    """Collects the text; links keep their address after their words, list items a dash or their number."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.pieces: list[str] = []
        self._silent = 0
        self._links: list[tuple[str, int]] = []
        self._lists: list[int | None] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _SILENT:
            self._silent += 1
        self._break(tag)
        if tag == "br":
            self.pieces.append("\n")
        elif tag in ("ul", "ol"):
            self._lists.append(0 if tag == "ol" else None)
        elif tag == "li":
            self.pieces.append(f"\n{self._bullet()} ")
        elif tag == "a":
            self._links.append((dict(attrs).get("href") or "", len(self.pieces)))
        elif tag == "img" and not self._silent:
            self.pieces.append(dict(attrs).get("alt") or "")

    def handle_endtag(self, tag: str) -> None:
        if tag in _SILENT:
            self._silent = max(0, self._silent - 1)
        if tag == "a" and self._links:
            self._close_link()
        elif tag in ("ul", "ol") and self._lists:
            self._lists.pop()
        elif tag in ("td", "th"):
            self.pieces.append(" ")
        self._break(tag)

    def _bullet(self) -> str:
        number = self._lists[-1] if self._lists else None
        if number is None:
            return "-"
        self._lists[-1] = number + 1
        return f"{number + 1}."

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self.pieces.append(re.sub(r"\s+", " ", data))

    def _break(self, tag: str) -> None:
        if tag in _BLOCKS:
            self.pieces.append("\n\n" if tag in _SPACED else "\n")

    def _close_link(self) -> None:
        target, start = self._links.pop()
        words = "".join(self.pieces[start:]).strip()
        if target.startswith("#") or not target:
            return
        shown = target.removeprefix("mailto:").removeprefix("tel:")
        if shown.removeprefix("https://").rstrip("/") not in words:
            self.pieces.append(f" ({shown})" if words else shown)


def html_to_text(html: str) -> str:
    """The text a reader of the HTML sees: paragraphs apart by an empty line, links with their address."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    lines = [re.sub(r"[ \t\xa0]+", " ", line).strip() for line in "".join(reader.pieces).split("\n")]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


_WEB_LINK = re.compile(r"https?://[^\s<>\"]+[^\s<>\".,;:!?)]")


def text_to_html(text: str) -> str:
    """Paragraphs and line breaks of a plain text as HTML; web addresses become links, all else is escaped."""
    pieces, end = [], 0
    for link in _WEB_LINK.finditer(text):
        address = escape(link[0])
        pieces += [escape(text[end : link.start()], quote=False), f'<a href="{address}">{address}</a>']
        end = link.end()
    escaped = "".join([*pieces, escape(text[end:], quote=False)])
    paragraphs = (part.strip().replace("\n", "<br>\n") for part in re.split(r"\n\s*\n", escaped))
    return "\n".join(f"<p>{part}</p>" for part in paragraphs if part)


_LETTER: Final = (
    "max-width:600px;margin:0 auto;padding:16px;font-family:Arial,Helvetica,sans-serif;font-size:17px;"
    "line-height:1.5;color:#1a1a1a;overflow-wrap:break-word"
)
"""Styles of the letter itself, in place: mail programs drop style sheets."""


def html_document(body: str, language: str) -> str:
    """The body as a whole document, readable on a telephone, unless it is one already."""
    if re.match(r"\s*<(?:!doctype|html)\b", body, re.IGNORECASE):
        return body
    head = '<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"></head>'
    opened = f'<!doctype html>\n<html lang="{escape(language)}">{head}\n<body style="margin:0">'
    return f'{opened}\n<div style="{_LETTER}">\n{body}\n</div>\n</body></html>\n'
