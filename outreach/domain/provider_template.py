"""Templates a provider keeps (ZNS): its id and our parameters, as `zalo_zns.<lang>.yaml` says them."""

from __future__ import annotations

from dataclasses import dataclass

from outreach.domain.mistakes import Mistakes
from outreach.domain.template_source import Piece, TemplateProblem
from outreach.domain.yaml_tree import Kind, Node, parse


@dataclass(frozen=True, slots=True)
class ProviderTemplate:
    """A `zalo_zns.<lang>.yaml`: the id of the registered template, and its parameters as Jinja texts."""

    template_id: str
    parameters: tuple[Piece, ...]


def read_provider_template(text: str) -> ProviderTemplate | list[TemplateProblem]:
    """What the YAML says, or what is wrong with it."""
    mistakes = Mistakes("")
    root = parse(text.encode(), mistakes)
    if root is None or mistakes:
        return [TemplateProblem(mistake.line, mistake.what) for mistake in mistakes.sorted()]
    template_id, parameters = root.get("template_id"), root.get("parameters")
    if template_id is None or not template_id.kind.scalar or not template_id.text:
        return [TemplateProblem(root.line, 'add "template_id": the number the provider gave the template')]
    if parameters is None or parameters.kind is not Kind.MAP:
        return [
            TemplateProblem(root.line, 'add "parameters": a name and a text for each of the template\'s parameters')
        ]
    unknown = [e for e in root.entries if e.key not in ("template_id", "parameters")]
    if unknown:
        return [TemplateProblem(e.line, f'unknown key "{e.key}"; known: template_id, parameters') for e in unknown]
    return ProviderTemplate(template_id.text, tuple(_parameter(e.key, e.value) for e in parameters.entries))


def _parameter(name: str, value: Node) -> Piece:
    return Piece(name, value.text, value.line)
