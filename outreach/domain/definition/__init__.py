"""Campaign definitions: the model, its file, its calendar."""

from outreach.domain.definition.calendar import all_past, calendar, days_until, shifted
from outreach.domain.definition.goals import Goal
from outreach.domain.definition.loading import (
    Loaded,
    campaign_schema,
    definition_from_json,
    load_definition,
    read_definition,
)
from outreach.domain.definition.model import DEFAULT_TIMEZONE, Definition, canonical
from outreach.domain.definition.parts import (
    DEFAULT_NOT_AFTER,
    DEFAULT_WAIT,
    Activity,
    Measure,
    Message,
    Phase,
    Source,
    Target,
    TargetScope,
    Text,
)
from outreach.domain.definition.texts import Templates

__all__ = [
    "DEFAULT_NOT_AFTER",
    "DEFAULT_TIMEZONE",
    "DEFAULT_WAIT",
    "Activity",
    "Definition",
    "Goal",
    "Loaded",
    "Measure",
    "Message",
    "Phase",
    "Source",
    "Target",
    "TargetScope",
    "Templates",
    "Text",
    "all_past",
    "calendar",
    "campaign_schema",
    "canonical",
    "days_until",
    "definition_from_json",
    "load_definition",
    "read_definition",
    "shifted",
]
