"""What a borrower was told of a loan is kept with the agreement, and never changed."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0033"
down_revision = "0032"
branch_labels = None
depends_on = None

APPEND_ONLY = """
CREATE TRIGGER loan_disclosures_append_only BEFORE UPDATE OR DELETE OR TRUNCATE
ON loan_disclosures FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()
"""


def upgrade() -> None:
    op.create_table(
        "loan_disclosures",
        sa.Column("loan_id", sa.Uuid, nullable=False),
        sa.Column("version", sa.SmallInteger, nullable=False),
        sa.Column("given_on", sa.Date, nullable=False),
        sa.Column("given_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("content", JSONB, nullable=False),
        sa.PrimaryKeyConstraint("loan_id", "version", name="pk_loan_disclosures"),
        sa.ForeignKeyConstraint(["loan_id"], ["loans.id"], name="fk_loan_disclosures_loan_id"),
    )
    op.execute(APPEND_ONLY)


def downgrade() -> None:
    op.drop_table("loan_disclosures")
    for table in ("loans", "loan_products"):
        op.execute(f"UPDATE {table} SET terms = terms - 'withdrawal_days'")
