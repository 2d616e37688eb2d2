"""Whose people a caller may see: a subtree of units; every store query that touches people takes one."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Scope:
    """The caller's part of the unit tree.

    `path` is the unit's path (`01/` for a province, `01/00070/` for a commune in it); "" sees the whole tree and
    also people without a unit. `who` names the caller in the audit trail.
    """

    path: str
    who: str

    @property
    def everything(self) -> bool:
        """Whether nothing is hidden."""
        return self.path == ""


EVERYTHING = Scope(path="", who="engine")
"""The engine's own scope: planning, dispatch and receipts work for all."""
