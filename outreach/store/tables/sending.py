"""Deliveries, and what goes with planning and sending them."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    Identity,
    Index,
    Integer,
    LargeBinary,
    Numeric,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY

from outreach.store.tables.base import Moment, metadata, now, word

deliveries = Table(
    "deliveries",
    metadata,
    # No foreign keys: a run plans a million rows in one statement, and recipients are of two kinds.
    Column("run_id", BigInteger, primary_key=True),
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("recipient_kind", Text, nullable=False),
    Column("recipient_id", BigInteger, nullable=False),
    Column("channel", Text, nullable=False),
    Column("subject_id", BigInteger, nullable=False, server_default="0"),
    Column("step", SmallInteger, nullable=False),
    Column("address_id", BigInteger),
    Column("fingerprint", LargeBinary),
    Column("unit_code", Text),
    Column("account", Text, nullable=False),
    Column("lane", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("reason", Text),
    Column("code", Text),
    Column("due_at", Moment, nullable=False),
    Column("next_attempt_at", Moment, nullable=False),
    Column("expires_at", Moment, nullable=False),
    Column("attempt", SmallInteger, nullable=False, server_default="0"),
    Column("generation", SmallInteger, nullable=False, server_default="0"),
    Column("child_id", BigInteger),
    Column("lease_until", Moment),
    Column("provider_id", Text),
    Column("parts", SmallInteger),
    Column("sent_at", Moment),
    Column("closes_at", Moment),
    Column("cascade_at", Moment),
    Column("shared_with", BigInteger),
    Column("proved", Boolean, nullable=False, server_default="false"),
    # Set where an earlier attempt may have left: until then the provider drops a repetition.
    Column("resend_until", Moment),
    UniqueConstraint(
        "run_id", "recipient_kind", "recipient_id", "channel", "subject_id", name="uq_deliveries_recipient"
    ),
    Index(
        "ix_deliveries_claim",
        "account",
        "lane",
        "run_id",
        "next_attempt_at",
        postgresql_where=text("state = 'planned'"),
    ),
    Index("ix_deliveries_leased", "lease_until", postgresql_where=text("state = 'sending'")),
    Index("ix_deliveries_open", "run_id", "closes_at", postgresql_where=text("state = 'accepted'")),
    Index("ix_deliveries_unknown", "account", "run_id", postgresql_where=text("state = 'unknown'")),
    Index("ix_deliveries_provider", "account", "provider_id", postgresql_where=text("provider_id IS NOT NULL")),
    Index("ix_deliveries_cascade", "run_id", "cascade_at", postgresql_where=text("cascade_at IS NOT NULL")),
    Index(
        "ix_deliveries_shared",
        "run_id",
        "shared_with",
        postgresql_where=text("shared_with IS NOT NULL"),
    ),
    # For pages of a reason, in order. It costs the sending nothing: what is claimed and accepted has no reason.
    Index("ix_deliveries_reason", "run_id", "reason", "id", postgresql_where=text("reason IS NOT NULL")),
    postgresql_with={
        "fillfactor": "80",
        "autovacuum_vacuum_scale_factor": "0.02",
        "autovacuum_vacuum_cost_delay": "1",
        "autovacuum_analyze_scale_factor": "0.05",
    },
)

case_reminders = Table(
    "case_reminders",
    metadata,
    Column("campaign", Text, primary_key=True),
    Column("message", Text, primary_key=True),
    Column("case_id", BigInteger, primary_key=True),
    Column("due_at", Moment, primary_key=True),
    Column("run_id", BigInteger, nullable=False),
)

broadcasts = Table(
    "broadcasts",
    metadata,
    Column("run_id", BigInteger, primary_key=True),
    Column("delivery_id", BigInteger, primary_key=True),
    Column("station_id", BigInteger, nullable=False),
    Column("slot_starts", Moment, nullable=False),
    Column("slot_ends", Moment, nullable=False),
    Column("members", Integer, nullable=False),
    Column("confirmed_at", Moment),
    Column("confirmed_by", Text),
    word("note"),
    Index("ix_broadcasts_station_id_slot_starts", "station_id", "slot_starts"),
)

contact_ledger = Table(
    "contact_ledger",
    metadata,
    Column("fingerprint", LargeBinary, primary_key=True),
    Column("day", Date, primary_key=True),
    Column("channel", Text, primary_key=True),
    Column("class", Text, primary_key=True),
    Column("times", ARRAY(Moment), nullable=False),
    postgresql_with={"fillfactor": "70"},  # room for a second message on the same day
)

test_addresses = Table(
    "test_addresses",
    metadata,
    # To whom accounts and campaigns in trial mode may write; channel `*`: any that takes the address.
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("channel", Text, nullable=False),
    Column("fingerprint", LargeBinary, nullable=False),
    Column("key_version", SmallInteger, nullable=False),
    Column("older", ARRAY(LargeBinary), nullable=False, server_default="{}"),
    Column("value", LargeBinary, nullable=False),
    word("label"),
    Column("added_by", Text, nullable=False),
    Column("added_at", Moment, nullable=False),
    UniqueConstraint("fingerprint", "channel"),
)

test_sends = Table(
    "test_sends",
    metadata,
    # The recipients of deliveries of kind `test`: an address that a person typed, forgotten after a day.
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("run_id", BigInteger, nullable=False),
    Column("fingerprint", LargeBinary, nullable=False),
    Column("key_version", SmallInteger, nullable=False),
    Column("older", ARRAY(LargeBinary), nullable=False, server_default="{}"),
    Column("value", LargeBinary, nullable=False),
    # The data of the recipient the text is made for, sealed.
    Column("who", LargeBinary, nullable=False),
    word("mark"),
    Column("sent_by", Text, nullable=False),
    Column("made_at", Moment, nullable=False),
    Index("ix_test_sends_made_at", "made_at"),
)

children = Table(
    "children",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("host", Text, nullable=False),
    Column("boot", Text, nullable=False),
    Column("pid", Integer, nullable=False),
    Column("started", Numeric, nullable=False),
    now("seen_at"),
    Column("ended_at", Moment),
)
