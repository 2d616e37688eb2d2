"""Segment rules as files write them: read with mistakes by line, and as JSON Schema."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from outreach.domain.errors import OutreachError
from outreach.domain.mistakes import Mistake, Mistakes, unknown
from outreach.domain.segments import AllOf, AnyOf, Field, Leaf, NoneOf, Op, Rule, Segment, Value
from outreach.domain.shape import Key, RecordOf, Schema, Text
from outreach.domain.words import Channel
from outreach.domain.yaml_tree import Kind, Node, from_plain, parse

_GROUPS: Mapping[str, Callable[[tuple[Rule, ...]], Rule]] = {"all": AllOf, "any": AnyOf, "none": NoneOf}
_ADDRESSED = tuple(channel.value for channel in Channel if channel.to_people)
_SETS = frozenset({Field.TAG, Field.HAS})
_ATTR = re.compile(r"attr\.([\w-]{1,60})")
MAX_VALUES = 1000


def _word(text: str) -> Value:
    if not 0 < len(text) <= 100:
        raise ValueError("must have 1 to 100 characters")
    return text


def _matching(pattern: str, wanted: str) -> Callable[[str], Value]:
    def convert(text: str) -> Value:
        if not re.fullmatch(pattern, text):
            raise ValueError(f'must be {wanted}, not "{text}"')
        return text

    return convert


def _one_of(*words: str) -> Callable[[str], Value]:
    def convert(text: str) -> Value:
        if text not in words:
            raise ValueError(unknown("value", text, words))
        return text

    return convert


def _age(text: str) -> Value:
    if not re.fullmatch(r"[0-9]{1,3}", text) or int(text) > 150:
        raise ValueError(f'must be whole years from 0 to 150, not "{text}"')
    return int(text)


def _truth(text: str) -> Value:
    return text.lower() == "true"


_EQUAL = frozenset({Op.IS, Op.IN, Op.NOT})
_VALUES: Mapping[Field, Callable[[str], Value]] = {
    Field.AGE: _age,
    Field.SEX: _one_of("male", "female", "other"),
    Field.KIND: _one_of("person", "business"),
    Field.OCCUPATION: _word,
    Field.LANGUAGE: _matching(r"[a-z]{2,3}", "a language code like vi or hmn"),
    Field.UNIT: _matching(r"[0-9A-Za-z_-]{1,40}", 'the code of a unit like "01"'),
    Field.UNIT_URBAN: _truth,
    Field.TAG: _word,
    Field.HAS: _one_of(*_ADDRESSED),
    Field.CASE_STATE: _one_of("open", "closed"),
    Field.ATTR: _word,
}
_KINDS = {Field.AGE: Kind.WHOLE, Field.UNIT_URBAN: Kind.TRUTH}
_FIELD_WORDS = (*(name.value for name in Field if name is not Field.ATTR), "attr.<name>")


def _operators(on: Field) -> frozenset[Op]:
    if on is Field.AGE:
        return frozenset(Op)
    return frozenset({Op.IS}) if on is Field.UNIT_URBAN else _EQUAL


class RuleShape:
    """A rule: `all`, `any` or `none` of a list of rules, or one condition `{field: value}` / `{field: {op: value}}`."""

    def read(self, node: Node, key: str, mistakes: Mistakes) -> Rule | None:
        """The rule, or None after a mistake anywhere in it."""
        if node.kind is not Kind.MAP or len(node.entries) != 1:
            found = f"{len(node.entries)} conditions at once" if node.kind is Kind.MAP else str(node.kind)
            wanted = "one condition like {age: {min: 60}}, or one of all, any, none"
            mistakes.add(node.line, f'"{key}" must be {wanted}; not {found}')
            return None
        entry = node.entries[0]
        if entry.key in _GROUPS:
            return self._group(entry.key, entry.value, mistakes)
        return self._condition(entry.key, entry.line, entry.value, mistakes)

    def _group(self, word: str, node: Node, mistakes: Mistakes) -> Rule | None:
        if node.kind is not Kind.LIST:
            mistakes.add(node.line, f'"{word}" must be a list of conditions, not {node.kind}')
            return None
        if not node.items:
            mistakes.add(node.line, f'"{word}" is empty; it would select everybody or nobody')
            return None
        rules = [self.read(item, word, mistakes) for item in node.items]
        good = tuple(rule for rule in rules if rule is not None)
        return _GROUPS[word](good) if len(good) == len(rules) else None

    def _condition(self, word: str, line: int, node: Node, mistakes: Mistakes) -> Rule | None:
        named = _ATTR.fullmatch(word)
        if not named and word not in _FIELD_WORDS[:-1]:
            mistakes.add(line, unknown("field", word, (*_FIELD_WORDS, *_GROUPS)))
            return None
        reader = _Condition(Field.ATTR if named else Field(word), named[1] if named else "", word, mistakes)
        if node.kind is not Kind.MAP:
            return reader.leaf(Op.IN if node.kind is Kind.LIST else Op.IS, node)
        if not node.entries:
            mistakes.add(node.line, f'"{word}" is empty; write a value or {{operator: value}}')
            return None
        parts = [reader.operator(entry.key, entry.line, entry.value) for entry in node.entries]
        good = tuple(part for part in parts if part is not None)
        if len(good) < len(parts):
            return None
        return good[0] if len(good) == 1 else AllOf(good)

    def schema(self) -> Schema:
        """A reference to `rule_definition`, which the whole schema carries under `$defs`."""
        return {"$ref": "#/$defs/rule"}


@dataclass(frozen=True, slots=True)
class _Condition:
    """Reads the operators and values of one field."""

    on: Field
    name: str
    word: str
    mistakes: Mistakes

    def operator(self, operator: str, line: int, node: Node) -> Rule | None:
        if operator in _GROUPS and self.on in _SETS:
            return self._several(operator, node)
        allowed = [op.value for op in Op if op in _operators(self.on)]
        if operator not in allowed:
            words = [*allowed, *(_GROUPS if self.on in _SETS else ())]
            known = operator in set(Op) or operator in _GROUPS
            what = f'"{operator}" cannot compare "{self.word}"; use {", ".join(words)}'
            self.mistakes.add(line, what if known else unknown(f'operator of "{self.word}":', operator, words))
            return None
        return self.leaf(Op(operator), node)

    def _several(self, operator: str, node: Node) -> Rule | None:
        """`{tag: {all: [a, b]}}` is short for `{all: [{tag: a}, {tag: b}]}`."""
        leaf = self.leaf(Op.IN, node)
        if leaf is None:
            return None
        return _GROUPS[operator](tuple(Leaf(self.on, Op.IS, (value,), self.name) for value in leaf.values))

    def leaf(self, op: Op, node: Node) -> Leaf | None:
        listed = node.kind is Kind.LIST
        if listed != (op is Op.IN) and not (listed and op is Op.NOT):
            wanted = "a list like [a, b]" if op is Op.IN else "a single value"
            self.mistakes.add(node.line, f'"{op.value}" of "{self.word}" takes {wanted}, not {node.kind}')
            return None
        nodes = node.items if listed else (node,)
        if not 0 < len(nodes) <= MAX_VALUES:
            self.mistakes.add(node.line, f'"{self.word}" needs 1 to {MAX_VALUES:,} values, not {len(nodes)}')
            return None
        values = [self._value(item) for item in nodes]
        good = tuple(value for value in values if value is not None)
        return Leaf(self.on, op, good, self.name) if len(good) == len(values) else None

    def _value(self, node: Node) -> Value | None:
        if not node.kind.scalar or node.kind is Kind.NOTHING:
            self.mistakes.add(node.line, f'"{self.word}" needs a value, not {node.kind}')
            return None
        wanted = _KINDS.get(self.on, node.kind)
        if node.kind is not wanted:
            self.mistakes.add(node.line, f'"{self.word}" must be {wanted}, not {node.kind} "{node.text}"')
            return None
        try:
            return _VALUES[self.on](node.text.strip())
        except ValueError as error:
            self.mistakes.add(node.line, f'"{self.word}": {error}')
            return None


@dataclass(frozen=True, slots=True)
class SegmentUse:
    """Where a segment is wanted: the name of one that is known, or a rule in place."""

    known: Mapping[str, Segment] | None = None
    """None: names are taken as they are (a stored definition)."""

    def read(self, node: Node, key: str, mistakes: Mistakes) -> str | Rule | None:
        """The name or the rule."""
        if node.kind is Kind.MAP:
            return RuleShape().read(node, key, mistakes)
        name = Text(60).read(node, key, mistakes)
        if name is not None and self.known is not None and name not in self.known:
            mistakes.add(node.line, unknown("segment", name, self.known))
            return None
        return name

    def schema(self) -> Schema:
        """A name or a rule."""
        return {"anyOf": [{"type": "string", "minLength": 1, "maxLength": 60}, {"$ref": "#/$defs/rule"}]}


def rule_definition() -> Schema:
    """The JSON Schema of a rule, to stand under `$defs/rule`."""
    rules = {"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/rule"}}
    groups = [_closed({word: rules}) for word in _GROUPS]
    return {
        "description": "one condition, or all, any or none of a list of conditions",
        "anyOf": [*groups, *(_condition_schema(on) for on in Field)],
    }


def _condition_schema(on: Field) -> Schema:
    single: Schema = {"type": {Field.AGE: "integer", Field.UNIT_URBAN: "boolean"}.get(on, "string")}
    if on in (Field.UNIT, Field.OCCUPATION, Field.TAG, Field.ATTR):
        single = {"type": ["string", "integer", "number", "boolean"]}
    several = {"type": "array", "minItems": 1, "maxItems": MAX_VALUES, "items": single}
    takes: Mapping[Op, Schema] = {Op.IN: several, Op.NOT: {"anyOf": [single, several]}}
    operators = {op.value: takes.get(op, single) for op in Op if op in _operators(on)}
    groups = dict.fromkeys(_GROUPS, several) if on in _SETS else {}
    spelled = {"type": "object", "minProperties": 1, "additionalProperties": False}
    listed = [several] if Op.IN in _operators(on) else []
    value = {"anyOf": [single, *listed, {**spelled, "properties": {**operators, **groups}}]}
    if on is Field.ATTR:
        patterned = {"patternProperties": {rf"^{_ATTR.pattern}$": value}, "minProperties": 1, "maxProperties": 1}
        return {"type": "object", **patterned, "additionalProperties": False}
    return _closed({on.value: value})


def _closed(properties: Schema) -> Schema:
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}


@dataclass(frozen=True, slots=True)
class LoadedSegments:
    """The good segments of a file and every mistake in it."""

    segments: Mapping[str, Segment] = field(default_factory=dict)
    errors: Sequence[Mistake] = ()


_SEGMENT = RecordOf(
    "segment",
    {
        "title": Key(Text(200), "what people call it", required=True),
        "where": Key(RuleShape(), "the rule that selects its people", required=True),
    },
)
_NAME = re.compile(r"[a-z][a-z0-9_-]{0,59}")


def read_segments(data: bytes, file: str) -> LoadedSegments:
    """The segments of a file's bytes; `file` is how mistakes call it."""
    mistakes = Mistakes(file)
    root = parse(data, mistakes)
    if root is None:
        return LoadedSegments(errors=mistakes.sorted())
    if root.kind is not Kind.MAP:
        mistakes.add(root.line, f"a segments file is a mapping of names to segments, not {root.kind}")
    good = {}
    for entry in root.entries:
        if not _NAME.fullmatch(entry.key):
            mistakes.add(entry.line, f'"{entry.key}" is no name for a segment; use a–z, 0–9, _ and -, a letter first')
        record = _SEGMENT.read(entry.value, entry.key, mistakes)
        if record and record.get("title") and record.get("where"):
            good[entry.key] = Segment(entry.key, record.get("title"), record.get("where"))
    return LoadedSegments(good, mistakes.sorted())


def load_segments(path: Path) -> Mapping[str, Segment]:
    """The segments of a file; raises OutreachError with every mistake, a line each, or when it cannot be read."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise OutreachError(f"{path}: cannot read the segments: {error.strerror}") from None
    loaded = read_segments(data, str(path))
    if loaded.errors:
        raise OutreachError("\n".join(str(mistake) for mistake in loaded.errors))
    return loaded.segments


def rule_from_json(data: Mapping[str, Any]) -> Rule:
    """The inverse of `rule_to_json`; raises ValueError for what is no rule."""
    mistakes = Mistakes("rule")
    rule = RuleShape().read(from_plain(data), "rule", mistakes)
    if rule is None:
        raise ValueError("; ".join(mistake.what for mistake in mistakes.sorted()))
    return rule


def segment_from_json(name: str, data: Mapping[str, Any]) -> Segment:
    """The inverse of `segment_to_json`."""
    return Segment(name, str(data["title"]), rule_from_json(data["where"]))
