"""What is not kept for ever."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, text


def purge_events(connection: Connection, before: datetime) -> int:
    """Delete raw events received before `before`; returns how many."""
    return connection.execute(text("DELETE FROM raw_events WHERE received_at < :before"), {"before": before}).rowcount
