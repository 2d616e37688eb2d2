"""Everything wrong or doubtful with a whole template, with file and line: what `outreach template check` says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from outreach.domain.attachments import FOLDER
from outreach.domain.languages import language_name
from outreach.domain.rendering import Compiled, Rendered, RenderError, TemplateError, compile_template
from outreach.domain.sms_text import measure, unaccent
from outreach.domain.speech import ScriptWarning, check_script, reading_seconds
from outreach.domain.template_check import find_problems
from outreach.domain.template_examples import (
    OF_THE_SALUTATION,
    SALUTED,
    example_context,
    used_variables,
    wrong_examples,
)
from outreach.domain.template_source import DEFAULT_LANGUAGE, LOUDSPEAKER, TemplateSource
from outreach.domain.template_variables import why_unknown
from outreach.domain.words import Channel

META: Final = "meta.yaml"
MOST_ACCENTED: Final = 3
MOST_UNACCENTED: Final = 2
"""SMS parts beyond which a notice is too long to be read, and to be paid."""
MANY_BYTES: Final = 1_000_000
"""Attachments beyond which a large audience is a question of bandwidth."""
LONGEST_SCRIPT_SECONDS: Final = 15 * 60
"""What is read in one session (Hà Nội's own rule of 2021)."""
_LONGEST: Final = {Channel.ZALO_OA: 2_000, Channel.TELEGRAM: 4_096}
"""Characters the providers take."""


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """One thing about a template. `file` relative to the templates folder; `line` 0: the whole file."""

    file: str
    line: int
    what: str
    error: bool = True

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        return f"{place}: {self.what}"


def review(source: TemplateSource, variable_lines: Mapping[str, int]) -> list[Finding]:
    """Errors and warnings by file and line; `variable_lines`: where `meta.yaml` documents each variable."""
    found = [*_texts(source), *_documented(source, variable_lines), *_samples(source), *_attached(source)]
    if not any(one.error and not one.file.endswith(META) for one in found):
        found += _tried(source)
    return sorted(found)


def _texts(source: TemplateSource) -> Iterator[Finding]:
    if not source.parts:
        yield Finding(f"{source.name}/{META}", 0, "the template says nothing; add a text like sms.vi.j2")
    for channel in sorted(source.parts):
        if DEFAULT_LANGUAGE not in source.parts[channel]:
            missing = source.file_of(channel, DEFAULT_LANGUAGE)
            yield Finding(missing, 0, "is missing: other languages fall back to it")
        for language in source.languages(channel):
            for problem in find_problems(source, channel, language):
                yield Finding(source.file_of(channel, language), problem.line, problem.what)


def _documented(source: TemplateSource, lines: Mapping[str, int]) -> Iterator[Finding]:
    """What is used and not in meta.yaml, what is in it and not used, and examples that cannot be."""
    meta = f"{source.name}/{META}"
    used = used_variables(source)
    for path, (file, line) in used.items():
        if path not in source.variables and not why_unknown(path, "", about_case=True):
            yield Finding(file, line, f'"{path}" is used and stands not in {META}; add it there with an example')
    wrong = wrong_examples(source)
    for path in source.variables:
        why = why_unknown(path, "", about_case=True)
        saluted = path in OF_THE_SALUTATION and SALUTED in used
        if not why and path not in used and not saluted:
            why = f'"{path}" is documented and used in no text; remove it'
        if why or path in wrong:
            yield Finding(meta, lines.get(path, 0), why or wrong[path])


def _samples(source: TemplateSource) -> Iterator[Finding]:
    for language in source.samples:
        files = [source.file_of(channel, language) for channel in source.parts if language in source.parts[channel]]
        if not files:
            what = f'"samples" names {language}, in which there is no text; remove it'
            yield Finding(f"{source.name}/{META}", 0, what)
        for file in files:
            what = (
                f"a sample in {language_name(language)}, never sent: let a translator replace it, "
                f'then take {language} from "samples" in {META}'
            )
            yield Finding(file, 0, what, error=False)


def _attached(source: TemplateSource) -> Iterator[Finding]:
    size = sum(one.size for one in source.attachments)
    if size > MANY_BYTES:
        what = f"{size:,} bytes go with every e-mail; for a large audience put the files on a web page and link to it"
        yield Finding(f"{source.name}/{FOLDER}", 0, what, error=False)


def _tried(source: TemplateSource) -> Iterator[Finding]:
    """What shows only when the texts are made for an invented recipient."""
    try:
        compiled = compile_template(source)
    except TemplateError:
        return
    context = example_context(source)
    for channel in sorted(source.parts):
        for language in source.languages(channel):
            yield from _one(compiled, channel, language, context)


def _one(compiled: Compiled, channel: str, language: str, context: Mapping[str, object]) -> Iterator[Finding]:
    file = compiled.source.file_of(channel, language)
    try:
        made = compiled.render(channel, language, context, samples=True)
    except RenderError as error:
        yield Finding(file, error.line, error.what)
        return
    if not (made.body or made.template_id):
        yield Finding(file, 0, "is empty")
    longest = _LONGEST.get(Channel(channel))
    if longest and len(made.body) > longest:
        yield Finding(file, 0, f"has {len(made.body):,} characters; {channel} takes {longest:,}")
    if channel == Channel.SMS:
        yield from _parts(file, made.body)
    elif channel == LOUDSPEAKER:
        yield from _script(compiled.source.parts[channel][language], file, made, language)


def _parts(file: str, text: str) -> Iterator[Finding]:
    accented, bare = measure(text).parts, measure(unaccent(text)).parts
    if accented > MOST_ACCENTED or bare > MOST_UNACCENTED:
        what = (
            f"about {accented} SMS parts with marks and {bare} without; "
            f"keep it to {MOST_ACCENTED} and {MOST_UNACCENTED}: longer ones are not read to the end, and cost more"
        )
        yield Finding(file, 0, what, error=False)


def _script(written: str, file: str, made: Rendered, language: str) -> Iterator[Finding]:
    seconds = reading_seconds(made.body, language=language)
    if seconds > LONGEST_SCRIPT_SECONDS:
        what = (
            f"takes {seconds / 60:.0f} minutes to read twice; at most {LONGEST_SCRIPT_SECONDS // 60} are read at once"
        )
        yield Finding(file, 0, what, error=False)
    for warning in check_script(made.body) if language == DEFAULT_LANGUAGE else ():
        line = _line_of(written, warning)
        yield Finding(file, line, f"“{warning.excerpt}”: {warning.advice}", error=False)


def _line_of(written: str, warning: ScriptWarning) -> int:
    """The line of the source in which the words stand; that of the finished text where they come from a variable."""
    words = warning.excerpt.rstrip("…")
    lines = written.split("\n")
    for start in (words, words[:20]):
        found = next((number for number, line in enumerate(lines, 1) if start and start in line), 0)
        if found:
            return found
    return warning.line
