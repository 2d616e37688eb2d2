"""Citizens: who they are, where they are reached, what they agreed to and refused, their cases."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    Date,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from outreach.store.tables.base import Moment, metadata, now, word

contacts = Table(
    "contacts",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("source", Text, nullable=False),
    Column("external_id", Text, nullable=False),
    Column("identity", LargeBinary, nullable=False),
    word("kind", "person"),
    Column("full_name", Text, nullable=False),
    Column("search_key", Text, nullable=False),
    Column("sort_key", Text, nullable=False),
    Column("birth_date", Date),
    Column("sex", Text),
    Column("occupation", Text),
    word("language", "vi"),
    Column("unit_code", Text, ForeignKey("units.code")),
    Column("tags", ARRAY(Text), nullable=False, server_default="{}"),
    Column("attrs", JSONB, nullable=False, server_default="{}"),
    Column("guardian_id", BigInteger, ForeignKey("contacts.id")),
    now("created_at"),
    now("updated_at"),
    Column("erased_at", Moment),
    # A bit for each channel with an address (`outreach.store.segments.BITS`), kept by triggers on addresses.
    Column("addressed", Integer, nullable=False, server_default="0"),
    UniqueConstraint("source", "external_id"),
    Index("ix_contacts_identity", "identity"),
    Index("ix_contacts_unit_code", "unit_code"),
    Index("ix_contacts_guardian_id", "guardian_id", postgresql_where=text("guardian_id IS NOT NULL")),
)

addresses = Table(
    "addresses",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("contact_id", BigInteger, ForeignKey("contacts.id", ondelete="CASCADE"), nullable=False),
    Column("channel", Text, nullable=False),
    word("account"),
    Column("fingerprint", LargeBinary, nullable=False),
    Column("key_version", SmallInteger, nullable=False),
    Column("value", LargeBinary, nullable=False),
    now("created_at"),
    UniqueConstraint("contact_id", "channel", "account", "fingerprint"),
    Index("ix_addresses_fingerprint_channel", "fingerprint", "channel"),
)

suppressions = Table(
    "suppressions",
    metadata,
    Column("fingerprint", LargeBinary, primary_key=True),
    Column("channel", Text, primary_key=True),
    Column("class", Text, primary_key=True),
    Column("key_version", SmallInteger, nullable=False),
    Column("reason", Text, nullable=False),
    Column("source", Text, nullable=False),
    now("created_at"),
)

consents = Table(
    "consents",
    metadata,
    Column("contact_id", BigInteger, ForeignKey("contacts.id", ondelete="CASCADE"), primary_key=True),
    Column("purpose", Text, primary_key=True),
    Column("given_at", Moment, primary_key=True),
    Column("legal_basis", Text, nullable=False),
    word("text_version"),
    word("channel"),
    word("method"),
    word("evidence"),
    Column("withdrawn_at", Moment),
)

cases = Table(
    "cases",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("source", Text, nullable=False),
    Column("external_id", Text, nullable=False),
    Column("contact_id", BigInteger, ForeignKey("contacts.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("title", Text, nullable=False),
    word("state", "open"),
    Column("due_at", Moment, nullable=False),
    Column("unit_code", Text, ForeignKey("units.code")),
    Column("attrs", JSONB, nullable=False, server_default="{}"),
    now("created_at"),
    now("updated_at"),
    UniqueConstraint("source", "external_id"),
    Index("ix_cases_open_due_at", "due_at", postgresql_where=text("state = 'open'")),
)
