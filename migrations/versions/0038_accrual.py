"""A loan's row is not written day by day: what it has earned follows from the day that is booked.

Interest of a period that is under way stays as it is counted; the next day's accrual goes on from
there.
"""

import sqlalchemy as sa
from alembic import op

revision = "0038"
down_revision = "0037"
branch_labels = None
depends_on = None

RUNNING = "status IN ('active', 'restructured')"
# A year of actual/actual, of which a day of every year is a whole number.
YEARS = """
(extract(year FROM {0})::int * 133590 + extract(doy FROM {0})::int * (
  133590 / extract(doy FROM make_date(extract(year FROM {0})::int, 12, 31))::int
))
"""
# Until now every row said what was earned through the last closed day.
COUNT_ALL = f"""
UPDATE loans l SET last_closed_on = coalesce(d.accrued_through, l.disbursed_on),
  interest_accrued_minor = l.interest_accrued_minor + e.earned - l.period_accrued_minor,
  interest_suspended_minor = l.interest_suspended_minor
    + ((e.earned - l.period_accrued_minor) * l.suspended_percent + 50) / 100,
  period_accrued_minor = e.earned
FROM (
  SELECT id, CASE
    WHEN period_end IS NULL THEN 0
    WHEN through >= period_end THEN period_interest_minor
    WHEN through <= period_start OR through IS NULL THEN period_accrued_minor
    ELSE greatest(period_accrued_minor, round(
      period_interest_minor::numeric
      * CASE WHEN by_year THEN {YEARS.format("through")} - {YEARS.format("period_start")}
             ELSE through - period_start END
      / CASE WHEN by_year THEN {YEARS.format("period_end")} - {YEARS.format("period_start")}
             ELSE period_end - period_start END
    )::bigint) END AS earned
  FROM loans CROSS JOIN (SELECT accrued_through AS through FROM lending_day) AS day
  WHERE {RUNNING}
) e CROSS JOIN lending_day d
WHERE l.id = e.id
"""

# What the schema before knows nothing of; loans' columns that say whose it is go further down.
STANDING = """
SELECT string_agg(DISTINCT ledger_code, ', ' ORDER BY ledger_code) FROM (
  SELECT ledger_code FROM postings WHERE ledger_code IN ('2200', '2300', '2310')
  GROUP BY ledger_code, currency HAVING sum(amount_minor) <> 0
) AS standing
"""


def upgrade() -> None:
    op.drop_column("loans", "last_closed_on")
    op.execute("ALTER TABLE loans RESET (fillfactor)")
    op.execute(f"CREATE INDEX ix_loans_earning ON loans (user_id, period_end) WHERE {RUNNING}")


def downgrade() -> None:
    standing = op.get_bind().scalar(sa.text(STANDING))
    if standing:
        raise RuntimeError(
            f"money stands on the ledger accounts {standing}, of which the schema before this"
            " knows nothing: refund what was overpaid, and wait until no income is in suspense"
        )
    op.drop_index("ix_loans_earning", "loans")
    op.execute("ALTER TABLE loans SET (fillfactor = 70)")
    op.add_column("loans", sa.Column("last_closed_on", sa.Date))
    op.execute(COUNT_ALL)
