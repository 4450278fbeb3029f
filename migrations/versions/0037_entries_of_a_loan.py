"""What the bank booked by itself on a loan is found by the loan: for its statement of account.

Such entries have no account on either side, so that no movement of a customer's money is in this
index.
"""

from alembic import op

revision = "0037"
down_revision = "0036"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        "CREATE INDEX ix_transactions_loan_entries ON transactions ((details->>'loan_id'))"
        " WHERE debit_account_id IS NULL AND credit_account_id IS NULL AND details ? 'loan_id'"
    )


def downgrade() -> None:
    op.drop_index("ix_transactions_loan_entries", "transactions")
