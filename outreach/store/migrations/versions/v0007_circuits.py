"""Circuits: accounts whose provider does not work are left alone, and tried again"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.add_column("account_states", sa.Column("circuit", sa.Text(), server_default="closed", nullable=False))
    op.add_column("account_states", sa.Column("cause", sa.Text(), server_default="", nullable=False))
    op.add_column("account_states", sa.Column("circuit_since", sa.DateTime(timezone=True), nullable=True))
    op.add_column("account_states", sa.Column("probe_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("account_states", sa.Column("tries", sa.SmallInteger(), server_default="0", nullable=False))


def downgrade() -> None:
    """Take back."""
    for name in ("tries", "probe_at", "circuit_since", "cause", "circuit"):
        op.drop_column("account_states", name)
