"""Bounces by the hour in which their messages left: too many of them bar nobody by themselves"""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

_MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Apply; what left in the last days is counted once."""
    op.create_table(
        "bounces",
        sa.Column("run_id", sa.BigInteger(), nullable=False),
        sa.Column("delivery_id", sa.BigInteger(), nullable=False),
        sa.Column("generation", sa.SmallInteger(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.LargeBinary(), nullable=False),
        sa.Column("key_version", sa.SmallInteger(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("left_at", _MOMENT, nullable=False),
        sa.Column("at", _MOMENT, nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("settled_at", _MOMENT, nullable=True),
        sa.Column("settled_by", sa.Text(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("run_id", "delivery_id", "generation", name="pk_bounces"),
    )
    op.create_index(
        "ix_bounces_barred", "bounces", ["account", "left_at"], postgresql_where=sa.text("state = 'barred'")
    )
    op.create_index("ix_bounces_held", "bounces", ["account"], postgresql_where=sa.text("state = 'held'"))
    op.create_index("ix_bounces_at", "bounces", ["at"])
    op.create_index("ix_bounces_fingerprint", "bounces", ["fingerprint"])
    op.create_table(
        "sent_counts",
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("hour", _MOMENT, nullable=False),
        sa.Column("shard", sa.SmallInteger(), nullable=False),
        sa.Column("n", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("account", "hour", "shard", name="pk_sent_counts"),
        postgresql_with={"fillfactor": "50"},
    )
    op.execute(
        """
        INSERT INTO sent_counts (account, hour, shard, n)
        SELECT account, date_trunc('hour', sent_at, 'UTC'), 0, count(*) FROM deliveries
        WHERE channel = 'email' AND sent_at > now() - interval '7 days' GROUP BY 1, 2
        """
    )


def downgrade() -> None:
    """Take back."""
    for name in ("sent_counts", "bounces"):
        op.drop_table(name)
