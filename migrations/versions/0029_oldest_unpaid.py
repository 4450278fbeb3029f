"""What is late is found by its loan's oldest unpaid due date, and an unpaid line by its loan."""

from alembic import op

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None

RUNNING = "status IN ('active', 'restructured')"
UNPAID = "superseded_at IS NULL AND paid_on IS NULL"


def upgrade() -> None:
    _make_indexes("user_id, oldest_unpaid_on", "loan_id, due_date")


def downgrade() -> None:
    _make_indexes("user_id", "due_date")


def _make_indexes(of_loans: str, of_instalments: str) -> None:
    op.execute("DROP INDEX ix_loans_repaying")
    op.execute(f"CREATE INDEX ix_loans_repaying ON loans ({of_loans}) WHERE {RUNNING}")
    op.execute("DROP INDEX ix_loan_instalments_unpaid")
    op.execute(
        f"CREATE INDEX ix_loan_instalments_unpaid ON loan_instalments ({of_instalments})"
        f" WHERE {UNPAID}"
    )
