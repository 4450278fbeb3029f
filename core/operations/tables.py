"""Tables of the system's own records; only failed jobs are read as objects."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    TIMESTAMP,
    BigInteger,
    CheckConstraint,
    Column,
    Index,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    Uuid,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from core.foundation.database import Base

INSTANT = TIMESTAMP(timezone=True)


# One run of one scheduled job for the instant at which it fell due; it runs once.
scheduler_ticks = Table(
    "scheduler_ticks",
    Base.metadata,
    Column("job", Text, nullable=False),
    Column("due_at", INSTANT, nullable=False),
    Column("started_at", INSTANT, nullable=False),
    Column("finished_at", INSTANT),
    Column("error", Text),
    PrimaryKeyConstraint("job", "due_at"),
)


# Which scheduler leads: one row. ``term`` fences its duties, ``beat`` says that it lives.
scheduler_leadership = Table(
    "scheduler_leadership",
    Base.metadata,
    Column("id", SmallInteger, primary_key=True, autoincrement=False),
    Column("holder", Uuid),
    Column("term", BigInteger, nullable=False),
    Column("beat", BigInteger, nullable=False),
    Column("taken_at", INSTANT),
    Column("renewed_at", INSTANT),
    CheckConstraint("id = 1", name="one_row"),
)


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
    failed_at: Mapped[datetime] = mapped_column(INSTANT)
    retried_at: Mapped[datetime | None] = mapped_column(INSTANT)
