"""The audit log's table."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import DateTime, Index, Text, func, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column, relationship

from core.foundation.database import Base
from core.foundation.ids import new_id


class AuditEntry(Base):
    """One deed. Rows are never changed or deleted: a trigger refuses both.

    From where it was done is no part of the row: that is personal data, and must be forgotten some
    day (``AuditOrigin``).
    """

    __tablename__ = "audit_log"
    __table_args__ = (
        Index("ix_audit_log_subject_type_subject_id", "subject_type", "subject_id"),
        Index("ix_audit_log_actor_id", "actor_id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    actor_id: Mapped[UUID | None]
    actor_role: Mapped[str] = mapped_column(Text)
    action: Mapped[str] = mapped_column(Text)
    subject_type: Mapped[str] = mapped_column(Text)
    subject_id: Mapped[str | None] = mapped_column(Text)
    details: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default=text("'{}'"))
    request_id: Mapped[str | None] = mapped_column(Text)
    origin: Mapped["AuditOrigin | None"] = relationship(
        primaryjoin="AuditEntry.id == foreign(AuditOrigin.entry_id)", lazy="joined"
    )

    @property
    def ip(self) -> str | None:
        """The address that it was done from, until that is forgotten."""
        return None if self.origin is None else self.origin.ip


class AuditOrigin(Base):
    """The address that a deed was done from, kept beside the log so that it can be forgotten.

    No foreign key: its check would lock the log's row, which takes a right to change it.
    """

    __tablename__ = "audit_origins"
    __table_args__ = (Index("ix_audit_origins_at", "at", postgresql_using="brin"),)

    entry_id: Mapped[UUID] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    ip: Mapped[str] = mapped_column(Text)
