"""Where people live, and the loudspeakers they hear."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    ForeignKey,
    Identity,
    Index,
    Integer,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from outreach.store.tables.base import metadata

units = Table(
    "units",
    metadata,
    Column("code", Text, primary_key=True),
    Column("parent", Text, ForeignKey("units.code"), index=True),
    Column("path", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("urban", Boolean, nullable=False),
    Column("languages", ARRAY(Text), nullable=False, server_default="{vi}"),
    Column("search_key", Text, nullable=False),
    Column("sort_key", Text, nullable=False),
    Column("valid_from", Date, nullable=False),
    Index("ix_units_path", "path", unique=True),
)

stations = Table(
    "stations",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("unit_code", Text, ForeignKey("units.code"), nullable=False),
    Column("name", Text, nullable=False),
    Column("earshot", Integer, nullable=False),
    Column("slots", JSONB, nullable=False),
    Column("is_default", Boolean, nullable=False, server_default="false"),
    UniqueConstraint("unit_code", "name"),
)
