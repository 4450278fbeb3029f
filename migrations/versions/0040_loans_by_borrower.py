"""A loan's dates leave its indexes: each instalment changes them, and with them every index.

A share of the business day finds its loans by borrower and reads their dates, and then the
instalments of those: never what is due in the whole bank. Room on the pages lets a new version of a
loan stay beside the old one.
"""

from alembic import op

revision = "0040"
down_revision = "0039"
branch_labels = None
depends_on = None

RUNNING = "status IN ('active', 'restructured')"
TO_COLLECT = "superseded_at IS NULL AND paid_on IS NULL AND next_attempt_on IS NOT NULL"


def upgrade() -> None:
    op.drop_index("ix_loan_instalments_collect", "loan_instalments")
    op.drop_index("ix_loans_earning", "loans")
    op.drop_index("ix_loans_repaying", "loans")
    op.execute(f"CREATE INDEX ix_loans_repaying ON loans (user_id) WHERE {RUNNING}")
    op.execute("ALTER TABLE loans SET (fillfactor = 70)")


def downgrade() -> None:
    op.execute("ALTER TABLE loans RESET (fillfactor)")
    op.drop_index("ix_loans_repaying", "loans")
    op.execute(
        f"CREATE INDEX ix_loans_repaying ON loans (user_id, oldest_unpaid_on) WHERE {RUNNING}"
    )
    op.execute(f"CREATE INDEX ix_loans_earning ON loans (user_id, period_end) WHERE {RUNNING}")
    op.execute(
        "CREATE INDEX ix_loan_instalments_collect"
        f" ON loan_instalments (next_attempt_on) WHERE {TO_COLLECT}"
    )
