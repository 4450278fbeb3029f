"""Accounting periods are locked through a date; nothing is booked into a locked one."""

import sqlalchemy as sa
from alembic import op

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None

# As in 0023, and: nothing is booked into a locked period. Each of these statements sees what was
# committed before it, so a lock binds whoever asks here after its commit.
POSTINGS_CHECK = """
CREATE OR REPLACE FUNCTION postings_must_balance() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE culprit text;
BEGIN
  SELECT transaction_id INTO culprit FROM new_postings
  GROUP BY transaction_id, currency HAVING sum(amount_minor) <> 0 LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION 'postings of transaction % do not sum to zero', culprit
      USING ERRCODE = 'check_violation', CONSTRAINT = 'postings_balance';
  END IF;{period}
  SELECT n.account_id INTO culprit FROM new_postings n
  LEFT JOIN accounts a ON a.id = n.account_id AND a.currency = n.currency AND a.last_booked_at <= n.booked_at
  WHERE n.account_id IS NOT NULL AND a.id IS NULL LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION 'posting on account %, unknown or of another currency, or before its last one', culprit
      USING ERRCODE = 'foreign_key_violation', CONSTRAINT = 'postings_account';
  END IF;
  SELECT n.ledger_code INTO culprit FROM new_postings n
  LEFT JOIN ledger_accounts l ON l.code = n.ledger_code
  WHERE n.ledger_code IS NOT NULL AND l.code IS NULL LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION 'posting on unknown ledger account %', culprit
      USING ERRCODE = 'foreign_key_violation', CONSTRAINT = 'postings_ledger_code';
  END IF;
  IF NOT has_column_privilege('accounts', 'balance_minor', 'UPDATE') THEN
    SELECT a.id INTO culprit FROM accounts a
    WHERE a.id IN (SELECT account_id FROM new_postings)
      AND a.balance_minor <> (SELECT sum(amount_minor) FROM postings WHERE account_id = a.id)
    LIMIT 1;
    IF FOUND THEN
      RAISE EXCEPTION 'posting on account %, which its balance does not hold', culprit
        USING ERRCODE = 'insufficient_privilege', CONSTRAINT = 'postings_opening';
    END IF;
  END IF;
  RETURN NULL;
END $$
"""  # noqa: E501 - the function of 0023, word for word
PERIOD = """
  SELECT accounting_date INTO culprit FROM new_postings
  WHERE accounting_date <= (SELECT max(locked_through) FROM accounting_periods) LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION 'posting on %, in a period that is locked', culprit
      USING ERRCODE = 'check_violation', CONSTRAINT = 'postings_period';
  END IF;"""


def upgrade() -> None:
    op.create_table(
        "accounting_periods",
        sa.Column("locked_through", sa.Date, primary_key=True),
        sa.Column("locked_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("locked_by", sa.Uuid, nullable=False),
        sa.Column("reason", sa.Text),
        sa.Column("through_entry_no", sa.BigInteger),
    )
    op.execute(
        "CREATE TRIGGER accounting_periods_never_deleted BEFORE DELETE OR TRUNCATE"
        " ON accounting_periods FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
    )
    op.execute(POSTINGS_CHECK.format(period=PERIOD))


def downgrade() -> None:
    op.execute(POSTINGS_CHECK.format(period=""))
    op.drop_table("accounting_periods")
