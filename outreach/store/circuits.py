"""The circuits of the accounts: which are ill, since when and why, and who may try them again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, text

from outreach.domain.circuits import Circuit


@dataclass(frozen=True, slots=True)
class Standing:
    """How an account stands. `probe_due`: an ill one may be tried again; `tries`: how often it was found ill in a row.

    `since`: when it was found ill, or well again.
    """

    name: str
    paused: bool = False
    circuit: Circuit = Circuit.CLOSED
    cause: str = ""
    since: datetime | None = None
    probe_due: bool = False
    tries: int = 0

    @property
    def rests(self) -> bool:
        """Whether another account is to be taken where there is one."""
        return self.paused or self.circuit is Circuit.OPEN


_SELECT = """
    SELECT name, paused, circuit, cause, circuit_since, tries,
        circuit = 'open' AND probe_at <= clock_timestamp() AS probe_due FROM account_states
"""
_ONE, _ALL = text(_SELECT + " WHERE name = :name"), text(_SELECT)
_AGAIN = timedelta(minutes=10)
"""Found ill again within this time it is left alone for longer."""


def standing(connection: Connection, name: str) -> Standing:
    """How one account stands."""
    row = connection.execute(_ONE, {"name": name}).one_or_none()
    return Standing(name) if row is None else _standing(row)


def standings(connection: Connection) -> dict[str, Standing]:
    """How those accounts stand that ever did not stand well, by name."""
    return {row.name: _standing(row) for row in connection.execute(_ALL)}


def resting(connection: Connection) -> frozenset[str]:
    """The accounts that are taken last: paused or ill."""
    return frozenset(name for name, one in standings(connection).items() if one.rests)


def found_ill(
    connection: Connection, name: str, *, cause: str, pause: Callable[[int], timedelta], probed: bool = False
) -> bool:
    """Open an account's circuit; returns whether it was not open before. `cause` is for people.

    An open one is left alone for longer where a probe failed (`probed`); others who find it ill change nothing then.
    `pause` tells how long after how many tries in a row.
    """
    connection.execute(text("INSERT INTO account_states (name) VALUES (:name) ON CONFLICT DO NOTHING"), {"name": name})
    before = connection.execute(
        text(
            "SELECT circuit, tries, circuit_since > now() - :again AS lately FROM account_states"
            " WHERE name = :name FOR UPDATE"
        ),
        {"name": name, "again": _AGAIN},
    ).one()
    was_open = before.circuit == Circuit.OPEN
    if was_open and not probed:
        return False
    tries = before.tries + 1 if was_open or before.lately else 1
    connection.execute(
        text(
            """
            UPDATE account_states SET circuit = 'open', cause = :cause, tries = :tries,
                circuit_since = CASE WHEN circuit = 'open' THEN circuit_since ELSE now() END,
                probe_at = clock_timestamp() + :pause
            WHERE name = :name
            """
        ),
        {"name": name, "cause": cause, "tries": min(tries, 1000), "pause": pause(tries)},
    )
    return not was_open


def take_probe(connection: Connection, name: str, *, lease_s: float) -> bool:
    """Be the one who tries an ill account; another may once `lease_s` have passed without a word."""
    taken = connection.execute(
        text(
            "UPDATE account_states SET probe_at = clock_timestamp() + make_interval(secs => :lease_s)"
            " WHERE name = :name AND circuit = 'open' AND probe_at <= clock_timestamp()"
        ),
        {"name": name, "lease_s": lease_s},
    )
    return bool(taken.rowcount)


def give_probe_back(connection: Connection, name: str) -> None:
    """There was nothing to try it with: the next one may."""
    connection.execute(
        text("UPDATE account_states SET probe_at = clock_timestamp() WHERE name = :name AND circuit = 'open'"),
        {"name": name},
    )


def found_well(connection: Connection, name: str) -> bool:
    """An ill account is well again and gets its share back; returns whether it was ill."""
    return _turn(connection, name, Circuit.OPEN, Circuit.RETURNING)


def shared_out(connection: Connection, name: str) -> bool:
    """Everything that waits has been shared out again."""
    return _turn(connection, name, Circuit.RETURNING, Circuit.CLOSED)


def _turn(connection: Connection, name: str, before: Circuit, after: Circuit) -> bool:
    turned = connection.execute(
        text(
            "UPDATE account_states SET circuit = :after, cause = '', circuit_since = now(), probe_at = NULL"
            " WHERE name = :name AND circuit = :before"
        ),
        {"name": name, "before": str(before), "after": str(after)},
    )
    return bool(turned.rowcount)


def _standing(row: Any) -> Standing:
    return Standing(
        row.name, row.paused, Circuit(row.circuit), row.cause, row.circuit_since, bool(row.probe_due), row.tries
    )
