"""The variables a template uses, found without running it, and which of them it may."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from difflib import get_close_matches
from typing import Final

from jinja2 import nodes

from outreach.domain.context import DATE_FIELDS, ISSUER, KNOWN_FIELDS, TO_EVERYONE
from outreach.domain.template_source import LOUDSPEAKER

_DATE_PARTS: Final = frozenset({"day", "month", "year", "hour", "minute"})


def variables_of(tree: nodes.Node) -> list[tuple[str, int]]:
    """(path, line) of every variable that comes from outside, as `contact.attr.so_nha`, loop variables left out."""
    return list(_paths(tree, frozenset()))


def _paths(node: nodes.Node, local: frozenset[str]) -> Iterator[tuple[str, int]]:
    path = _path(node)
    if path is not None:
        if path.split(".", 1)[0] not in local:
            yield path, node.lineno
        return
    if isinstance(node, nodes.Filter) and node.name == "salute" and isinstance(node.node, nodes.Name):
        if node.node.name not in local:
            yield f"{node.node.name}.full_name", node.lineno
        return
    if isinstance(node, nodes.Test) and isinstance(node.node, nodes.Name) and node.name in ("defined", "undefined"):
        return
    inner = local
    if isinstance(node, nodes.For):
        yield from _paths(node.iter, local)
        inner = local | {name.name for name in node.target.find_all(nodes.Name)} | {"loop"}
        inner |= {node.target.name} if isinstance(node.target, nodes.Name) else frozenset()
    for child in node.iter_child_nodes(exclude=("iter", "target") if isinstance(node, nodes.For) else None):
        yield from _paths(child, inner)


def _path(node: nodes.Node) -> str | None:
    """The dotted path of an attribute of a name; None for any other expression."""
    if isinstance(node, nodes.Name):
        return node.name
    if isinstance(node, nodes.Getattr):
        base = _path(node.node)
        return None if base is None else f"{base}.{node.attr}"
    if isinstance(node, nodes.Getitem) and isinstance(node.arg, nodes.Const):
        base = _path(node.node)
        return None if base is None else f"{base}.{node.arg.value}"
    return None


def why_unknown(path: str, channel: str, *, about_case: bool) -> str:
    """What is wrong with using the variable in a text of the channel, a sentence; "" for nothing."""
    root, *rest = path.split(".")
    if root == ISSUER:
        return "" if not rest else f'"{ISSUER}" is a text and has no "{rest[0]}"'
    if root not in KNOWN_FIELDS:
        known = (*KNOWN_FIELDS, ISSUER)
        return f'unknown variable "{path}"{nearest(root, known) or "; known: " + ", ".join(known)}'
    if channel == LOUDSPEAKER and root not in TO_EVERYONE:
        return f'"{path}": a loudspeaker script may not use personal data; it is heard by everyone'
    if root == "case" and not about_case:
        return f'"{path}": there is no case at hand; give the message a schedule {{before: case.due_at}}'
    return _why_no_field(path, root, rest)


def _why_no_field(path: str, root: str, rest: list[str]) -> str:
    fields = KNOWN_FIELDS[root]
    if not rest:
        return f'"{root}" alone cannot be written; write one of its fields: {", ".join(fields)}'
    if rest[0] not in fields:
        return f'unknown variable "{path}"{nearest(rest[0], fields) or "; known: " + ", ".join(fields)}'
    deeper = rest[1:]
    if rest[0] == "attr":
        return "" if len(deeper) == 1 else f'"{path}": write contact.attr.<name>'
    of_date = f"{root}.{rest[0]}" in DATE_FIELDS and len(deeper) == 1 and deeper[0] in _DATE_PARTS
    return "" if not deeper or of_date else f'unknown variable "{path}": "{root}.{rest[0]}" has no "{deeper[0]}"'


def nearest(word: str, known: Collection[str]) -> str:
    """`; did you mean …?` where one of the known words is near, else ""."""
    near = get_close_matches(word, known, n=1, cutoff=0.6)
    return f'; did you mean "{near[0]}"?' if near else ""
