"""Pages: Jinja2 templates with the words of one language."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from hashlib import sha256
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.responses import HTMLResponse

from outreach.web.language import Language
from outreach.web.words import WORDS

STYLE = (files("outreach.web") / "pages" / "style.css").read_bytes()
_STYLE_VERSION = sha256(STYLE).hexdigest()[:12]


class Pages:
    """Renders our pages; `base` is the path of the public address ("" where it has none)."""

    def __init__(self, *, base: str) -> None:
        self._base = base
        self._templates = Environment(
            loader=PackageLoader("outreach.web", "pages"), autoescape=True, undefined=StrictUndefined,
            trim_blocks=True, lstrip_blocks=True,
        )  # fmt: skip

    def page(self, name: str, language: Language, *, status: int = 200, **values: object) -> HTMLResponse:
        """The template `name` filled in; `t` and `number` speak the language inside it."""
        words = partial(say, language)
        html = self._templates.get_template(name).render(
            values, t=words, number=partial(number, language), language=language, base=self._base,
            style=f"{self._base}/style.css?v={_STYLE_VERSION}",
        )  # fmt: skip
        return HTMLResponse(html, status, {"Content-Language": language, "Vary": "Accept-Language"})

    def notice(self, what: str, language: Language, *, status: int = 200, **values: object) -> HTMLResponse:
        """A page of a heading and a paragraph: the words `<what>.title` and `<what>.text`."""
        spoken: Callable[..., str] = partial(say, language)
        title, text = spoken(f"{what}.title"), spoken(f"{what}.text", **values)
        return self.page("notice.html", language, status=status, title=title, text=text)


def say(language: Language, key: str, **values: object) -> str:
    """The words of `key`, with `values` filled in; raises KeyError for words nobody wrote."""
    return WORDS[key][language].format(**values)


def number(language: Language, value: int) -> str:
    """A count with its thousands set apart as the language does it."""
    return f"{value:,}" if language is Language.EN else f"{value:,}".replace(",", ".")
