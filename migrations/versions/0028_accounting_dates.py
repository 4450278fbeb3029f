"""Every posting has an accounting date: the date on which the books carry it.

What was booked before has the date of its booking (in UTC). The table is rewritten for it: nobody
may update a posting, not even a migration.
"""

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("postings", sa.Column("accounting_date", sa.Date))
    op.execute(
        "ALTER TABLE postings ALTER COLUMN accounting_date TYPE date"
        " USING (booked_at AT TIME ZONE 'UTC')::date,"
        " ALTER COLUMN accounting_date SET NOT NULL"
    )
    # A transaction's postings have one date; its own feature shows it beside its times.
    op.execute(
        "CREATE VIEW booking_dates AS"
        " SELECT transaction_id, accounting_date FROM postings WHERE leg = 0"
    )


def downgrade() -> None:
    op.execute("DROP VIEW booking_dates")
    op.drop_column("postings", "accounting_date")
