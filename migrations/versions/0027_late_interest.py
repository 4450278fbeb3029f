"""Overdue principal goes on earning the contract rate, of loans that are applied for from now on.

A loan that was made keeps the terms it was made with, so overdue principal of it earns nothing. Of
a rate with more decimals than six, what counts is rounded.
"""

from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None

BEFORE, AFTER = "ck_loan_charges_ck_loan_charges_kind", "ck_loan_charges_kind"
EARNS_NOTHING = """
UPDATE loans SET terms = terms || '{"overdue_interest": false}'
WHERE status NOT IN ('pending', 'rejected', 'withdrawn') AND NOT terms ? 'overdue_interest'
"""
SIX_DECIMALS = """
UPDATE {table} SET
  terms = jsonb_set(terms, '{{penal_rate}}',
                    to_jsonb(round((terms->>'penal_rate')::numeric, 6)::text))
WHERE scale((terms->>'penal_rate')::numeric) > 6
"""


def upgrade() -> None:
    op.drop_constraint(op.f(BEFORE), "loan_charges")
    op.create_check_constraint(
        op.f(AFTER), "loan_charges", "kind IN ('late_fee', 'penal', 'late_interest')"
    )
    op.execute(EARNS_NOTHING)
    for table in ("loans", "loan_products"):
        op.execute(SIX_DECIMALS.format(table=table))


def downgrade() -> None:
    op.drop_constraint(op.f(AFTER), "loan_charges")
    # Charges are never deleted: what overdue principal has earned stays on record.
    op.create_check_constraint(
        op.f(BEFORE), "loan_charges", "kind IN ('late_fee', 'penal')", postgresql_not_valid=True
    )
    for table in ("loans", "loan_products"):
        op.execute(f"UPDATE {table} SET terms = terms - 'overdue_interest'")
