"""Sessions tell their user where and with what somebody logged in, and when they were last used."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("sessions", sa.Column("used_at", sa.DateTime(timezone=True)))
    op.add_column("sessions", sa.Column("ip", sa.Text))
    op.add_column("sessions", sa.Column("user_agent", sa.Text))


def downgrade() -> None:
    op.drop_column("sessions", "user_agent")
    op.drop_column("sessions", "ip")
    op.drop_column("sessions", "used_at")
