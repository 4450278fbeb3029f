"""Ledger: currencies, customers' accounts, the chart of accounts, append-only postings."""

import sqlalchemy as sa
from alembic import op

from core.ledger.seed import CHART_OF_ACCOUNTS, CURRENCIES

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

# Postings arrive by COPY, a whole batch of transactions in one statement. Foreign keys and
# constraint triggers run once a row (measured: a quarter of the time to book a transfer); these
# run once a statement, over its rows. The rows they refer to are never deleted, so that what held
# at the insert holds for good.
POSTINGS_CHECKS = (
    """
    CREATE FUNCTION postings_must_balance() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE culprit text;
    BEGIN
      SELECT transaction_id INTO culprit FROM new_postings
      GROUP BY transaction_id, currency HAVING sum(amount_minor) <> 0 LIMIT 1;
      IF FOUND THEN
        RAISE EXCEPTION 'postings of transaction % do not sum to zero', culprit
          USING ERRCODE = 'check_violation', CONSTRAINT = 'postings_balance';
      END IF;
      SELECT n.account_id INTO culprit FROM new_postings n
      LEFT JOIN accounts a ON a.id = n.account_id AND a.currency = n.currency
      WHERE n.account_id IS NOT NULL AND a.id IS NULL LIMIT 1;
      IF FOUND THEN
        RAISE EXCEPTION 'posting on account %, unknown or of another currency', culprit
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
    """,
    """
    CREATE TRIGGER postings_balance AFTER INSERT ON postings
      REFERENCING NEW TABLE AS new_postings
      FOR EACH STATEMENT EXECUTE FUNCTION postings_must_balance()
    """,
)

APPEND_ONLY = (
    """
    CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      RAISE EXCEPTION '% is append-only: % refused', TG_TABLE_NAME, TG_OP
        USING ERRCODE = 'insufficient_privilege';
    END $$
    """,
    """
    CREATE TRIGGER postings_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON postings
      FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()
    """,
    """
    REVOKE UPDATE, DELETE, TRUNCATE ON postings FROM PUBLIC, CURRENT_USER
    """,
    """
    CREATE TRIGGER accounts_never_deleted BEFORE DELETE OR TRUNCATE ON accounts
      FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()
    """,
)


def upgrade() -> None:
    currencies = op.create_table(
        "currencies",
        sa.Column("code", sa.CHAR(3), primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("enabled", sa.Boolean, nullable=False),
        sa.CheckConstraint("code ~ '^[A-Z]{3}$'", name="code"),
    )
    op.bulk_insert(currencies, CURRENCIES)

    ledger_accounts = op.create_table(
        "ledger_accounts",
        sa.Column("code", sa.Text, primary_key=True),
        sa.Column("name", sa.Text, nullable=False, unique=True),
        sa.Column("type", sa.Text, nullable=False),
        sa.CheckConstraint(
            "type IN ('asset', 'liability', 'income', 'expense', 'equity')", name="type"
        ),
    )
    op.bulk_insert(ledger_accounts, CHART_OF_ACCOUNTS)

    op.execute("CREATE SEQUENCE account_number_seq MINVALUE 1 MAXVALUE 999999999 START 100000001")
    op.create_table(
        "accounts",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("owner_id", sa.Uuid, sa.ForeignKey("users.id"), nullable=False, index=True),
        sa.Column("account_number", sa.Text, nullable=False, unique=True),
        sa.Column("iban", sa.Text, nullable=False, unique=True),
        sa.Column("currency", sa.CHAR(3), sa.ForeignKey("currencies.code"), nullable=False),
        sa.Column("status", sa.Text, nullable=False, server_default="active"),
        sa.Column("nickname", sa.Text),
        sa.Column("is_primary", sa.Boolean, nullable=False, server_default=sa.false()),
        sa.Column("balance_minor", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("overdraft_limit_minor", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("closed_at", sa.TIMESTAMP(timezone=True)),
        sa.CheckConstraint("status IN ('active', 'frozen', 'closed')", name="status"),
        sa.CheckConstraint("overdraft_limit_minor >= 0", name="overdraft_limit"),
        sa.CheckConstraint("balance_minor >= -overdraft_limit_minor", name="overdraft"),
        sa.CheckConstraint("(status = 'closed') = (closed_at IS NOT NULL)", name="closed_at"),
        sa.CheckConstraint("status <> 'closed' OR balance_minor = 0", name="closed_is_empty"),
        sa.CheckConstraint("status <> 'closed' OR NOT is_primary", name="closed_is_not_primary"),
        # Room for balances to be rewritten in place (heap-only updates): balance is in no index.
        postgresql_with={"fillfactor": "50"},
    )
    op.create_index(
        "uq_accounts_primary",
        "accounts",
        ["owner_id"],
        unique=True,
        postgresql_where=sa.text("is_primary"),
    )

    op.create_table(
        "postings",
        sa.Column("transaction_id", sa.Uuid, nullable=False),
        sa.Column("leg", sa.SmallInteger, nullable=False),
        sa.Column("entry_no", sa.BigInteger, sa.Identity(always=True), nullable=False),
        sa.Column("account_id", sa.Uuid),
        sa.Column("ledger_code", sa.Text),
        sa.Column("amount_minor", sa.BigInteger, nullable=False),
        sa.Column("currency", sa.CHAR(3), nullable=False),
        sa.Column("balance_after_minor", sa.BigInteger),
        sa.Column("booked_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("transaction_id", "leg"),
        sa.CheckConstraint("amount_minor <> 0", name="amount"),
        sa.CheckConstraint("num_nonnulls(account_id, ledger_code) = 1", name="one_side"),
        sa.CheckConstraint(
            "(account_id IS NULL) = (balance_after_minor IS NULL)", name="balance_after"
        ),
    )
    op.create_index(
        "ix_postings_account",
        "postings",
        ["account_id", "booked_at", "entry_no"],
        postgresql_where=sa.text("account_id IS NOT NULL"),
    )
    op.create_index(
        "ix_postings_ledger",
        "postings",
        ["ledger_code", "currency", "booked_at"],
        postgresql_include=["amount_minor"],
        postgresql_where=sa.text("ledger_code IS NOT NULL"),
    )
    op.create_table(
        "ledger_balance_snapshots",
        sa.Column("ledger_code", sa.Text, sa.ForeignKey("ledger_accounts.code"), nullable=False),
        sa.Column("currency", sa.CHAR(3), nullable=False),
        sa.Column("before", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("balance_minor", sa.Numeric(38, 0), nullable=False),
        sa.PrimaryKeyConstraint("ledger_code", "currency", "before"),
    )
    for statement in POSTINGS_CHECKS:
        op.execute(statement)
    for statement in APPEND_ONLY:
        op.execute(statement)


def downgrade() -> None:
    op.drop_table("ledger_balance_snapshots")
    op.drop_table("postings")
    op.drop_table("accounts")
    op.execute("DROP SEQUENCE account_number_seq")
    op.drop_table("ledger_accounts")
    op.drop_table("currencies")
    op.execute("DROP FUNCTION postings_must_balance()")
    op.execute("DROP FUNCTION refuse_change()")
