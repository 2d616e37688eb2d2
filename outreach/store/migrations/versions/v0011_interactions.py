"""Interactions: when citizens were last in touch with an account that may answer only for a while after"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "interactions",
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.LargeBinary(), nullable=False),
        sa.Column("last_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("refused_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("account", "fingerprint", name="pk_interactions"),
    )


def downgrade() -> None:
    """Take back."""
    op.drop_table("interactions")
