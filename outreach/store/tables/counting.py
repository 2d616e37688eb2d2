"""Counts of deliveries: kept as they move, summed up now and then, and of those that are gone."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, SmallInteger, Table, Text
from sqlalchemy.dialects.postgresql import ARRAY

from outreach.store.tables.base import Moment, metadata

run_counts = Table(
    "run_counts",
    metadata,
    Column("run_id", BigInteger, primary_key=True),
    Column("channel", Text, primary_key=True),
    Column("state", Text, primary_key=True),
    Column("shard", SmallInteger, primary_key=True),
    Column("n", BigInteger, nullable=False),
    postgresql_with={"fillfactor": "50"},
)

error_counts = Table(
    "error_counts",
    metadata,
    # What failed, is unknown or was put off, by the provider's code ("" for none), kept as run_counts is.
    Column("run_id", BigInteger, primary_key=True),
    Column("account", Text, primary_key=True),
    Column("channel", Text, primary_key=True),
    Column("state", Text, primary_key=True),
    Column("reason", Text, primary_key=True),
    Column("code", Text, primary_key=True),
    Column("shard", SmallInteger, primary_key=True),
    Column("n", BigInteger, nullable=False),
    postgresql_with={"fillfactor": "50"},
)


def _counted_by_unit(name: str) -> Table:
    """What deliveries of a run come to, by unit ("" for none), state and the provider's code."""
    return Table(
        name,
        metadata,
        Column("run_id", BigInteger, primary_key=True),
        Column("unit_code", Text, primary_key=True),
        Column("channel", Text, primary_key=True),
        Column("account", Text, primary_key=True),
        Column("state", Text, primary_key=True),
        Column("reason", Text, primary_key=True),
        Column("code", Text, primary_key=True),
        Column("n", BigInteger, nullable=False),
    )


def _audience_by_units(name: str) -> Table:
    """The people (or cases) of a run by the units their deliveries stand in: one, for all but those who moved."""
    return Table(
        name,
        metadata,
        Column("run_id", BigInteger, primary_key=True),
        Column("units", ARRAY(Text), primary_key=True),
        Column("n", BigInteger, nullable=False),
    )


# Of deliveries that are there: sums of large runs, made now and then (`outreach.store.unit_counts`).
summed_counts = _counted_by_unit("summed_counts")
summed_audiences = _audience_by_units("summed_audiences")
summed_runs = Table(
    "summed_runs",
    metadata,
    Column("run_id", BigInteger, primary_key=True),
    Column("at", Moment, nullable=False),
    # The newest delivery that was there, and what the counters said.
    Column("last_id", BigInteger),
    Column("seen", Text),
)

summed_places = Table(
    "summed_places",
    metadata,
    # The deliveries of a unit, in order: an index that costs the sending nothing.
    Column("run_id", BigInteger, primary_key=True),
    Column("unit_code", Text, primary_key=True),
    Column("ids", ARRAY(BigInteger), nullable=False),
)

# Of deliveries that are gone (`outreach.store.history`).
archived_counts = _counted_by_unit("archived_counts")
archived_audiences = _audience_by_units("archived_audiences")

archived_people = Table(
    "archived_people",
    metadata,
    # What reports of archived runs need to count each person once: no address, no state, no code.
    Column("run_id", BigInteger, primary_key=True),
    Column("contact_id", BigInteger, primary_key=True),
    Column("channel", Text, primary_key=True),
    Column("unit_code", Text),
    Column("sent", SmallInteger, nullable=False),
    Column("proved", SmallInteger, nullable=False),
    # When this person was first reached by it, also with a message that somebody at the same address got.
    Column("proved_at", Moment),
)
