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
    for prefix in ("archived", "summed"):
        _by_unit(prefix)
    op.create_table(
        "summed_runs",
        sa.Column("run_id", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_id", sa.BigInteger(), nullable=True),
        sa.Column("seen", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("run_id", name="pk_summed_runs"),
    )
    op.create_table(
        "summed_places",
        sa.Column("run_id", sa.BigInteger(), nullable=False),
        sa.Column("unit_code", sa.Text(), nullable=False),
        sa.Column("ids", postgresql.ARRAY(sa.BigInteger()), nullable=False),
        sa.PrimaryKeyConstraint("run_id", "unit_code", name="pk_summed_places"),
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
    op.create_index(
        "ix_deliveries_reason", "deliveries", ["run_id", "reason", "id"], postgresql_where=sa.text("reason IS NOT NULL")
    )


def _by_unit(prefix: str) -> None:
    op.create_table(
        f"{prefix}_counts",
        sa.Column("run_id", sa.BigInteger(), nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in _COUNTED_BY),
        sa.Column("n", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("run_id", *_COUNTED_BY, name=f"pk_{prefix}_counts"),
    )
    op.create_table(
        f"{prefix}_audiences",
        sa.Column("run_id", sa.BigInteger(), nullable=False),
        sa.Column("units", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("n", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("run_id", "units", name=f"pk_{prefix}_audiences"),
    )


def downgrade() -> None:
    """Take back; what was archived stays counted in run_counts only."""
    op.drop_index("ix_deliveries_reason", table_name="deliveries")
    op.drop_table("archived_people")
    op.drop_table("summed_places")
    op.drop_table("summed_runs")
    for prefix in ("archived", "summed"):
        op.drop_table(f"{prefix}_audiences")
        op.drop_table(f"{prefix}_counts")
    op.drop_column("runs", "archived_at")
