"""Values of targets, and home visits"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "target_values",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("campaign", sa.Text(), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("value", sa.Numeric(), nullable=True),
        sa.Column("answers", sa.BigInteger(), nullable=True),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("note", sa.Text(), server_default="", nullable=False),
        sa.ForeignKeyConstraint(["campaign"], ["campaigns.slug"], name=op.f("fk_target_values_campaign")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_target_values")),
    )
    op.create_index("ix_target_values_campaign_target_day", "target_values", ["campaign", "target", "day", "id"])
    op.create_table(
        "visits",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("campaign", sa.Text(), nullable=False),
        sa.Column("contact_id", sa.BigInteger(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("guided", sa.Integer(), nullable=False),
        sa.Column("note", sa.Text(), server_default="", nullable=False),
        sa.Column("unit_code", sa.Text(), nullable=True),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_by", sa.Text(), nullable=False),
        sa.Column("undone_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("undone_by", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["campaign"], ["campaigns.slug"], name=op.f("fk_visits_campaign")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_visits")),
    )
    op.create_index("ix_visits_contact_id", "visits", ["contact_id"])
    op.create_index(
        "uq_visits_campaign_contact_id_day", "visits", ["campaign", "contact_id", "day"], unique=True,
        postgresql_where=sa.text("undone_at IS NULL"),
    )  # fmt: skip
    op.alter_column("reached", "run_id", existing_type=sa.BigInteger(), nullable=True)
    op.alter_column("reached", "delivery_id", existing_type=sa.BigInteger(), nullable=True)


def downgrade() -> None:
    """Take back: what is known of visits goes."""
    op.execute("DELETE FROM reached WHERE run_id IS NULL OR delivery_id IS NULL")
    op.alter_column("reached", "delivery_id", existing_type=sa.BigInteger(), nullable=False)
    op.alter_column("reached", "run_id", existing_type=sa.BigInteger(), nullable=False)
    op.drop_table("visits")
    op.drop_table("target_values")
