"""What was booked after a date is found by a small index, for the trial balance of that date."""

from alembic import op

revision = "0034"
down_revision = "0033"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        "ix_postings_accounting_date", "postings", ["accounting_date"], postgresql_using="brin"
    )


def downgrade() -> None:
    op.drop_index("ix_postings_accounting_date", "postings")
