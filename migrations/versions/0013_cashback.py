"""Cashback: what each settled payment has earned, when it is due, and what credited it."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "cashbacks",
        sa.Column("payment_id", sa.Uuid, primary_key=True),
        sa.Column("account_id", sa.Uuid, nullable=False),
        sa.Column("currency", sa.CHAR(3), nullable=False),
        sa.Column("amount_minor", sa.BigInteger, nullable=False),
        sa.Column("due_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("transaction_id", sa.Uuid, unique=True),
        sa.Column("cancelled_at", sa.TIMESTAMP(timezone=True)),
        sa.CheckConstraint("amount_minor > 0", name="amount"),
        sa.CheckConstraint(
            "transaction_id IS NULL OR cancelled_at IS NULL", name="credited_or_cancelled"
        ),
        sa.ForeignKeyConstraint(["payment_id"], ["transactions.id"]),
        sa.ForeignKeyConstraint(["transaction_id"], ["transactions.id"]),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"]),
    )
    op.create_index(
        "ix_cashbacks_due",
        "cashbacks",
        ["due_at"],
        postgresql_where=sa.text("transaction_id IS NULL AND cancelled_at IS NULL"),
    )


def downgrade() -> None:
    op.drop_table("cashbacks")
