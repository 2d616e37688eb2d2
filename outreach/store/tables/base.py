"""What all tables share: where they are known, how keys are named, and columns that many have."""

from __future__ import annotations

from sqlalchemy import Column, DateTime, MetaData, Text, func

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

Moment = DateTime(timezone=True)


def now(name: str) -> Column[object]:
    """The moment at which the row was made, unless it is given."""
    return Column(name, Moment, nullable=False, server_default=func.now())


def word(name: str, default: str = "") -> Column[str]:
    """A text that is never null."""
    return Column(name, Text, nullable=False, server_default=default)
