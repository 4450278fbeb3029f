"""Transactions: the record that is submitted and polled, batches, idempotency keys."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

FINAL_STATES = (
    """
    CREATE FUNCTION transactions_stay_final() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      RAISE EXCEPTION 'transaction % is final: % stays', OLD.id, OLD.status
        USING ERRCODE = 'check_violation', CONSTRAINT = 'transactions_final';
    END $$
    """,
    """
    CREATE TRIGGER transactions_final BEFORE UPDATE ON transactions FOR EACH ROW
      WHEN (OLD.status <> 'pending' AND (
        OLD.status, OLD.amount_minor, OLD.currency, OLD.debit_account_id, OLD.credit_account_id,
        OLD.settled_at, OLD.type, OLD.contra_code, OLD.failure_code, OLD.failure_reason
      ) IS DISTINCT FROM (
        NEW.status, NEW.amount_minor, NEW.currency, NEW.debit_account_id, NEW.credit_account_id,
        NEW.settled_at, NEW.type, NEW.contra_code, NEW.failure_code, NEW.failure_reason
      ))
      EXECUTE FUNCTION transactions_stay_final()
    """,
    """
    CREATE TRIGGER transactions_never_deleted BEFORE DELETE OR TRUNCATE ON transactions
      FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()
    """,
)

# The parties of new transactions exist and hold its currency. A foreign key would lock each
# account's row once a row, against the very rows that settlement is updating.
PARTIES = (
    """
    CREATE FUNCTION transactions_parties_must_fit() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE misfit uuid;
    BEGIN
      SELECT n.id INTO misfit FROM new_transactions n
        LEFT JOIN accounts d ON d.id = n.debit_account_id
        LEFT JOIN accounts c ON c.id = n.credit_account_id
      WHERE (n.debit_account_id IS NOT NULL AND d.currency IS DISTINCT FROM n.currency)
         OR (n.credit_account_id IS NOT NULL AND c.currency IS DISTINCT FROM n.currency) LIMIT 1;
      IF FOUND THEN
        RAISE EXCEPTION 'transaction % names an unknown account or one of another currency', misfit
          USING ERRCODE = 'foreign_key_violation', CONSTRAINT = 'transactions_parties';
      END IF;
      RETURN NULL;
    END $$
    """,
    """
    CREATE TRIGGER transactions_parties AFTER INSERT ON transactions
      REFERENCING NEW TABLE AS new_transactions
      FOR EACH STATEMENT EXECUTE FUNCTION transactions_parties_must_fit()
    """,
)


def upgrade() -> None:
    op.execute("CREATE SEQUENCE payment_ref_seq")
    op.create_table(
        "transaction_batches",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("owner_id", sa.Uuid, nullable=False),
        sa.Column("items", JSONB, nullable=False),
        sa.Column("total", sa.Integer, nullable=False),
        sa.Column("accepted", sa.Integer, nullable=False),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.CheckConstraint("total > 0 AND accepted BETWEEN 0 AND total", name="counts"),
    )
    op.create_table(
        "transactions",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("seq", sa.BigInteger, sa.Identity(always=True), nullable=False),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("status", sa.Text, nullable=False, server_default="pending"),
        sa.Column("amount_minor", sa.BigInteger, nullable=False),
        sa.Column("currency", sa.CHAR(3), nullable=False),
        sa.Column("debit_account_id", sa.Uuid),
        sa.Column("credit_account_id", sa.Uuid),
        sa.Column("contra_code", sa.Text),
        sa.Column("initiated_by", sa.Uuid),
        sa.Column("description", sa.Text),
        sa.Column("reference", sa.Text),
        sa.Column("payment_ref", sa.Text),
        sa.Column("details", JSONB),
        sa.Column("reverses", sa.Uuid, sa.ForeignKey("transactions.id")),
        sa.Column("batch_id", sa.Uuid, sa.ForeignKey("transaction_batches.id")),
        sa.Column("request_id", sa.Text),
        sa.Column("failure_code", sa.Text),
        sa.Column("failure_reason", sa.Text),
        sa.Column("attempts", sa.SmallInteger, nullable=False, server_default="0"),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("settled_at", sa.TIMESTAMP(timezone=True)),
        sa.Column("hidden_at", sa.TIMESTAMP(timezone=True)),
        sa.CheckConstraint("status IN ('pending', 'success', 'failed')", name="status"),
        sa.CheckConstraint("amount_minor > 0", name="amount"),
        sa.CheckConstraint("(status = 'pending') = (settled_at IS NULL)", name="settled_at"),
        sa.CheckConstraint("(status = 'failed') = (failure_code IS NOT NULL)", name="failure_code"),
        sa.CheckConstraint("debit_account_id <> credit_account_id", name="two_accounts"),
        sa.CheckConstraint("hidden_at IS NULL OR status <> 'pending'", name="hidden_is_final"),
    )
    op.create_index(
        "ix_transactions_pending",
        "transactions",
        ["seq"],
        unique=True,
        postgresql_where=sa.text("status = 'pending'"),
    )
    for side in ("debit", "credit"):
        op.create_index(
            f"ix_transactions_{side}_account",
            "transactions",
            [f"{side}_account_id", "id"],
            postgresql_where=sa.text(f"{side}_account_id IS NOT NULL"),
        )
    op.create_index(
        "ix_transactions_batch",
        "transactions",
        ["batch_id"],
        postgresql_where=sa.text("batch_id IS NOT NULL"),
    )
    op.create_index(
        "uq_transactions_payment_ref",
        "transactions",
        ["payment_ref"],
        unique=True,
        postgresql_where=sa.text("payment_ref IS NOT NULL"),
    )
    # Once reversed, or being reversed, is enough; a reversal that failed may be tried again.
    op.create_index(
        "uq_transactions_reverses",
        "transactions",
        ["reverses"],
        unique=True,
        postgresql_where=sa.text("reverses IS NOT NULL AND status <> 'failed'"),
    )
    op.create_index(
        "ix_transactions_created_at", "transactions", ["created_at"], postgresql_using="brin"
    )
    op.create_table(
        "idempotency_keys",
        sa.Column("owner_id", sa.Uuid, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("fingerprint", sa.LargeBinary, nullable=False),
        sa.Column("resource_id", sa.Uuid, nullable=False),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("owner_id", "key"),
        sa.CheckConstraint("length(key) BETWEEN 1 AND 255", name="key_length"),
    )
    for statement in FINAL_STATES:
        op.execute(statement)
    for statement in PARTIES:
        op.execute(statement)


def downgrade() -> None:
    op.drop_table("idempotency_keys")
    op.drop_table("transactions")
    op.drop_table("transaction_batches")
    op.execute("DROP SEQUENCE payment_ref_seq")
    op.execute("DROP FUNCTION transactions_parties_must_fit()")
    op.execute("DROP FUNCTION transactions_stay_final()")
