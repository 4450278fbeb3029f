"""Charges of any kind: what of an instalment's fee is tax, was charged by hand, and is booked."""

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None

ZERO = sa.text("0")
# Fees and their parts, of an instalment.
INSTALMENTS = (
    sa.Column("fee_tax_minor", sa.BigInteger, server_default=ZERO, nullable=False),
    sa.Column("fee_levied_minor", sa.BigInteger, server_default=ZERO, nullable=False),
    sa.Column("fee_levied_tax_minor", sa.BigInteger, server_default=ZERO, nullable=False),
    sa.Column("fee_booked_on", sa.Date),
)
FEES = (
    "fee_tax_minor BETWEEN 0 AND fee_minor AND fee_levied_minor BETWEEN 0 AND fee_minor"
    " AND fee_levied_tax_minor BETWEEN 0 AND fee_levied_minor"
    " AND (superseded_at IS NOT NULL OR fee_booked_on IS NOT NULL OR fee_paid_minor = 0)"
)
# An empty chart is filled by 0002; one of before this lacks what came later.
LEDGER_ACCOUNTS = """
INSERT INTO ledger_accounts (code, name, type) VALUES
  ('2400', 'Tax payable', 'liability'), ('5200', 'Interest and charges waived', 'expense')
ON CONFLICT (code) DO NOTHING
"""
DEEDS = (
    "'credit', 'debit', 'opening', 'reversal', 'overdraft', 'settlement',"
    " 'write_off', 'restructuring', 'new_staff', 'role_change'"
)


def upgrade() -> None:
    for column in INSTALMENTS:
        op.add_column("loan_instalments", column.copy())
    op.create_check_constraint(op.f("ck_loan_instalments_fees"), "loan_instalments", FEES)
    op.execute(LEDGER_ACCOUNTS)
    _deeds(f"{DEEDS}, 'waiver'")


def downgrade() -> None:
    _deeds(DEEDS)
    op.drop_constraint(op.f("ck_loan_instalments_fees"), "loan_instalments")
    for column in INSTALMENTS:
        op.drop_column("loan_instalments", column.name)


def _deeds(known: str) -> None:
    op.drop_constraint(op.f("ck_approvals_deed"), "approvals")
    # What was proposed stays: rows of a later deed are left alone on the way down.
    op.execute(
        "ALTER TABLE approvals ADD CONSTRAINT ck_approvals_deed"
        f" CHECK (deed IN ({known})) NOT VALID"
    )
    if "waiver" in known:
        op.execute("ALTER TABLE approvals VALIDATE CONSTRAINT ck_approvals_deed")
