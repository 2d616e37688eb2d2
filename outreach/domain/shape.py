"""What a file may hold, described once: the same description reads it (with mistakes by line) and makes JSON Schema."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from outreach.domain.mistakes import Mistakes, unknown
from outreach.domain.yaml_tree import Kind, Node

Schema = dict[str, Any]


class Shape(Protocol):
    """Reads a node into a value, never None; None means that a mistake was noted. `key` is how messages call it."""

    def read(self, node: Node, key: str, mistakes: Mistakes) -> Any:
        """The value, or None after noting what is wrong."""
        ...

    def schema(self) -> Schema:
        """The same as JSON Schema (2020-12)."""
        ...


@dataclass(frozen=True, slots=True)
class Text:
    """Text of `least` to `most` characters; numbers and words like `true` must be quoted to be text."""

    most: int = 500
    least: int = 1

    def read(self, node: Node, key: str, mistakes: Mistakes) -> str | None:
        """The text without blanks around it."""
        if node.kind is Kind.NOTHING:
            mistakes.add(node.line, f'"{key}" is empty')
            return None
        if node.kind is not Kind.TEXT:
            hint = f'; put it in quotes: "{node.text}"' if node.kind.scalar else ""
            mistakes.add(node.line, f'"{key}" must be text, not {node.kind}{hint}')
            return None
        text = node.text.strip()
        if len(text) < self.least:
            mistakes.add(node.line, f'"{key}" is empty')
            return None
        if len(text) > self.most:
            mistakes.add(node.line, f'"{key}" has {len(text):,} characters; at most {self.most:,} are allowed')
            return None
        return text

    def schema(self) -> Schema:
        """A string with its length."""
        return {"type": "string", "minLength": self.least, "maxLength": self.most}


@dataclass(frozen=True, slots=True)
class Scalar:
    """A single value read by `convert`, which raises ValueError with the rest of a sentence about it."""

    convert: Callable[[str], Any]
    described: Schema
    kinds: frozenset[Kind] = frozenset({Kind.TEXT, Kind.WHOLE, Kind.NUMBER, Kind.TRUTH})
    wanted: str = "a single value"

    def read(self, node: Node, key: str, mistakes: Mistakes) -> Any:
        """The converted value."""
        if node.kind is Kind.NOTHING:
            mistakes.add(node.line, f'"{key}" is empty')
            return None
        if node.kind not in self.kinds:
            mistakes.add(node.line, f'"{key}" must be {self.wanted}, not {node.kind}')
            return None
        try:
            return self.convert(node.text)
        except ValueError as error:
            mistakes.add(node.line, f'"{key}": {error}')
            return None

    def schema(self) -> Schema:
        """As described."""
        return dict(self.described)


@dataclass(frozen=True, slots=True)
class Choice:
    """One word of a closed set."""

    thing: str
    words: tuple[str, ...]
    convert: Callable[[str], Any] = str

    def read(self, node: Node, key: str, mistakes: Mistakes) -> Any:
        """The word, converted."""
        if not node.kind.scalar or node.kind is Kind.NOTHING:
            mistakes.add(node.line, f'"{key}" must be one of {", ".join(self.words)}, not {node.kind}')
            return None
        if node.text not in self.words:
            mistakes.add(node.line, unknown(self.thing, node.text, self.words))
            return None
        return self.convert(node.text)

    def schema(self) -> Schema:
        """An enumeration."""
        return {"type": "string", "enum": list(self.words)}


@dataclass(frozen=True, slots=True)
class ListOf:
    """A list of `least` to `most` values of one shape; what is wrong is left out."""

    item: Shape
    least: int = 0
    most: int = 500

    def read(self, node: Node, key: str, mistakes: Mistakes) -> tuple[Any, ...] | None:
        """The good items in their order."""
        if node.kind is not Kind.LIST:
            mistakes.add(node.line, f'"{key}" must be a list, not {node.kind}')
            return None
        if len(node.items) < self.least:
            mistakes.add(node.line, f'"{key}" is empty; it needs at least {self.least}')
            return None
        if len(node.items) > self.most:
            mistakes.add(node.line, f'"{key}" has {len(node.items):,} entries; at most {self.most:,} are allowed')
            return None
        values = (self.item.read(item, key, mistakes) for item in node.items)
        return tuple(value for value in values if value is not None)

    def schema(self) -> Schema:
        """An array."""
        return {"type": "array", "items": self.item.schema(), "minItems": self.least, "maxItems": self.most}


@dataclass(frozen=True, slots=True)
class Line:
    """Wraps a shape so that the value comes with the line it stands on, as `(line, value)`."""

    shape: Shape

    def read(self, node: Node, key: str, mistakes: Mistakes) -> tuple[int, Any] | None:
        """The line and the value."""
        value = self.shape.read(node, key, mistakes)
        return None if value is None else (node.line, value)

    def schema(self) -> Schema:
        """As the shape's."""
        return self.shape.schema()


