"""Which reversal took a credited cashback back; what a reversal made idle is cancelled."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("cashbacks", sa.Column("taken_back_by", sa.Uuid))
    op.create_foreign_key(
        "fk_cashbacks_taken_back_by_transactions",
        "cashbacks",
        "transactions",
        ["taken_back_by"],
        ["id"],
    )
    op.create_unique_constraint("uq_cashbacks_taken_back_by", "cashbacks", ["taken_back_by"])
    op.create_check_constraint(
        "taken_back_was_credited",
        "cashbacks",
        "taken_back_by IS NULL OR transaction_id IS NOT NULL",
    )
    # From now on the reversal itself does this.
    op.execute(
        """
        UPDATE cashbacks c SET cancelled_at = clock_timestamp() FROM transactions r
        WHERE r.reverses = c.payment_id AND r.status = 'success'
          AND c.transaction_id IS NULL AND c.cancelled_at IS NULL
        """
    )


def downgrade() -> None:
    op.drop_column("cashbacks", "taken_back_by")
