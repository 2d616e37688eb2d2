"""Templates that a provider keeps: what it says of one, and whether values fit what it asks for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Misfit(StrEnum):
    """Why a value does not fit its parameter; the first three are also codes of deliveries refused for it."""

    MISSING = "param_missing"
    TOO_LONG = "param_too_long"
    TOO_SHORT = "param_too_short"
    NOT_OF_ITS_KIND = "param_kind"


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of a registered template.

    `kind`: the provider's word for what it takes ("" where it does not say). `shortest`, `longest`: characters; 0 for
    no limit. `required`: it must be given. `may_be_empty`: it may be given as "".
    """

    name: str
    required: bool = True
    kind: str = ""
    shortest: int = 0
    longest: int = 0
    may_be_empty: bool = False

    def length_misfit(self, value: str | None) -> Misfit | None:
        """Whether a value is there and has a length that the parameter takes; None: it does."""
        if not value:
            may_lack = not self.required if value is None else self.may_be_empty or not self.required
            return None if may_lack else Misfit.MISSING
        if self.longest and len(value) > self.longest:
            return Misfit.TOO_LONG
        return Misfit.TOO_SHORT if len(value) < self.shortest else None


@dataclass(frozen=True, slots=True)
class Registered:
    """A template as its provider has it. `usable`: it may be sent; `status`: the provider's word for that.

    `price`: VND a message; None where the provider does not say.
    """

    template_id: str
    name: str
    status: str
    usable: bool
    price: int | None
    parameters: tuple[Parameter, ...]

    def length_misfit(self, values: Mapping[str, str]) -> tuple[Parameter, Misfit] | None:
        """The first parameter whose value is missing, too long or too short."""
        for parameter in self.parameters:
            misfit = parameter.length_misfit(values.get(parameter.name))
            if misfit is not None:
                return parameter, misfit
        return None
