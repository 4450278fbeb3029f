"""What every feature may know of any account: its number and its owner, in a view of the ledger's.

Neither ever changes. Who reads the view needs no privilege on the accounts, with their balances.
"""

from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE VIEW account_directory AS SELECT id, account_number, owner_id FROM accounts")


def downgrade() -> None:
    op.execute("DROP VIEW account_directory")
