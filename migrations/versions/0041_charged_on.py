"""A loan says through which date it was charged for being late, whoever classified it since."""

import sqlalchemy as sa
from alembic import op

revision = "0041"
down_revision = "0040"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("loans", sa.Column("charged_on", sa.Date))
    op.execute("UPDATE loans SET charged_on = assessed_on WHERE assessed_on IS NOT NULL")


def downgrade() -> None:
    op.drop_column("loans", "charged_on")
