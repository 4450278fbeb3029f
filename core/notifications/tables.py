"""The notices' tables."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import (
    TIMESTAMP,
    CheckConstraint,
    ForeignKey,
    Index,
    PrimaryKeyConstraint,
    Text,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from core.foundation.database import Base


class Notification(Base):
    """A notice to one user, or to the bank's staff. ``once`` keeps it from being written twice."""

    __tablename__ = "notifications"
    __table_args__ = (
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

    id: Mapped[UUID] = mapped_column(primary_key=True)
    user_id: Mapped[UUID | None]
    to_staff: Mapped[bool] = mapped_column(server_default=text("false"))
    kind: Mapped[str] = mapped_column(Text)
    title: Mapped[str] = mapped_column(Text)
    body: Mapped[str] = mapped_column(Text)
    loan_id: Mapped[UUID | None]
    once: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(TIMESTAMP(timezone=True))


class NotificationRead(Base):
    """That a user has read a notice."""

    __tablename__ = "notification_reads"
    __table_args__ = (PrimaryKeyConstraint("notification_id", "user_id"),)

    notification_id: Mapped[UUID] = mapped_column(ForeignKey("notifications.id"))
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    read_at: Mapped[datetime] = mapped_column(TIMESTAMP(timezone=True))
