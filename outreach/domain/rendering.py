"""Templates into what one recipient gets: compiled once per run, rendered in a sandbox, wrong ones refused early."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

from jinja2 import Template, UndefinedError, nodes
from jinja2.exceptions import SecurityError

from outreach.domain.attachments import AttachedFile
from outreach.domain.context import TO_EVERYONE
from outreach.domain.errors import OutreachError
from outreach.domain.html_style import inlined, is_styled
from outreach.domain.html_text import html_document, html_to_text, text_to_html
from outreach.domain.provider_template import ProviderTemplate, read_provider_template
from outreach.domain.speech import Spoken
from outreach.domain.spell_out import spell_out
from outreach.domain.template_check import find_problems, undeclared
from outreach.domain.template_env import HTML, TEXT, NothingThere
from outreach.domain.template_filters import MAX_RENDERED, FilterError, TooLong
from outreach.domain.template_source import (
    DEFAULT_LANGUAGE,
    EMAIL,
    LOUDSPEAKER,
    ZALO_ZNS,
    TemplateProblem,
    TemplateSource,
    inline_template,
)
from outreach.domain.template_variables import variables_of

__all__ = [
    "Compiled",
    "RenderError",
    "Rendered",
    "TemplateError",
    "TemplateProblem",
    "TemplateSource",
    "compile_template",
    "find_problems",
    "inline_template",
    "undeclared",
]


class TemplateError(OutreachError):
    """A template that cannot be compiled; every problem with its file and line."""


class RenderError(OutreachError):
    """A text that could not be made for one recipient; names the place and the variable, never a value."""

    def __init__(self, template: str, channel: str, language: str, line: int, what: str, variable: str = "") -> None:
        place = f"{template}/{channel}.{language}" + (f", line {line}" if line else "")
        super().__init__(f"{place}: {what}")
        self.template = template
        self.channel = channel
        self.language = language
        self.line = line
        self.what = what
        self.variable = variable


@dataclass(slots=True)  # not frozen: that costs three times as much, for every message
class Rendered:
    """What one recipient gets, NFC. Fields as in the channels' content: what a channel does not use stays empty.

    `scripts`: of a broadcast, the script in each language that is read, one after the other; `body` holds them all.
    """

    body: str = ""
    subject: str = ""
    html: str = ""
    template_id: str = ""
    parameters: Mapping[str, str] = field(default_factory=dict)
    scripts: tuple[Spoken, ...] = ()
    attachments: tuple[AttachedFile, ...] = ()


_Context = Mapping[str, object]
_Writer = Callable[[_Context], Rendered]


class Compiled:
    """A template ready to be rendered many times; safe to share between threads."""

    def __init__(self, source: TemplateSource, writers: Mapping[tuple[str, str], _Writer]) -> None:
        self.source = source
        self._writers = writers
        self._used: dict[tuple[str, str], bool] = {}

    def render(self, channel: str, language: str, context: _Context, *, samples: bool = False) -> Rendered:
        """The text of a channel in a language, falling back to `vi`; raises RenderError.

        A Vietnamese loudspeaker script is spelled out (`spell_out`); a script finds nothing personal in its context.
        `samples`: for previews, which show texts that wait for a translator; whoever sends leaves it out.
        """
        key = (channel, self.source.language_for(channel, language, samples=samples))
        writer = self._writers.get(key)
        if writer is None:
            raise RenderError(self.source.name, channel, language, 0, "there is no text for this channel")
        try:
            return writer(context)
        except _CAUGHT as error:
            raise self._explained(error, *key) from None

    def speaks_of(self, channel: str, name: str) -> bool:
        """Whether a text of the channel, in whatever language, may use a variable (`links.join`, `unit`)."""
        if (channel, name) not in self._used:
            self._used[channel, name] = channel == ZALO_ZNS or self._uses(channel, name)
        return self._used[channel, name]

    def _uses(self, channel: str, name: str) -> bool:
        root, _, attribute = name.partition(".")
        for tree in map(TEXT.parse, self.source.parts.get(channel, {}).values()):
            if attribute:
                if any(path in (root, name) for path, _ in variables_of(tree)):
                    return True
            elif any(node.name == root for node in tree.find_all(nodes.Name)):  # also where it is only tested for
                return True
        return False

    def _explained(self, error: Exception, channel: str, language: str) -> RenderError:
        line = _line_of(error.__traceback__)
        variable, what = _explanation(error, self._used_on(channel, language, line))
        return RenderError(self.source.name, channel, language, line, what, variable)

    def _used_on(self, channel: str, language: str, line: int) -> list[str]:
        if channel == ZALO_ZNS:
            return []
        tree = TEXT.parse(self.source.parts[channel][language])
        return [path for path, where in variables_of(tree) if where == line]


_CAUGHT = (UndefinedError, SecurityError, NothingThere, FilterError, TooLong, TypeError, ValueError, ArithmeticError,
           LookupError, AttributeError, RecursionError)  # fmt: skip


def _explanation(error: Exception, used: list[str]) -> tuple[str, str]:
    shown = ", ".join(dict.fromkeys(used))
    if isinstance(error, UndefinedError):
        name = next((path for path in used if path.endswith(str(error.message))), str(error.message))
        return name, f'"{name}" is not there; mend its name or write {{{{ {name} | default("…") }}}}'
    if isinstance(error, NothingThere):
        return shown, f'empty for this recipient: {shown}; write {{{{ … | default("…", true) }}}} or test it with if'
    if isinstance(error, SecurityError):
        return shown, f"this may not be used in a template: {shown}"
    if isinstance(error, FilterError):
        return shown, f"{error}: {shown}"
    if isinstance(error, TooLong):
        return "", f"the text is longer than {MAX_RENDERED:,} characters"
    return shown, f"cannot be worked out ({type(error).__name__}): {shown}"


def _line_of(traceback: TracebackType | None) -> int:
    """The line of the template in which the error arose; 0 if it arose outside."""
    line = 0
    while traceback is not None:
        template: Any = traceback.tb_frame.f_globals.get("__jinja_template__")
        if isinstance(template, Template):
            line = template.get_corresponding_lineno(traceback.tb_lineno)
        traceback = traceback.tb_next
    return line


def compile_template(source: TemplateSource) -> Compiled:
    """Compile every text of a template; raises TemplateError with all that is wrong."""
    found = [
        f"{source.file_of(channel, language)}:{problem.line}: {problem.what}"
        for channel in sorted(source.parts)
        for language in source.languages(channel)
        for problem in find_problems(source, channel, language, frozen=True)
    ]
    if found:
        raise TemplateError("\n".join(found))
    writers = {
        (channel, language): _writer(channel, language, text, source.attachments)
        for channel, texts in source.parts.items()
        for language, text in texts.items()
    }
    return Compiled(source, writers)


def _writer(channel: str, language: str, text: str, files: tuple[AttachedFile, ...]) -> _Writer:
    if channel == EMAIL:
        return _mail_writer(text, language, files)
    if channel == ZALO_ZNS:
        provider = read_provider_template(text)
        assert isinstance(provider, ProviderTemplate)
        return _provider_writer(provider)
    return _script_writer(text, language) if channel == LOUDSPEAKER else _text_writer(text)


def _text_writer(text: str) -> _Writer:
    template = TEXT.from_string(text)
    return lambda context: Rendered(_clean(_run(template, context)))


def _script_writer(text: str, language: str) -> _Writer:
    """The words for figures are Vietnamese: a script in another language stays as its translator wrote it."""
    template = TEXT.from_string(text)

    def write(context: _Context) -> Rendered:
        impersonal = {name: value for name, value in context.items() if name in TO_EVERYONE}
        script = _clean(_run(template, impersonal))
        script = spell_out(script) if language == DEFAULT_LANGUAGE else script
        return Rendered(script, scripts=(Spoken(language, script),))

    return write


def _provider_writer(provider: ProviderTemplate) -> _Writer:
    templates = [(piece.name, TEXT.from_string(piece.text)) for piece in provider.parameters]

    def write(context: _Context) -> Rendered:
        parameters = {name: _one_line(_run(template, context)) for name, template in templates}
        return Rendered(template_id=provider.template_id, parameters=parameters)

    return write


def _mail_writer(text: str, language: str, files: tuple[AttachedFile, ...]) -> _Writer:
    """The subject is plain text and so never escaped; text or HTML is made from the other where it is not written.

    Styles are put into the elements of each message: before it is filled in, a template is no HTML.
    """
    plain, html = TEXT.from_string(text), HTML.from_string(text)
    finished = inlined if is_styled(text) else str

    def write(context: _Context) -> Rendered:
        subject = _one_line(_run(plain, context, "subject"))
        written = _clean(_run(plain, context, "text")) if "text" in plain.blocks else None
        if "body" in html.blocks:
            marked_up = _clean(_run(html, context, "body"))
            document = finished(html_document(marked_up, language))
            return Rendered(written or html_to_text(marked_up), subject, document, attachments=files)
        text = written or ""
        return Rendered(text, subject, html_document(text_to_html(text), language), attachments=files)

    return write


def _run(template: Template, context: _Context, block: str | None = None) -> str:
    environment = template.environment  # its globals are none: `new_context` would look through them all the same
    inside = environment.context_class(environment, context, template.name, template.blocks)  # type: ignore[arg-type]
    chunks: Iterable[str] = (template.blocks[block] if block else template.root_render_func)(inside)
    taken, length = [], 0
    for chunk in chunks:
        length += len(chunk)
        if length > MAX_RENDERED:
            raise TooLong
        taken.append(chunk)
    return "".join(taken)


def _clean(text: str) -> str:
    return unicodedata.normalize("NFC", text).strip()


def _one_line(text: str) -> str:
    """One line without control characters: nothing can begin a new header."""
    line = " ".join(_clean(text).split())
    return line if line.isprintable() else "".join(c for c in line if unicodedata.category(c) not in ("Cc", "Cs"))
