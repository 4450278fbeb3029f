"""Postings follow each other by number: an account's times never fall, snapshots go to a number."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

# As in 0002, but for the time: it rides on the look at the account.
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
  END IF;
  RETURN NULL;
END $$
"""


def upgrade() -> None:
    # Every posting so far is older than now; where a clock went wrong, it is not.
    op.add_column(
        "accounts",
        sa.Column(
            "last_booked_at",
            sa.TIMESTAMP(timezone=True),
            nullable=False,
            server_default=sa.text("now()"),
        ),
    )
    op.execute(
        """
        UPDATE accounts a SET last_booked_at = late.booked_at FROM (
          SELECT account_id, max(booked_at) AS booked_at FROM postings
          WHERE account_id IS NOT NULL AND booked_at > now() GROUP BY account_id
        ) AS late WHERE a.id = late.account_id
        """
    )
    op.execute(
        POSTINGS_CHECK.format(
            in_order=" AND a.last_booked_at <= n.booked_at", or_early=", or before its last one"
        )
    )
    _index_ledger_by("entry_no")
    # Sums up to a time are no sums up to a number; the next snapshot makes them anew.
    op.execute("DELETE FROM ledger_balance_snapshots")
    op.drop_constraint("pk_ledger_balance_snapshots", "ledger_balance_snapshots")
    op.drop_column("ledger_balance_snapshots", "before")
    op.add_column(
        "ledger_balance_snapshots", sa.Column("through_entry_no", sa.BigInteger, nullable=False)
    )
    op.add_column(
        "ledger_balance_snapshots",
        sa.Column("taken_at", sa.TIMESTAMP(timezone=True), nullable=False),
    )
    op.create_primary_key(
        "pk_ledger_balance_snapshots",
        "ledger_balance_snapshots",
        ["ledger_code", "currency", "through_entry_no"],
    )


def downgrade() -> None:
    op.execute("DELETE FROM ledger_balance_snapshots")
    op.drop_constraint("pk_ledger_balance_snapshots", "ledger_balance_snapshots")
    op.drop_column("ledger_balance_snapshots", "taken_at")
    op.drop_column("ledger_balance_snapshots", "through_entry_no")
    op.add_column(
        "ledger_balance_snapshots",
        sa.Column("before", sa.TIMESTAMP(timezone=True), nullable=False),
    )
    op.create_primary_key(
        "pk_ledger_balance_snapshots",
        "ledger_balance_snapshots",
        ["ledger_code", "currency", "before"],
    )
    _index_ledger_by("booked_at")
    op.execute(POSTINGS_CHECK.format(in_order="", or_early=""))
    op.drop_column("accounts", "last_booked_at")


def _index_ledger_by(column: str) -> None:
    op.drop_index("ix_postings_ledger", "postings")
    op.create_index(
        "ix_postings_ledger",
        "postings",
        ["ledger_code", "currency", column],
        postgresql_include=["amount_minor"],
        postgresql_where=sa.text("ledger_code IS NOT NULL"),
    )
