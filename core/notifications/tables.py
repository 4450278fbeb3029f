"""The notices' tables. No query maps their rows to objects: they are tables, no classes."""

from sqlalchemy import (
    TIMESTAMP,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    PrimaryKeyConstraint,
    Table,
    Text,
    Uuid,
    text,
)

from core.foundation.database import Base

INSTANT = TIMESTAMP(timezone=True)


# A notice to one user, or to the bank's staff. ``once`` keeps it from being written twice.
notifications = Table(
    "notifications",
    Base.metadata,
    Column("id", Uuid, primary_key=True),
    Column("user_id", Uuid),
    Column("to_staff", Boolean, nullable=False, server_default=text("false")),
    Column("kind", Text, nullable=False),
    Column("title", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("loan_id", Uuid),
    Column("once", Text),
    Column("created_at", INSTANT, nullable=False),
    CheckConstraint("(user_id IS NULL) = to_staff", name="one_audience"),
    Index(
        "uq_notifications_once",
        "once",
        unique=True,
        postgresql_where=text("once IS NOT NULL"),
    ),
    Index("ix_notifications_user", "user_id", "id"),
    Index("ix_notifications_staff", "id", postgresql_where=text("to_staff")),
    Index("ix_notifications_created_at", "created_at", postgresql_using="brin"),
)


# That a user has read a notice.
notification_reads = Table(
    "notification_reads",
    Base.metadata,
    Column("notification_id", Uuid, ForeignKey("notifications.id"), nullable=False),
    Column("user_id", Uuid, ForeignKey("users.id"), nullable=False),
    Column("read_at", INSTANT, nullable=False),
    PrimaryKeyConstraint("notification_id", "user_id"),
)
