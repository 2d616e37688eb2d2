"""Which of our two languages a visitor reads."""

from __future__ import annotations

from enum import StrEnum

from fastapi import Request


class Language(StrEnum):
    """The languages of our pages."""

    VI = "vi"
    EN = "en"

    @property
    def other(self) -> Language:
        """The one a visitor can switch to."""
        return Language.EN if self is Language.VI else Language.VI


def chosen(request: Request, fallback: str) -> Language:
    """What the address says (`?lang=en`), else `fallback`."""
    return _known(request.query_params.get("lang", "")) or Language(fallback)


def preferred(request: Request, fallback: str) -> Language:
    """What the address says, else what the browser asks for (RFC 9110, 12.5.4), else `fallback`."""
    said = _known(request.query_params.get("lang", ""))
    return said or _accepted(request.headers.get("accept-language", "")) or Language(fallback)


def _accepted(header: str) -> Language | None:
    best: tuple[float, Language] | None = None
    for item in header.split(",")[:20]:
        tag, _, weight = item.strip().partition(";q=")
        language = _known(tag.split("-")[0].lower())
        quality = _quality(weight)
        if language is not None and quality > 0 and (best is None or quality > best[0]):
            best = (quality, language)
    return best[1] if best else None


def _quality(weight: str) -> float:
    try:
        return float(weight) if weight else 1.0
    except ValueError:
        return 0.0


def _known(name: str) -> Language | None:
    return next((language for language in Language if language == name), None)
