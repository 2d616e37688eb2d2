"""Accounts with providers, and what people did."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Identity, Index, LargeBinary, SmallInteger, Table, Text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from outreach.store.tables.base import Moment, metadata, now, word

account_states = Table(
    "account_states",
    metadata,
    Column("name", Text, primary_key=True),
    Column("paused", Boolean, nullable=False, server_default="false"),
    word("code"),
    word("reason"),
    now("since"),
    # Beside a person's pause: whether its provider works (`outreach.domain.circuits`).
    word("circuit", "closed"),
    word("cause"),
    Column("circuit_since", Moment),
    Column("probe_at", Moment),
    Column("tries", SmallInteger, nullable=False, server_default="0"),
)

account_tokens = Table(
    "account_tokens",
    metadata,
    Column("name", Text, primary_key=True),
    Column("sealed", LargeBinary, nullable=False),
    Column("key_version", SmallInteger, nullable=False),
    Column("expires_at", Moment, nullable=False),
    Column("seeds", ARRAY(LargeBinary), nullable=False),
    now("renewed_at"),
)

account_quotas = Table(
    "account_quotas",
    metadata,
    # How many messages the provider still took at `read_at`: of the day (`daily`), or of a package.
    Column("account", Text, primary_key=True),
    Column("channel", Text, primary_key=True),
    Column("remaining", BigInteger, nullable=False),
    Column("total", BigInteger),
    Column("daily", Boolean, nullable=False),
    Column("read_at", Moment, nullable=False),
)

authorisations = Table(
    "authorisations",
    metadata,
    # Permissions asked for; `state`: its keyed fingerprint, `verifier`: sealed; `outcome`: "" until an answer was used.
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("account", Text, nullable=False),
    Column("state", LargeBinary, nullable=False),
    Column("key_version", SmallInteger, nullable=False),
    Column("verifier", LargeBinary, nullable=False),
    Column("who", Text, nullable=False),
    Column("expires_at", Moment, nullable=False),
    Column("used_at", Moment),
    word("outcome"),
    Index("ix_authorisations_account", "account"),
)

polls = Table(
    "polls",
    metadata,
    Column("name", Text, primary_key=True),
    Column("cursor", Text, nullable=False, server_default=""),
    Column("polled_at", Moment),
    Column("failing_since", Moment),
    Column("trouble", Text, nullable=False, server_default=""),
    Column("next_at", Moment),
    Column("warned_at", Moment),
    Column("warning", Text, nullable=False, server_default=""),
)

audit = Table(
    "audit",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    now("at"),
    Column("who", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("object", Text, nullable=False),
    Column("detail", JSONB, nullable=False, server_default="{}"),
)
