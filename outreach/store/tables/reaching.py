"""Who was reached, and what a campaign's targets come to."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Date, ForeignKey, Identity, Index, Integer, Numeric, Table, Text, text
from sqlalchemy.dialects.postgresql import ARRAY

from outreach.store.tables.base import Moment, metadata, word

reached = Table(
    "reached",
    metadata,
    Column("campaign", Text, primary_key=True),
    Column("contact_id", BigInteger, primary_key=True),
    Column("first_at", Moment, nullable=False),
    Column("channel", Text, nullable=False),
    # No run and no delivery: the first proof was a home visit, channel `visit`.
    Column("run_id", BigInteger),
    Column("delivery_id", BigInteger),
    Column("unit_code", Text),
    Column("segments", ARRAY(Text)),
    Index("ix_reached_unsorted", "campaign", postgresql_where=text("segments IS NULL")),
    Index("ix_reached_run_id_delivery_id", "run_id", "delivery_id"),
)

campaign_people = Table(
    "campaign_people",
    metadata,
    # Everyone a campaign has a delivery for, with the unit they are counted in (`outreach.store.reach_counts`).
    Column("campaign", Text, primary_key=True),
    Column("contact_id", BigInteger, primary_key=True),
    Column("unit_code", Text),
)

reach_units = Table(
    "reach_units",
    metadata,
    # What campaign_people and reached come to, by unit ("" for none).
    Column("campaign", Text, primary_key=True),
    Column("unit_code", Text, primary_key=True),
    Column("audience", BigInteger, nullable=False),
    Column("measured", BigInteger, nullable=False),
)

reach_groups = Table(
    "reach_groups",
    metadata,
    # The same by segment, channel or message for large campaigns, made now and then (`outreach.store.reach_groups`).
    Column("campaign", Text, primary_key=True),
    Column("grouping", Text, primary_key=True),
    Column("unit_code", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("audience", BigInteger, nullable=False),
    Column("measured", BigInteger, nullable=False),
    Column("first", BigInteger, nullable=False),
)

grouped_campaigns = Table(
    "grouped_campaigns",
    metadata,
    # When that was, by the segments of which version, and what the counters said.
    Column("campaign", Text, primary_key=True),
    Column("at", Moment, nullable=False),
    Column("rules", Text, nullable=False),
    Column("seen", Text, nullable=False),
)

unreached = Table(
    "unreached",
    metadata,
    # Counted rows that left `reached` and are to be taken off reach_units; written by a trigger.
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("campaign", Text, nullable=False),
    Column("contact_id", BigInteger, nullable=False),
    Column("unit_code", Text),
)

target_values = Table(
    "target_values",
    metadata,
    # Only ever added to: the newest row of a target's day is what holds, one without a value takes the day back.
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("campaign", Text, ForeignKey("campaigns.slug"), nullable=False),
    Column("target", Text, nullable=False),
    Column("day", Date, nullable=False),
    Column("value", Numeric),
    Column("answers", BigInteger),
    Column("who", Text, nullable=False),
    Column("at", Moment, nullable=False),
    word("note"),
    Index("ix_target_values_campaign_target_day", "campaign", "target", "day", "id"),
)

visits = Table(
    "visits",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("campaign", Text, ForeignKey("campaigns.slug"), nullable=False),
    Column("contact_id", BigInteger, nullable=False),
    Column("day", Date, nullable=False),
    Column("guided", Integer, nullable=False),
    word("note"),
    Column("unit_code", Text),
    Column("recorded_at", Moment, nullable=False),
    Column("recorded_by", Text, nullable=False),
    Column("undone_at", Moment),
    Column("undone_by", Text),
    Index(
        "uq_visits_campaign_contact_id_day",
        "campaign",
        "contact_id",
        "day",
        unique=True,
        postgresql_where=text("undone_at IS NULL"),
    ),
    Index("ix_visits_contact_id", "contact_id"),
)
