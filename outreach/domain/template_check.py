"""What a template uses, found without running it: unknown variables, forbidden constructs, missing blocks."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Final

from jinja2 import TemplateSyntaxError, nodes

from outreach.domain.html_check import html_problems
from outreach.domain.provider_template import read_provider_template
from outreach.domain.template_env import TEXT
from outreach.domain.template_source import EMAIL, ZALO_ZNS, Piece, TemplateProblem, TemplateSource
from outreach.domain.template_variables import nearest, variables_of, why_unknown

MAX_SOURCE: Final = 100_000
MAX_DEPTH: Final = 60
"""Expressions and blocks inside one another; so deep that no letter needs it, and no recursion breaks."""
_MAIL_BLOCKS: Final = ("subject", "body", "text")
_ALLOWED: Final = (
    *(nodes.Template, nodes.Output, nodes.TemplateData, nodes.Name, nodes.Const, nodes.List, nodes.Tuple),
    *(nodes.If, nodes.For, nodes.Block, nodes.FilterBlock, nodes.CondExpr, nodes.Compare, nodes.Operand),
    *(nodes.And, nodes.Or, nodes.Not, nodes.Neg, nodes.Add, nodes.Sub, nodes.Concat),
    *(nodes.Test, nodes.Filter, nodes.Keyword, nodes.Getattr, nodes.Getitem),
)
"""Enough for letters; without calls, assignments, macros and products nothing can run long or grow large."""


def find_problems(
    source: TemplateSource, channel: str, language: str, *, about_case: bool = True, frozen: bool = False
) -> list[TemplateProblem]:
    """Everything wrong with one text, by line; `about_case`: whether a case is at hand when it is sent.

    `frozen`: only what cannot be compiled, since a version approved before a rule was made is still sent.
    """
    text = source.parts[channel][language]
    if len(text) > MAX_SOURCE:
        return [TemplateProblem(1, f"longer than {MAX_SOURCE:,} characters")]
    if channel != ZALO_ZNS:
        found = [*_piece_problems(Piece("", text), channel, about_case)]
        return sorted(found if frozen or channel != EMAIL else [*found, *_html_problems(text)])
    provider = read_provider_template(text)
    if isinstance(provider, list):
        return provider
    return sorted(problem for piece in provider.parameters for problem in _piece_problems(piece, channel, about_case))


def undeclared(source: TemplateSource, channel: str, language: str) -> set[tuple[str, int]]:
    """The variables a text uses that a template does not know, with their lines; personal ones in a loudspeaker script.

    A text that is not even Jinja uses nothing; `find_problems` says what is wrong with it.
    """
    found = find_problems(source, channel, language)
    return {(problem.variable, problem.line) for problem in found if problem.variable}


def _piece_problems(piece: Piece, channel: str, about_case: bool) -> Iterator[TemplateProblem]:
    offset = piece.line - 1
    try:
        tree = TEXT.parse(piece.text)
        if _too_deep(tree):
            raise RecursionError
    except TemplateSyntaxError as error:
        yield TemplateProblem(error.lineno + offset, f"not a template: {error.message}")
        return
    except RecursionError:
        yield TemplateProblem(piece.line, "nested too deeply")
        return
    except ValueError:
        yield TemplateProblem(piece.line, "not a template: it holds a number of thousands of digits")
        return
    checks = (_forbidden(tree, channel), _unknown_filters(tree), _unknown_variables(tree, channel, about_case))
    for problem in (problem for check in checks for problem in check):
        yield TemplateProblem(problem.line + offset, problem.what, problem.variable)
    if channel == EMAIL:
        yield from _mail_blocks(tree)


def parsed(text: str) -> nodes.Template | None:
    """The tree of a text; None for one that is no template or goes too deep."""
    try:
        tree = TEXT.parse(text)
        return None if _too_deep(tree) else tree
    except (TemplateSyntaxError, RecursionError, ValueError):
        return None


def _too_deep(tree: nodes.Node) -> bool:
    level: list[nodes.Node] = [tree]
    for _ in range(MAX_DEPTH):
        level = [child for node in level for child in node.iter_child_nodes()]
    return bool(level)


def _walk(node: nodes.Node) -> Iterator[nodes.Node]:
    yield node
    for child in node.iter_child_nodes():
        yield from _walk(child)


def _forbidden(tree: nodes.Template, channel: str) -> Iterator[TemplateProblem]:
    for node in _walk(tree):
        if not isinstance(node, _ALLOWED):
            what = _WHAT_IS_FORBIDDEN.get(type(node), type(node).__name__.lower())
            yield TemplateProblem(node.lineno, f"{what} may not be used in a template")
        elif isinstance(node, nodes.Block) and channel != EMAIL:
            yield TemplateProblem(node.lineno, "blocks are for e-mail; write the text itself")
        elif isinstance(node, nodes.For):
            yield from _loop_problems(node)


_WHAT_IS_FORBIDDEN: Final[dict[type[nodes.Node], str]] = {
    nodes.Call: "calls (parentheses after a name)",
    nodes.Assign: "{% set %}",
    nodes.AssignBlock: "{% set %}",
    nodes.With: "{% with %}",
    nodes.Macro: "{% macro %}",
    nodes.CallBlock: "{% call %}",
    nodes.Include: "{% include %}",
    nodes.Import: "{% import %}",
    nodes.FromImport: "{% import %}",
    nodes.Extends: "{% extends %}",
    nodes.Mul: "the sign *",
    nodes.Pow: "the sign **",
    nodes.Div: "the sign /",
    nodes.FloorDiv: "the sign //",
    nodes.Mod: "the sign %",
    nodes.Slice: "slices ([a:b])",
    nodes.Dict: "{…} mappings",
}


def _loop_problems(loop: nodes.For) -> Iterator[TemplateProblem]:
    if loop.recursive or any(isinstance(inner, nodes.For) for part in loop.body for inner in _walk(part)):
        yield TemplateProblem(loop.lineno, "a loop inside a loop may not be used in a template")


def _unknown_filters(tree: nodes.Template) -> Iterator[TemplateProblem]:
    for node in tree.find_all((nodes.Filter, nodes.Test)):
        known: Collection[str] = TEXT.filters if isinstance(node, nodes.Filter) else TEXT.tests
        if node.name not in known:
            what = "filter" if isinstance(node, nodes.Filter) else "test"
            yield TemplateProblem(node.lineno, f'unknown {what} "{node.name}"{nearest(node.name, known)}')


def _unknown_variables(tree: nodes.Template, channel: str, about_case: bool) -> Iterator[TemplateProblem]:
    for path, line in variables_of(tree):
        why = why_unknown(path, channel, about_case=about_case)
        if why:
            yield TemplateProblem(line, why, path)


def _mail_blocks(tree: nodes.Template) -> Iterator[TemplateProblem]:
    blocks = {node.name: node for node in tree.body if isinstance(node, nodes.Block)}
    for node in tree.find_all(nodes.Block):
        if node.name not in _MAIL_BLOCKS or node not in tree.body:
            yield TemplateProblem(
                node.lineno, f'block "{node.name}" has no place here; known: {", ".join(_MAIL_BLOCKS)}'
            )
    if "subject" not in blocks:
        yield TemplateProblem(1, "an e-mail needs {% block subject %}…{% endblock %}")
    if not ("body" in blocks or "text" in blocks):
        yield TemplateProblem(1, "an e-mail needs {% block body %} with HTML, or {% block text %} with plain text")
    for part in tree.body:
        if not isinstance(part, nodes.Block) and not _is_blank(part):
            yield TemplateProblem(part.lineno, "text outside the blocks of an e-mail is never sent; move it into one")
    if any("<mjml" in data.data for data in tree.find_all(nodes.TemplateData)):
        yield TemplateProblem(1, "MJML cannot be sent; write HTML")


def _html_problems(text: str) -> Iterator[TemplateProblem]:
    tree = parsed(text)
    if tree is not None and any(block.name == "body" for block in tree.find_all(nodes.Block)):
        yield from html_problems(text)


def _is_blank(node: nodes.Node) -> bool:
    return isinstance(node, nodes.Output) and all(
        isinstance(part, nodes.TemplateData) and not part.data.strip() for part in node.nodes
    )
