"""Whether a template can be sent over a channel: its problems, and a trial on an invented recipient."""

from __future__ import annotations

from outreach.domain.rendering import RenderError, compile_template
from outreach.domain.template_check import find_problems
from outreach.domain.template_examples import example_context
from outreach.domain.template_source import DEFAULT_LANGUAGE, TemplateSource


def problems(source: TemplateSource, channel: str, *, about_case: bool) -> list[str]:
    """Why a template cannot be sent over a channel, each with file and line; tried on an invented recipient too."""
    if not source.parts.get(channel):
        return [f'template "{source.name}" says nothing for channel "{channel}"; add {source.file_of(channel, "vi")}']
    if DEFAULT_LANGUAGE not in source.parts[channel]:
        return [f"{source.file_of(channel, DEFAULT_LANGUAGE)} is missing: other languages fall back to it"]
    found = [
        f"{source.file_of(channel, language)}:{problem.line}: {problem.what}"
        for language in source.languages(channel)
        for problem in find_problems(source, channel, language, about_case=about_case)
    ]
    return found or _trial(source, channel)


def _trial(source: TemplateSource, channel: str) -> list[str]:
    compiled = compile_template(TemplateSource(source.name, source.title, {}, {channel: source.parts[channel]}))
    context = example_context(source)
    found = []
    for language in source.languages(channel):
        try:
            rendered = compiled.render(channel, language, context, samples=True)
        except RenderError as error:
            found.append(str(error))
            continue
        if not (rendered.body or rendered.template_id):
            found.append(f"{source.file_of(channel, language)} is empty")
    return found
