"""Whether a template can be sent over a channel: its problems, and a trial on an invented recipient."""

from __future__ import annotations

from outreach.domain.context import sample_context
from outreach.domain.rendering import RenderError, compile_template
from outreach.domain.template_check import find_problems
from outreach.domain.template_env import TEXT
from outreach.domain.template_source import DEFAULT_LANGUAGE, ZALO_ZNS, TemplateSource
from outreach.domain.template_variables import variables_of


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
    context = sample_context(_sample_attributes(source, channel))
    found = []
    for language in source.languages(channel):
        try:
            rendered = compiled.render(channel, language, context)
        except RenderError as error:
            found.append(str(error))
            continue
        if not (rendered.body or rendered.template_id):
            found.append(f"{source.file_of(channel, language)} is empty")
    return found


def _sample_attributes(source: TemplateSource, channel: str) -> dict[str, str]:
    """An example for every `contact.attr.…`: the one of meta.yaml, else `1`, which passes for text and number."""
    texts = source.parts[channel].values() if channel != ZALO_ZNS else ()
    used = {path for text in texts for path, _ in variables_of(TEXT.parse(text))}
    examples = dict.fromkeys(used, "1") | dict(source.variables)
    prefix = "contact.attr."
    return {path.removeprefix(prefix): example for path, example in examples.items() if path.startswith(prefix)}
