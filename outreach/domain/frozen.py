"""A version as it was frozen: the definition with its dates shifted, its templates compiled, its segments."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from outreach.domain.definition import Definition, definition_from_json, shifted
from outreach.domain.rendering import Compiled, TemplateSource, compile_template
from outreach.domain.segment_file import segment_from_json
from outreach.domain.segments import AllOf, Rule, Segment

EVERYBODY: Rule = AllOf(())
"""The rule that selects everyone."""


@dataclass(frozen=True, slots=True)
class Frozen:
    """Everything a run needs, independent of the files it was loaded from.

    `templates` are kept by message id. Compiled templates are made once, when first asked for.
    """

    definition: Definition
    templates: Mapping[str, TemplateSource]
    segments: Mapping[str, Segment]
    _compiled: dict[str, Compiled] = field(default_factory=dict)

    @classmethod
    def from_json(
        cls, definition: Mapping[str, Any], templates: Mapping[str, Any], segments: Mapping[str, Any], shift_days: int,
        files: Mapping[str, bytes] | None = None,
    ) -> Frozen:  # fmt: skip
        """From what the store keeps, with every date moved by `shift_days`; `files`: attachments by digest."""
        original = definition_from_json(definition)
        return cls(
            definition=shifted(original, shift_days) if shift_days else original,
            templates={name: TemplateSource.from_json(source, files) for name, source in templates.items()},
            segments={name: segment_from_json(name, data) for name, data in segments.items()},
        )

    def rule(self, segment: str | Rule | None) -> Rule:
        """The rule of a segment given by name or in place; None is everybody."""
        if segment is None:
            return EVERYBODY
        return self.segments[segment].where if isinstance(segment, str) else segment

    def template(self, message: str) -> Compiled:
        """The compiled template of a message."""
        if message not in self._compiled:
            self._compiled[message] = compile_template(self.templates[message])
        return self._compiled[message]
