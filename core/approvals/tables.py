"""The approvals' table."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, TIMESTAMP, CheckConstraint, ForeignKey, Index, Text, Uuid, func, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from core.foundation.database import Base


class Approval(Base):
    """A deed that one member of staff proposes and another decides on, once.

    ``body`` is what was asked, ``sealed`` what nobody is shown of it, ``ground`` what it stood on,
    ``owners`` whom it is about. ``run_id`` is the id of what it makes. A waiting one whose
    ``lapses_at`` has passed has lapsed; no row says so by itself.
    """

    __tablename__ = "approvals"
    __table_args__ = (
        CheckConstraint(
            "deed IN ('credit', 'debit', 'opening', 'reversal', 'overdraft', 'settlement',"
            " 'write_off', 'restructuring', 'new_staff', 'role_change')",
            name="deed",
        ),
        CheckConstraint("status IN ('waiting', 'approved', 'rejected', 'void')", name="status"),
        CheckConstraint("decided_by <> proposed_by", name="four_eyes"),
        CheckConstraint(
            "(status = 'waiting') = (decided_by IS NULL)"
            " AND (status = 'waiting') = (decided_at IS NULL)",
            name="decided",
        ),
        CheckConstraint("(status IN ('approved', 'void')) = (result IS NOT NULL)", name="result"),
        CheckConstraint("sealed IS NULL OR status = 'waiting'", name="sealed"),
        CheckConstraint("lapses_at > proposed_at", name="lapses_at"),
        Index("ix_approvals_waiting", "id", postgresql_where=text("status = 'waiting'")),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    deed: Mapped[str] = mapped_column(Text)
    body: Mapped[dict[str, Any]] = mapped_column(JSONB)
    sealed: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    ground: Mapped[dict[str, Any]] = mapped_column(JSONB)
    owners: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid))
    run_id: Mapped[UUID] = mapped_column(unique=True)
    proposed_by: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    proposed_at: Mapped[datetime] = mapped_column(
        TIMESTAMP(timezone=True), server_default=func.clock_timestamp()
    )
    lapses_at: Mapped[datetime] = mapped_column(TIMESTAMP(timezone=True))
    request_id: Mapped[str | None] = mapped_column(Text)
    status: Mapped[str] = mapped_column(Text, server_default="waiting")
    decided_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    decided_at: Mapped[datetime | None] = mapped_column(TIMESTAMP(timezone=True))
    decision_id: Mapped[UUID | None] = mapped_column(unique=True)
    reason: Mapped[str | None] = mapped_column(Text)
    result: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
