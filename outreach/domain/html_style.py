"""An e-mail's styles, put where mail programs look for them: into each element. Nothing is ever loaded."""

from __future__ import annotations

from typing import Final

from css_inline import CSSInliner, InlineError

_INLINER: Final = CSSInliner(
    inline_style_tags=True, load_remote_stylesheets=False, keep_style_tags=False, keep_link_tags=False,
    keep_at_rules=True,
)  # fmt: skip
"""Rules with an @ (for small screens) stay in a style sheet, as they cannot stand in an element."""


def is_styled(html: str) -> bool:
    """Whether there is a style sheet to be put in place."""
    return "<style" in html.lower()


def inlined(document: str) -> str:
    """The document with the rules of its style sheets in its elements; raises ValueError where that cannot be done."""
    try:
        return _INLINER.inline(document)
    except InlineError:
        raise ValueError("the style sheet cannot be read") from None