@dataclass(frozen=True, slots=True)
class Key:
    """A key of a record: the shape of its value, whether it must be there, and what it is for."""

    shape: Shape
    about: str
    required: bool = False


@dataclass(frozen=True, slots=True)
class Record:
    """A mapping that was read: good values by key, and the line of every key that was written, good or not."""

    line: int
    values: Mapping[str, Any] = field(default_factory=dict)
    lines: Mapping[str, int] = field(default_factory=dict)

    def get(self, key: str, default: Any = None) -> Any:
        """The value of `key`; `default` where it is absent or wrong."""
        return self.values.get(key, default)

    def at(self, key: str) -> int:
        """The line `key` is written on, else the record's."""
        return self.lines.get(key, self.line)

    def __contains__(self, key: str) -> bool:
        return key in self.lines


@dataclass(frozen=True, slots=True)
class RecordOf:
    """A mapping with known keys; `thing` names it in messages, `extra` is added to its schema."""

    thing: str
    keys: Mapping[str, Key]
    extra: Schema = field(default_factory=dict)

    def read(self, node: Node, key: str, mistakes: Mistakes) -> Record | None:
        """What could be read; None only when it is no mapping."""
        if node.kind is not Kind.MAP:
            needed = [key for key, about in self.keys.items() if about.required] or self.keys
            mistakes.add(node.line, f"{_a(self.thing)} must be a mapping with {_quoted(needed)}, not {node.kind}")
            return None
        values: dict[str, Any] = {}
        for entry in node.entries:
            if entry.key not in self.keys:
                mistakes.add(entry.line, unknown(f"key in {_a(self.thing)}:", entry.key, self.keys))
                continue
            value = self.keys[entry.key].shape.read(entry.value, entry.key, mistakes)
            if value is not None:
                values[entry.key] = value
        self._note_missing(node, mistakes)
        return Record(node.line, values, {entry.key: entry.line for entry in node.entries})

    def _note_missing(self, node: Node, mistakes: Mistakes) -> None:
        named = node.get("id")
        whose = f'{self.thing} "{named.text}"' if named and named.kind.scalar and named.text else _a(self.thing)
        for key, about in self.keys.items():
            if about.required and node.get(key) is None:
                mistakes.add(node.line, f'{whose} has no "{key}" ({about.about})')

    def schema(self) -> Schema:
        """A closed object."""
        properties = {key: {**about.shape.schema(), "description": about.about} for key, about in self.keys.items()}
        required = [key for key, about in self.keys.items() if about.required]
        made: Schema = {"type": "object", "properties": properties, "additionalProperties": False, **self.extra}
        return {**made, "required": required} if required else made


def _a(thing: str) -> str:
    return f"{'an' if thing[0] in 'aeiou' else 'a'} {thing}"


def _quoted(words: Iterable[str]) -> str:
    return ", ".join(f'"{word}"' for word in words)
