"""Campaign files in, definitions out: every mistake at once, with file and line; and the JSON Schema for editors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from outreach.domain.definition.build import build
from outreach.domain.definition.checks import check
from outreach.domain.definition.fields import campaign
from outreach.domain.definition.model import Definition
from outreach.domain.definition.texts import Templates
from outreach.domain.mistakes import Mistake, Mistakes
from outreach.domain.segment_file import rule_definition
from outreach.domain.segments import Segment
from outreach.domain.shape import Schema
from outreach.domain.yaml_tree import MAX_BYTES, Node, from_plain, parse


@dataclass(frozen=True, slots=True)
class Loaded:
    """A file that was read: either its definition or its mistakes, by line. `source`: its text ("" if unreadable)."""

    definition: Definition | None
    errors: tuple[Mistake, ...] = ()
    source: str = ""


def load_definition(path: Path, *, segments: Mapping[str, Segment], templates: Templates | None = None) -> Loaded:
    """The campaign defined in a file; a file that cannot be read is a mistake like others. Without `templates` the
    texts are not looked at."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        return Loaded(None, (Mistake(str(path), 0, f"cannot be read: {error.strerror}"),))
    return read_definition(data, str(path), segments=segments, templates=templates)


def read_definition(
    data: bytes, file: str, *, segments: Mapping[str, Segment], templates: Templates | None = None
) -> Loaded:
    """The campaign defined by a file's bytes; `file` is how mistakes call it."""
    mistakes = Mistakes(file)
    root = parse(data, mistakes)
    definition = None if root is None else _read(root, mistakes, segments, templates)
    source = data.decode("utf-8-sig", errors="replace") if definition else ""
    return Loaded(definition, mistakes.sorted(), source)


def definition_from_json(data: Mapping[str, Any]) -> Definition:
    """The inverse of `Definition.to_json`; raises ValueError for data that is no definition."""
    mistakes = Mistakes("stored definition")
    definition = _read(from_plain(data), mistakes, None, None)
    if definition is None:
        raise ValueError("; ".join(mistake.what for mistake in mistakes.sorted()))
    return definition


def _read(
    root: Node, mistakes: Mistakes, segments: Mapping[str, Segment] | None, templates: Templates | None
) -> Definition | None:
    record = campaign(segments).read(root, "campaign file", mistakes)
    if record is None:
        return None
    check(record, mistakes, templates)
    return None if mistakes else build(record)


def campaign_schema() -> Schema:
    """JSON Schema (2020-12) of campaign files, for editors: shapes and closed sets, not references between parts."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:outreach:campaign",
        "title": "Outreach campaign",
        **campaign().schema(),
        "$defs": {"rule": rule_definition()},
    }
