"""What went wrong by the provider's code, what citizens write, and the answer to their refusals"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Apply; what has gone wrong so far is counted once."""
    _error_counts()
    _inbound()
    _confirmations()


def _error_counts() -> None:
    names = ("account", "channel", "state", "reason", "code")
    op.create_table(
        "error_counts",
        sa.Column("run_id", sa.BigInteger(), nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in names),
        sa.Column("shard", sa.SmallInteger(), nullable=False),
        sa.Column("n", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("run_id", *names, "shard", name="pk_error_counts"),
        postgresql_with={"fillfactor": "50"},
    )
    op.execute(
        """
        INSERT INTO error_counts (run_id, account, channel, state, reason, code, shard, n)
        SELECT run_id, account, channel, state, coalesce(reason, ''), coalesce(code, ''), 0, count(*) FROM deliveries
        WHERE state IN ('failed', 'unknown')
            OR (state = 'planned' AND reason IN ('transient', 'throttled', 'misconfigured'))
        GROUP BY 1, 2, 3, 4, 5, 6
        """
    )


def _inbound() -> None:
    op.create_table(
        "inbound",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("event_key", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.LargeBinary(), nullable=False),
        sa.Column("key_version", sa.SmallInteger(), nullable=False),
        sa.Column("sender", sa.LargeBinary(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("contacts", postgresql.ARRAY(sa.BigInteger()), server_default="{}", nullable=False),
        sa.Column("at", _MOMENT, nullable=False),
        sa.Column("run_id", sa.BigInteger(), nullable=True),
        sa.Column("delivery_id", sa.BigInteger(), nullable=True),
        sa.Column("state", sa.Text(), server_default="new", nullable=False),
        sa.Column("settled_at", _MOMENT, nullable=True),
        sa.Column("settled_by", sa.Text(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_inbound"),
        sa.UniqueConstraint("account", "event_key", name="uq_inbound_account_event_key"),
    )
    op.create_index("ix_inbound_at", "inbound", ["at"])


def _confirmations() -> None:
    op.create_table(
        "confirmations",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("event_key", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.LargeBinary(), nullable=False),
        sa.Column("key_version", sa.SmallInteger(), nullable=False),
        sa.Column("value", sa.LargeBinary(), nullable=True),
        sa.Column("state", sa.Text(), server_default="planned", nullable=False),
        sa.Column("made_at", _MOMENT, nullable=False),
        sa.Column("next_attempt_at", _MOMENT, nullable=False),
        sa.Column("expires_at", _MOMENT, nullable=False),
        sa.Column("attempt", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column("child_id", sa.BigInteger(), nullable=True),
        sa.Column("lease_until", _MOMENT, nullable=True),
        sa.Column("code", sa.Text(), server_default="", nullable=False),
        sa.Column("settled_at", _MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_confirmations"),
        sa.UniqueConstraint("account", "event_key", name="uq_confirmations_account_event_key"),
    )
    op.create_index("ix_confirmations_fingerprint_channel", "confirmations", ["fingerprint", "channel"])
    op.create_index(
        "ix_confirmations_open", "confirmations", ["next_attempt_at"],
        postgresql_where=sa.text("state IN ('planned', 'sending')"),
    )  # fmt: skip


def downgrade() -> None:
    """Take back."""
    for name in ("confirmations", "inbound", "error_counts"):
        op.drop_table(name)
