"""An account is opened with no money but its postings; what was set aside has ended its attempt.

Until now the business day repaired, date by date, the collections whose transaction was set aside.
Settlement ends them itself from here on: those of before are ended once.
"""

from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

# As in 0017, and: who may not change balances posts on an account only what it was opened with.
POSTINGS_CHECK = """
CREATE OR REPLACE FUNCTION postings_must_balance() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE culprit text;
BEGIN
  SELECT transaction_id INTO culprit FROM new_postings
  GROUP BY transaction_id, currency HAVING sum(amount_minor) <> 0 LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION 'postings of transaction % do not sum to zero', culprit
      USING ERRCODE = 'check_violation', CONSTRAINT = 'postings_balance';
  END IF;
  SELECT n.account_id INTO culprit FROM new_postings n
  LEFT JOIN accounts a ON a.id = n.account_id AND a.currency = n.currency{in_order}
  WHERE n.account_id IS NOT NULL AND a.id IS NULL LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION 'posting on account %, unknown or of another currency{or_early}', culprit
      USING ERRCODE = 'foreign_key_violation', CONSTRAINT = 'postings_account';
  END IF;
  SELECT n.ledger_code INTO culprit FROM new_postings n
  LEFT JOIN ledger_accounts l ON l.code = n.ledger_code
  WHERE n.ledger_code IS NOT NULL AND l.code IS NULL LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION 'posting on unknown ledger account %', culprit
      USING ERRCODE = 'foreign_key_violation', CONSTRAINT = 'postings_ledger_code';
  END IF;{opening}
  RETURN NULL;
END $$
"""
AS_IN_0017 = {
    "in_order": " AND a.last_booked_at <= n.booked_at",
    "or_early": ", or before its last one",
}
OPENING = """
  IF NOT has_column_privilege('accounts', 'balance_minor', 'UPDATE') THEN
    SELECT a.id INTO culprit FROM accounts a
    WHERE a.id IN (SELECT account_id FROM new_postings)
      AND a.balance_minor <> (SELECT sum(amount_minor) FROM postings WHERE account_id = a.id)
    LIMIT 1;
    IF FOUND THEN
      RAISE EXCEPTION 'posting on account %, which its balance does not hold', culprit
        USING ERRCODE = 'insufficient_privilege', CONSTRAINT = 'postings_opening';
    END IF;
  END IF;"""
# At the commit, because the account is there before its postings.
OPENING_BALANCES = (
    """
    CREATE FUNCTION accounts_must_open_posted() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      PERFORM FROM accounts WHERE id = NEW.id AND balance_minor <> (
        SELECT coalesce(sum(amount_minor), 0) FROM postings WHERE account_id = NEW.id
      );
      IF FOUND THEN
        RAISE EXCEPTION 'account % is opened with a balance that no posting carries', NEW.id
          USING ERRCODE = 'check_violation', CONSTRAINT = 'accounts_opening_balance';
      END IF;
      RETURN NULL;
    END $$
    """,
    """
    CREATE CONSTRAINT TRIGGER accounts_opening_balance AFTER INSERT ON accounts
      DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
      WHEN (NEW.balance_minor <> 0) EXECUTE FUNCTION accounts_must_open_posted()
    """,
)
END_ATTEMPTS_SET_ASIDE = """
WITH broken AS (
  UPDATE loan_collections c SET status = 'failed', failure_code = t.failure_code
  FROM transactions t
  WHERE t.id = c.transaction_id AND c.status = 'pending' AND t.status = 'failed'
  RETURNING c.loan_id, c.version, c.number, c.attempt, c.business_date
)
UPDATE loan_instalments i SET next_attempt_on = b.business_date + 1, attempts = b.attempt,
       first_attempt_on = coalesce(i.first_attempt_on, b.business_date)
FROM broken b
WHERE i.loan_id = b.loan_id AND i.version = b.version AND i.number = b.number
  AND i.superseded_at IS NULL AND i.paid_on IS NULL
"""


def upgrade() -> None:
    op.execute(POSTINGS_CHECK.format(opening=OPENING, **AS_IN_0017))
    for statement in OPENING_BALANCES:
        op.execute(statement)
    op.execute(END_ATTEMPTS_SET_ASIDE)


def downgrade() -> None:
    op.execute("DROP TRIGGER accounts_opening_balance ON accounts")
    op.execute("DROP FUNCTION accounts_must_open_posted()")
    op.execute(POSTINGS_CHECK.format(opening="", **AS_IN_0017))
