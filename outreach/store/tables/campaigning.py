"""Campaigns, their versions with what was decided of them, and their runs."""

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
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from outreach.store.tables.base import Moment, metadata, now, word

campaigns = Table(
    "campaigns",
    metadata,
    Column("slug", Text, primary_key=True),
    Column("title", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("approved_version", Integer),
    Column("timezone", Text, nullable=False),
    Column("starts", Date, nullable=False),
    Column("ends", Date, nullable=False),
    Column("launched_at", Moment),
    Column("launched_by", Text),
    Column("shift_days", Integer, nullable=False, server_default="0"),
    Column("occurrences_until", Moment),
    now("created_at"),
    now("updated_at"),
)

campaign_versions = Table(
    "campaign_versions",
    metadata,
    Column("slug", Text, ForeignKey("campaigns.slug", ondelete="CASCADE"), primary_key=True),
    Column("n", Integer, primary_key=True),
    Column("state", Text, nullable=False),
    Column("hash", Text, nullable=False),
    Column("definition", JSONB, nullable=False),
    Column("templates", JSONB, nullable=False),
    Column("segments", JSONB, nullable=False),
    Column("source_text", Text, nullable=False),
    Column("author", Text, nullable=False),
    Column("submitted_by", Text),
    now("created_at"),
)

approvals = Table(
    "approvals",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("slug", Text, nullable=False),
    Column("n", Integer, nullable=False),
    Column("hash", Text, nullable=False),
    Column("decision", Text, nullable=False),
    Column("approver", Text, nullable=False),
    word("reason"),
    Column("figures", JSONB, nullable=False),
    now("decided_at"),
    Index("ix_approvals_slug_n", "slug", "n"),
)

attachments = Table(
    "attachments",
    metadata,
    Column("digest", Text, primary_key=True),
    Column("content", LargeBinary, nullable=False),
    now("stored_at"),
)

runs = Table(
    "runs",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("campaign", Text, ForeignKey("campaigns.slug"), nullable=False),
    Column("message", Text, nullable=False),
    Column("scheduled_for", Moment, nullable=False),
    Column("version", Integer, nullable=False),
    Column("state", Text, nullable=False),
    word("reason"),
    Column("lane", Text, nullable=False),
    Column("class", Text, nullable=False),
    Column("steps", ARRAY(Text), nullable=False),
    Column("mode", Text, nullable=False),
    Column("wait_s", Integer, nullable=False),
    Column("not_after_s", Integer, nullable=False),
    Column("audience", BigInteger),
    Column("cost", BigInteger),
    Column("released_by", Text),
    Column("planned_at", Moment),
    Column("finished_at", Moment),
    now("created_at"),
    # Whether its people stand in campaign_people.
    Column("gathered", Boolean, nullable=False, server_default="false"),
    # Whether its version writes to listed test addresses only.
    Column("trial", Boolean, nullable=False, server_default="false"),
    # Since when its deliveries to people are no longer kept one by one (`outreach.store.history`).
    Column("archived_at", Moment),
    UniqueConstraint("campaign", "message", "scheduled_for"),
    Index("ix_runs_open", "state", postgresql_where=text("state IN ('scheduled', 'planning', 'sending', 'held')")),
)
