"""Tables of the system's own records."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    TIMESTAMP,
    BigInteger,
    CheckConstraint,
    Index,
    PrimaryKeyConstraint,
    SmallInteger,
    Text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from core.foundation.database import Base


class SchedulerTick(Base):
    """One run of one scheduled job for the instant at which it fell due; it runs once."""

    __tablename__ = "scheduler_ticks"
    __table_args__ = (PrimaryKeyConstraint("job", "due_at"),)

    job: Mapped[str] = mapped_column(Text)
    due_at: Mapped[datetime] = mapped_column(TIMESTAMP(timezone=True))
    started_at: Mapped[datetime] = mapped_column(TIMESTAMP(timezone=True))
    finished_at: Mapped[datetime | None] = mapped_column(TIMESTAMP(timezone=True))
    error: Mapped[str | None] = mapped_column(Text)


class SchedulerLeadership(Base):
    """Which scheduler leads: one row. ``term`` fences its deeds, ``beat`` says that it lives."""

    __tablename__ = "scheduler_leadership"
    __table_args__ = (CheckConstraint("id = 1", name="one_row"),)

    id: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    holder: Mapped[UUID | None]
    term: Mapped[int] = mapped_column(BigInteger)
    beat: Mapped[int] = mapped_column(BigInteger)
    taken_at: Mapped[datetime | None] = mapped_column(TIMESTAMP(timezone=True))
    renewed_at: Mapped[datetime | None] = mapped_column(TIMESTAMP(timezone=True))


class FailedJob(Base):
    """A job that failed after its last retry, kept until somebody has looked at it."""

    __tablename__ = "failed_jobs"
    __table_args__ = (Index("ix_failed_jobs_failed_at", "failed_at"),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    queue: Mapped[str] = mapped_column(Text)
    actor: Mapped[str] = mapped_column(Text)
    args: Mapped[list[Any]] = mapped_column(JSONB)
    error: Mapped[str] = mapped_column(Text)
    request_id: Mapped[str | None] = mapped_column(Text)
    failed_at: Mapped[datetime] = mapped_column(TIMESTAMP(timezone=True))
    retried_at: Mapped[datetime | None] = mapped_column(TIMESTAMP(timezone=True))
