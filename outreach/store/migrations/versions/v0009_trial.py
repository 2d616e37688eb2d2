"""Trial mode: the addresses it may write to, which runs are in it; and the recipients of test sends"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_OLDER = postgresql.ARRAY(sa.LargeBinary())


def _address() -> list[sa.Column[object]]:
    return [
        sa.Column("fingerprint", sa.LargeBinary(), nullable=False),
        sa.Column("key_version", sa.SmallInteger(), nullable=False),
        sa.Column("older", _OLDER, server_default="{}", nullable=False),
        sa.Column("value", sa.LargeBinary(), nullable=False),
    ]


def upgrade() -> None:
    """Apply."""
    op.add_column("runs", sa.Column("trial", sa.Boolean(), server_default="false", nullable=False))
    op.create_table(
        "test_addresses",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        *_address(),
        sa.Column("label", sa.Text(), server_default="", nullable=False),
        sa.Column("added_by", sa.Text(), nullable=False),
        sa.Column("added_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_test_addresses"),
        sa.UniqueConstraint("fingerprint", "channel", name="uq_test_addresses_fingerprint_channel"),
    )
    op.create_table(
        "test_sends",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("run_id", sa.BigInteger(), nullable=False),
        *_address(),
        sa.Column("who", sa.LargeBinary(), nullable=False),
        sa.Column("mark", sa.Text(), server_default="", nullable=False),
        sa.Column("sent_by", sa.Text(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_test_sends"),
    )
    op.create_index("ix_test_sends_made_at", "test_sends", ["made_at"])


def downgrade() -> None:
    """Take back."""
    for table in ("run_counts", "deliveries"):
        op.execute(f"DELETE FROM {table} WHERE run_id IN (SELECT id FROM runs WHERE campaign = '~tests')")
    op.execute("DELETE FROM runs WHERE campaign = '~tests'")
    op.execute("DELETE FROM campaigns WHERE slug = '~tests'")
    op.drop_index("ix_test_sends_made_at", table_name="test_sends")
    op.drop_table("test_sends")
    op.drop_table("test_addresses")
    op.drop_column("runs", "trial")
