"""What an e-mail's HTML may not hold: whatever acts, loads or sends something, as mail programs drop or distrust it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Final

from outreach.domain.template_source import TemplateProblem

_ACTING: Final = frozenset(
    ("script", "iframe", "frame", "frameset", "object", "embed", "applet", "form", "input", "button", "base", "audio",
     "video", "svg", "math")
)  # fmt: skip
_LOADING: Final = re.compile(r"@import|url\(\s*[\"']?\s*(?!data:|#)|expression\s*\(", re.IGNORECASE)
_ADDRESSES: Final = ("href", "src", "background", "action", "poster", "srcset")
_DANGEROUS: Final = re.compile(r"\s*(?:javascript|vbscript|file)\s*:", re.IGNORECASE)
_CARRIED: Final = re.compile(r"\s*data:image/(?:png|jpe?g|gif)[;,]", re.IGNORECASE)


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[TemplateProblem] = []
        self._styling = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._styling = tag == "style"
        if tag in _ACTING:
            self._add(f"<{tag}> has no place in an e-mail: mail programs remove it; leave it out")
        elif tag == "link":
            self._add("<link> loads something: write the rules into <style>, they are put into the elements")
        elif tag == "meta" and any(
            name == "http-equiv" and (value or "").lower() == "refresh" for name, value in attrs
        ):
            self._add("an e-mail may not lead its reader elsewhere by itself; remove the <meta>")
        for name, value in attrs:
            self._attribute(tag, name, value or "")

    def _attribute(self, tag: str, name: str, value: str) -> None:
        if name.startswith("on"):
            self._add(f'"{name}" acts by itself: mail programs remove it; leave it out')
        elif name == "style" and _LOADING.search(value):
            self._add("a style loads something: an e-mail carries all it shows")
        elif name in _ADDRESSES and _DANGEROUS.match(value):
            self._add(f'the address of "{name}" is not one of the web')
        elif tag != "a" and name in ("src", "background", "poster", "srcset") and not _CARRIED.match(value):
            self._add(
                "an image from elsewhere tells where and when the e-mail is read: attach it, or write data:image/…"
            )

    def handle_endtag(self, tag: str) -> None:
        self._styling = self._styling and tag != "style"

    def handle_data(self, data: str) -> None:
        if self._styling and _LOADING.search(data):
            self._add("the style sheet loads something: an e-mail carries all it shows")

    def _add(self, what: str) -> None:
        self.found.append(TemplateProblem(self.getpos()[0], what))


def html_problems(text: str) -> Iterator[TemplateProblem]:
    """What may not stand in the HTML of a template, by line; what is filled in later is escaped and so harmless."""
    reader = _Reader()
    reader.feed(text)
    reader.close()
    yield from reader.found
