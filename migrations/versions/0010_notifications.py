"""Notifications: the in-app inbox and what has been read of it."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    create_notifications()
    create_notification_reads()


def create_notifications() -> None:
    op.create_table(
        "notifications",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("user_id", sa.Uuid),
        sa.Column("to_staff", sa.Boolean, server_default=sa.text("false"), nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("loan_id", sa.Uuid),
        sa.Column("once", sa.Text),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.CheckConstraint("(user_id IS NULL) = to_staff", name="ck_notifications_one_audience"),
        sa.PrimaryKeyConstraint("id", name="pk_notifications"),
    )
    op.create_index(
        "uq_notifications_once",
        "notifications",
        ["once"],
        unique=True,
        postgresql_where=sa.text("once IS NOT NULL"),
    )
    op.create_index(
        "ix_notifications_staff", "notifications", ["id"], postgresql_where=sa.text("to_staff")
    )
    op.create_index("ix_notifications_user", "notifications", ["user_id", "id"])


def create_notification_reads() -> None:
    op.create_table(
        "notification_reads",
        sa.Column("notification_id", sa.Uuid, nullable=False),
        sa.Column("user_id", sa.Uuid, nullable=False),
        sa.Column("read_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["notification_id"], ["notifications.id"], name="fk_notification_reads_notification_id"
        ),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_notification_reads_user_id"),
        sa.PrimaryKeyConstraint("notification_id", "user_id", name="pk_notification_reads"),
    )


def downgrade() -> None:
    op.drop_table("notification_reads")
    op.drop_table("notifications")
