"""YAML 1.2 as a tree that remembers its lines: nothing is executed, mistakes carry the line they stand on.

Limits: 1 MB, 20 levels, 100,000 nodes after aliases are followed, one document, no tags.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from outreach.domain.mistakes import Mistakes

MAX_BYTES = 1_000_000
MAX_DEPTH = 20
MAX_NODES = 100_000


class Kind(StrEnum):
    """What a node is; the words are those of messages to people."""

    TEXT = "text"
    WHOLE = "a whole number"
    NUMBER = "a number"
    TRUTH = "true or false"
    NOTHING = "nothing"
    LIST = "a list"
    MAP = "a mapping"

    @property
    def scalar(self) -> bool:
        """Whether it is a single value."""
        return self not in (Kind.LIST, Kind.MAP)


@dataclass(frozen=True, slots=True)
class Node:
    """A value of the file. `text`: a scalar as it was written (NFC); `line` counts from 1; `size` counts nodes."""

    kind: Kind
    line: int
    text: str = ""
    items: tuple[Node, ...] = ()
    entries: tuple[Entry, ...] = ()
    size: int = 1

    def get(self, key: str) -> Node | None:
        """The value under `key` of a mapping, None where there is none."""
        return next((entry.value for entry in self.entries if entry.key == key), None)

    def plain(self) -> Any:
        """The value as plain Python data, as a YAML 1.2 reader gives it."""
        if self.kind is Kind.MAP:
            return {entry.key: entry.value.plain() for entry in self.entries}
        if self.kind is Kind.LIST:
            return [item.plain() for item in self.items]
        return _plain_scalar(self.kind, self.text)


@dataclass(frozen=True, slots=True)
class Entry:
    """A key of a mapping, where it stands, and its value."""

    key: str
    line: int
    value: Node


class _Refused(Exception):
    """The file cannot be read any further; carries the mistake."""

    def __init__(self, line: int, what: str) -> None:
        super().__init__(what)
        self.line = line
        self.what = what


def parse(data: bytes, mistakes: Mistakes) -> Node | None:
    """The tree of a YAML file, or None after a mistake that stops the reading; duplicate keys are noted and go on."""
    try:
        return _Builder(_events(_decoded(data)), mistakes).document()
    except _Refused as refused:
        mistakes.add(refused.line, refused.what)
        return None


def from_plain(value: Any) -> Node:
    """Plain data (as JSON gives it) as a tree on line 0; raises TypeError for anything else."""
    if isinstance(value, Mapping):
        return Node(Kind.MAP, 0, entries=tuple(Entry(str(key), 0, from_plain(item)) for key, item in value.items()))
    if isinstance(value, str):
        return Node(Kind.TEXT, 0, unicodedata.normalize("NFC", value))
    if isinstance(value, Sequence):
        return Node(Kind.LIST, 0, items=tuple(from_plain(item) for item in value))
    kinds = {bool: Kind.TRUTH, int: Kind.WHOLE, float: Kind.NUMBER, type(None): Kind.NOTHING}
    if type(value) not in kinds:
        raise TypeError(f"not plain data: {type(value).__name__}")
    return Node(kinds[type(value)], 0, str(value).lower() if isinstance(value, bool) else str(value))


_NOTHING = re.compile(r"null|Null|NULL|~|")
_TRUTH = re.compile(r"true|True|TRUE|false|False|FALSE")
_WHOLE = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_NUMBER = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")


def _kind(event: ScalarEvent) -> Kind:
    """The YAML 1.2 core schema: only unquoted scalars are anything but text."""
    if not event.implicit[0]:
        return Kind.TEXT
    patterns = ((_NOTHING, Kind.NOTHING), (_TRUTH, Kind.TRUTH), (_WHOLE, Kind.WHOLE), (_NUMBER, Kind.NUMBER))
    return next((kind for pattern, kind in patterns if pattern.fullmatch(event.value)), Kind.TEXT)


def _plain_scalar(kind: Kind, text: str) -> str | int | float | bool | None:
    match kind:
        case Kind.NOTHING:
            return None
        case Kind.TRUTH:
            return text.lower() == "true"
        case Kind.WHOLE:
            return int(text, 0) if text.startswith(("0o", "0x")) else int(text)
        case Kind.NUMBER:
            return float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))
        case _:
            return text


def _decoded(data: bytes) -> str:
    if len(data) > MAX_BYTES:
        raise _Refused(1, f"the file has {len(data):,} bytes; at most {MAX_BYTES:,} are read")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise _Refused(line, f"byte 0x{data[error.start]:02X} is not UTF-8; save the file as UTF-8") from None
    return unicodedata.normalize("NFC", text)


_CONTROL = re.compile(r"[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def _events(text: str) -> Iterator[Event]:
    if found := _CONTROL.search(text):
        line = text.count("\n", 0, found.start()) + 1
        raise _Refused(line, f"control character U+{ord(found.group()):04X}; remove it")
    try:
        yield from YAML(typ="safe", pure=True).parse(text)
    except MarkedYAMLError as error:
        raise _broken(error) from None
    except YAMLError as error:
        raise _Refused(1, f"broken YAML: {str(error).splitlines()[0]}") from None


_ADVICE = (
    (r"found character '\\t'", "a tab stands where YAML wants spaces; indent with spaces"),
    (r"found character '([@`%&*|>!])'", "the text begins with a sign of YAML's own; put the text in quotes"),
    ("mapping values are not allowed", "a colon where none can stand; put the text in quotes or mend the indentation"),
    ("could not find expected ':'", "a key without its colon; write `key: value`"),
    (r"expected ',' or '[\]}]'", "a bracket opened here or above is not closed"),
    ("expected the node content", "a value is missing, or a bracket is not closed"),
    (
        r"expected <block end>|did not find expected",
        "the indentation does not fit the lines above, or a quote above is not closed",
    ),
    ("unknown escape character", r"a backslash in double quotes; write \\ or use single quotes"),
    ("while scanning a quoted scalar|unexpected end of stream", "a quote opened here is not closed"),
)


def _broken(error: MarkedYAMLError) -> _Refused:
    problem = f"{error.problem or ''} {error.context or ''}"
    advice = next((advice for pattern, advice in _ADVICE if re.search(pattern, problem)), problem.strip())
    opened_here = "opened" in advice and error.context_mark is not None
    mark = error.context_mark if opened_here else error.problem_mark
    return _Refused(mark.line + 1 if mark else 1, f"broken YAML: {advice}")


class _Builder:
    """Builds the tree from the parser's events; aliases share nodes and count against the limit."""

    def __init__(self, events: Iterator[Event], mistakes: Mistakes) -> None:
        self._events = events
        self._mistakes = mistakes
        self._anchors: dict[str, Node] = {}
        self._nodes = 0

    def document(self) -> Node:
        root: Node | None = None
        for event in self._events:
            if isinstance(event, DocumentStartEvent) and root:
                raise _Refused(_line(event), "a second document begins here; keep one document in a file")
            if isinstance(event, NodeEvent):
                root = self._node(event, depth=1)
        if root is None or root.kind is Kind.NOTHING:
            raise _Refused(1, "the file is empty")
        return root

    def _node(self, event: Event, depth: int) -> Node:
        assert isinstance(event, NodeEvent)
        if depth > MAX_DEPTH:
            raise _Refused(_line(event), f"nested more than {MAX_DEPTH} levels deep")
        if isinstance(event, AliasEvent):
            return self._alias(event)
        if event.tag not in (None, "!"):  # type: ignore[attr-defined]
            raise _Refused(_line(event), f'the tag "{event.tag}" is not allowed; write the plain value')  # type: ignore[attr-defined]
        self._count(1, event)
        node = self._built(event, depth)
        if event.anchor:
            self._anchors[event.anchor] = node
        return node

    def _built(self, event: NodeEvent, depth: int) -> Node:
        if isinstance(event, SequenceStartEvent):
            return self._list(event, depth)
        if isinstance(event, MappingStartEvent):
            return self._map(event, depth)
        assert isinstance(event, ScalarEvent)
        text = unicodedata.normalize("NFC", event.value)
        if found := _CONTROL.search(text):  # written as an escape
            raise _Refused(_line(event), f"control character U+{ord(found.group()):04X}; remove it")
        return Node(_kind(event), _line(event), text)

    def _alias(self, event: AliasEvent) -> Node:
        if event.anchor not in self._anchors:
            raise _Refused(_line(event), f'"*{event.anchor}" refers to nothing; write "&{event.anchor}" before a value')
        node = self._anchors[event.anchor]
        self._count(node.size, event)
        return node

    def _count(self, nodes: int, event: Event) -> None:
        self._nodes += nodes
        if self._nodes > MAX_NODES:
            raise _Refused(_line(event), f"more than {MAX_NODES:,} values, aliases followed")

    def _list(self, event: SequenceStartEvent, depth: int) -> Node:
        items = []
        while not isinstance(inner := next(self._events), SequenceEndEvent):
            items.append(self._node(inner, depth + 1))
        return Node(Kind.LIST, _line(event), items=tuple(items), size=1 + sum(item.size for item in items))

    def _map(self, event: MappingStartEvent, depth: int) -> Node:
        entries: dict[str, Entry] = {}
        while not isinstance(inner := next(self._events), MappingEndEvent):
            key = self._node(inner, depth + 1)
            if not key.kind.scalar:
                raise _Refused(key.line, f"a key must be a word, not {key.kind}")
            value = self._node(next(self._events), depth + 1)
            if value.kind is Kind.NOTHING:
                value = Node(Kind.NOTHING, _line(inner))
            if key.text in entries:
                first = entries[key.text].line
                self._mistakes.add(_line(inner), f'key "{key.text}" is written twice (first on line {first})')
            else:
                entries[key.text] = Entry(key.text, _line(inner), value)
        size = 1 + sum(1 + entry.value.size for entry in entries.values())
        return Node(Kind.MAP, _line(event), entries=tuple(entries.values()), size=size)


def _line(event: Event) -> int:
    return int(event.start_mark.line) + 1
