"""What is not kept for ever."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Connection, text

LEDGER_KEPT = timedelta(days=4)
"""Caps look back 24 hours; the days of the ledger are local ones."""


def purge_ledger(connection: Connection, now: datetime) -> int:
    """Forget what no cap looks back to any more; returns how many rows went."""
    gone = text("DELETE FROM contact_ledger WHERE day < CAST(:before AS date)")
    return connection.execute(gone, {"before": now - LEDGER_KEPT}).rowcount


def purge_events(connection: Connection, before: datetime) -> int:
    """Delete raw events received before `before`; returns how many."""
    return connection.execute(text("DELETE FROM raw_events WHERE received_at < :before"), {"before": before}).rowcount
