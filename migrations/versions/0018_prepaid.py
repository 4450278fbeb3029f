"""What of an instalment's principal was paid ahead of time, and never was part of what it asks.

Instalments of prepayments made before this are as they were: the amount counts as theirs.
"""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "loan_instalments",
        sa.Column("prepaid_minor", sa.BigInteger, server_default=sa.text("0"), nullable=False),
    )
    op.create_check_constraint(
        op.f("ck_loan_instalments_prepaid"),
        "loan_instalments",
        "prepaid_minor >= 0 AND prepaid_minor <= principal_paid_minor",
    )


def downgrade() -> None:
    op.drop_constraint(op.f("ck_loan_instalments_prepaid"), "loan_instalments")
    op.drop_column("loan_instalments", "prepaid_minor")
