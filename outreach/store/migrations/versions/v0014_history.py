"""History: runs whose deliveries are archived, and what is kept of them"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

_COUNTED_BY = ("unit_code", "channel", "account", "state", "reason", "code")


def upgrade() -> None:
    """Apply."""
    op.add_column("runs", sa.Column("archived_at", sa.DateTime(timezone=True), nullable=True))
    op.create_table(
        "archived_counts",
        sa.Column("run_id", sa.BigInteger(), nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in _COUNTED_BY),
        sa.Column("n", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("run_id", *_COUNTED_BY, name="pk_archived_counts"),
    )
    op.create_table(
        "archived_audiences",
        sa.Column("run_id", sa.BigInteger(), nullable=False),
        sa.Column("units", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("n", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("run_id", "units", name="pk_archived_audiences"),
    )
    op.create_table(
        "archived_people",
        sa.Column("run_id", sa.BigInteger(), nullable=False),
        sa.Column("contact_id", sa.BigInteger(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("unit_code", sa.Text(), nullable=True),
        sa.Column("sent", sa.SmallInteger(), nullable=False),
        sa.Column("proved", sa.SmallInteger(), nullable=False),
        sa.Column("proved_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("run_id", "contact_id", "channel", name="pk_archived_people"),
    )


def downgrade() -> None:
    """Take back; what was archived stays counted in run_counts only."""
    for name in ("archived_people", "archived_audiences", "archived_counts"):
        op.drop_table(name)
    op.drop_column("runs", "archived_at")
