"""Reach of large campaigns by segment, channel and message, counted now and then"""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply; the scheduler fills them."""
    op.create_table(
        "reach_groups",
        sa.Column("campaign", sa.Text(), nullable=False),
        sa.Column("grouping", sa.Text(), nullable=False),
        sa.Column("unit_code", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("audience", sa.BigInteger(), nullable=False),
        sa.Column("measured", sa.BigInteger(), nullable=False),
        sa.Column("first", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("campaign", "grouping", "unit_code", "key", name="pk_reach_groups"),
    )
    op.create_table(
        "grouped_campaigns",
        sa.Column("campaign", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("rules", sa.Text(), nullable=False),
        sa.Column("seen", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("campaign", name="pk_grouped_campaigns"),
    )


def downgrade() -> None:
    """Take back."""
    for name in ("grouped_campaigns", "reach_groups"):
        op.drop_table(name)
