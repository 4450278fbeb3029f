"""Payments are put right: a deed that may need two; what is overpaid is the bank's liability."""

from alembic import op

revision = "0035"
down_revision = "0034"
branch_labels = None
depends_on = None

DEEDS = (
    "'credit', 'debit', 'opening', 'reversal', 'overdraft', 'settlement',"
    " 'write_off', 'restructuring', 'new_staff', 'role_change', 'waiver'"
)


def upgrade() -> None:
    # An empty chart is filled by 0002; one of before this lacks what came later.
    op.execute(
        "INSERT INTO ledger_accounts (code, name, type)"
        " VALUES ('2200', 'Loan overpayments', 'liability') ON CONFLICT (code) DO NOTHING"
    )
    _deeds(f"{DEEDS}, 'adjustment'")


def downgrade() -> None:
    _deeds(DEEDS)


def _deeds(known: str) -> None:
    op.drop_constraint(op.f("ck_approvals_deed"), "approvals")
    # What was proposed stays: rows of a later deed are left alone on the way down.
    op.execute(
        "ALTER TABLE approvals ADD CONSTRAINT ck_approvals_deed"
        f" CHECK (deed IN ({known})) NOT VALID"
    )
    if "adjustment" in known:
        op.execute("ALTER TABLE approvals VALIDATE CONSTRAINT ck_approvals_deed")
