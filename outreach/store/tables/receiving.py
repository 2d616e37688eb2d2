"""What comes back: receipts, bounces, and what citizens write and agree to."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    Date,
    ForeignKey,
    Identity,
    Index,
    LargeBinary,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY

from outreach.store.tables.base import Moment, metadata, now, word

raw_events = Table(
    "raw_events",
    metadata,
    Column("account", Text, primary_key=True),
    Column("event_key", Text, primary_key=True),
    now("received_at"),
    Column("payload", LargeBinary, nullable=False),
    Column("provider_id", Text),
    Column("run_id", BigInteger),
    Column("delivery_id", BigInteger),
    Column("applied_at", Moment),
    Column("retry_at", Moment),
    Index("ix_raw_events_waiting", "account", "provider_id", postgresql_where=text("applied_at IS NULL")),
    Index("ix_raw_events_received_at", "received_at"),
    Index("ix_raw_events_retry_at", "retry_at", postgresql_where=text("retry_at IS NOT NULL")),
)

joins = Table(
    "joins",
    metadata,
    Column("contact_id", BigInteger, ForeignKey("contacts.id", ondelete="CASCADE"), primary_key=True),
    Column("made_on", Date, primary_key=True),
    Column("account", Text, nullable=False),
    Column("fingerprint", LargeBinary, nullable=False),
    Column("used_at", Moment, nullable=False),
)

arrivals = Table(
    "arrivals",
    metadata,
    # Whoever came to an account of a bound channel; moments are those of the events, whatever their order.
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("account", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("fingerprint", LargeBinary, nullable=False),
    Column("key_version", SmallInteger, nullable=False),
    Column("value", LargeBinary),
    Column("name", LargeBinary),
    Column("phone", LargeBinary),
    Column("why", Text),
    Column("contacts", ARRAY(BigInteger), nullable=False, server_default="{}"),
    Column("seen_at", Moment, nullable=False),
    Column("came_at", Moment),
    Column("left_at", Moment),
    Column("agreed_at", Moment),
    Column("refused_at", Moment),
    Column("wrong", SmallInteger, nullable=False, server_default="0"),
    Column("wrong_since", Moment),
    UniqueConstraint("account", "fingerprint"),
    Index("ix_arrivals_fingerprint", "fingerprint"),
    Index("ix_arrivals_waiting", "seen_at", postgresql_where=text("why IS NOT NULL")),
)

inbound = Table(
    "inbound",
    metadata,
    # What citizens wrote that was no STOP, START or token; sender and text are sealed under `key_version`.
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("account", Text, nullable=False),
    Column("event_key", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("fingerprint", LargeBinary, nullable=False),
    Column("key_version", SmallInteger, nullable=False),
    Column("sender", LargeBinary, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("contacts", ARRAY(BigInteger), nullable=False, server_default="{}"),
    Column("at", Moment, nullable=False),
    # The delivery it answers, where that can be told.
    Column("run_id", BigInteger),
    Column("delivery_id", BigInteger),
    word("state", "new"),
    Column("settled_at", Moment),
    word("settled_by"),
    UniqueConstraint("account", "event_key"),
    Index("ix_inbound_at", "at"),
)

confirmations = Table(
    "confirmations",
    metadata,
    # The one answer to each refusal (Decree 91/2020); the sealed address is forgotten once it is settled.
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("account", Text, nullable=False),
    Column("event_key", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("fingerprint", LargeBinary, nullable=False),
    Column("key_version", SmallInteger, nullable=False),
    Column("value", LargeBinary),
    word("state", "planned"),
    Column("made_at", Moment, nullable=False),
    Column("next_attempt_at", Moment, nullable=False),
    Column("expires_at", Moment, nullable=False),
    Column("attempt", SmallInteger, nullable=False, server_default="0"),
    Column("child_id", BigInteger),
    Column("lease_until", Moment),
    word("code"),
    Column("settled_at", Moment),
    UniqueConstraint("account", "event_key"),
    Index("ix_confirmations_fingerprint_channel", "fingerprint", "channel"),
    Index("ix_confirmations_open", "next_attempt_at", postgresql_where=text("state IN ('planned', 'sending')")),
)

interactions = Table(
    "interactions",
    metadata,
    # `last_at`: when the citizen was last in touch; `refused_at`: when the provider last said that it was too long ago.
    Column("account", Text, primary_key=True),
    Column("fingerprint", LargeBinary, primary_key=True),
    Column("last_at", Moment),
    Column("refused_at", Moment),
)

bounces = Table(
    "bounces",
    metadata,
    # Each message that nobody is there for; `left_at` is the full hour in which it left (`outreach.domain.bouncing`).
    Column("run_id", BigInteger, primary_key=True),
    Column("delivery_id", BigInteger, primary_key=True),
    Column("generation", SmallInteger, primary_key=True),
    Column("account", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("fingerprint", LargeBinary, nullable=False),
    Column("key_version", SmallInteger, nullable=False),
    Column("code", Text, nullable=False),
    Column("left_at", Moment, nullable=False),
    Column("at", Moment, nullable=False),
    Column("state", Text, nullable=False),
    Column("settled_at", Moment),
    word("settled_by"),
    Index("ix_bounces_barred", "account", "left_at", postgresql_where=text("state = 'barred'")),
    Index("ix_bounces_held", "account", postgresql_where=text("state = 'held'")),
    Index("ix_bounces_at", "at"),
    Index("ix_bounces_fingerprint", "fingerprint"),
)

sent_counts = Table(
    "sent_counts",
    metadata,
    # Messages that left through an account in an hour, where what nobody is there for comes back.
    Column("account", Text, primary_key=True),
    Column("hour", Moment, primary_key=True),
    Column("shard", SmallInteger, primary_key=True),
    Column("n", BigInteger, nullable=False),
    postgresql_with={"fillfactor": "50"},
)
