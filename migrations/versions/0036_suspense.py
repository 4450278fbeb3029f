"""The ledger accounts in which income of non-performing loans stands until it is received.

Loans that are non-performing already go there with the next day's end.
"""

from alembic import op

revision = "0036"
down_revision = "0035"
branch_labels = None
depends_on = None

# An empty chart is filled by 0002; one of before this lacks what came later.
LEDGER_ACCOUNTS = """
INSERT INTO ledger_accounts (code, name, type) VALUES
  ('2300', 'Interest in suspense', 'liability'), ('2310', 'Penalties in suspense', 'liability')
ON CONFLICT (code) DO NOTHING
"""


def upgrade() -> None:
    op.execute(LEDGER_ACCOUNTS)


def downgrade() -> None:
    settings = "'npa_income' - 'npa_allowance_percent' - 'specified_period_days'"
    for table in ("loans", "loan_products"):
        op.execute(f"UPDATE {table} SET terms = terms - {settings}")
