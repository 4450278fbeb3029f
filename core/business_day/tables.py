"""Tables of the business day. No query maps their rows to objects: they are tables, no classes."""

from sqlalchemy import (
    ARRAY,
    TIMESTAMP,
    CheckConstraint,
    Column,
    Date,
    ForeignKey,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Table,
    Text,
    Uuid,
    text,
)

from core.foundation.database import Base

INSTANT = TIMESTAMP(timezone=True)
ZERO = text("0")

# One run of a job of the business day; at most one per job and date is under way.
business_day_runs = Table(
    "business_day_runs",
    Base.metadata,
    Column("id", Uuid, primary_key=True),
    Column("job", Text, nullable=False),
    Column("business_date", Date, nullable=False),
    Column("status", Text, nullable=False, server_default="queued"),
    Column("total", Integer, nullable=False, server_default=ZERO),
    Column("done", Integer, nullable=False, server_default=ZERO),
    Column("succeeded", Integer, nullable=False, server_default=ZERO),
    Column("failed", Integer, nullable=False, server_default=ZERO),
    Column("requested_by", Uuid),
    Column("created_at", INSTANT, nullable=False),
    Column("started_at", INSTANT),
    Column("finished_at", INSTANT),
    Column("error", Text),
    CheckConstraint("job IN ('close-day', 'emi-collection', 'default-recovery')", name="job"),
    CheckConstraint("status IN ('queued', 'running', 'completed', 'failed')", name="status"),
    CheckConstraint("done <= total AND succeeded + failed <= done", name="counts"),
    Index(
        "uq_business_day_runs_under_way",
        "job",
        "business_date",
        unique=True,
        postgresql_where=text("status IN ('queued', 'running')"),
    ),
)

# A share of a part of a run: what lies from ``first_id`` on, up to the next chunk's first. A worker
# holds it by a lease; the phase moves on in the same commit as the phase's work, so a crash at any
# point leaves either all of a phase or nothing of it. Parts and their phases are the features' own
# (``steps``); ``done`` is everybody's last.
business_day_chunks = Table(
    "business_day_chunks",
    Base.metadata,
    Column("run_id", Uuid, ForeignKey("business_day_runs.id"), nullable=False),
    Column("number", Integer, nullable=False),
    Column("part", Text, nullable=False),
    Column("first_id", Uuid, nullable=False),
    Column("next_id", Uuid),
    Column("size", Integer, nullable=False),
    Column("phase", Text, nullable=False),
    Column("attempts", Integer, nullable=False, server_default=ZERO),
    # The transactions whose settlement the next phase waits for.
    Column("waiting_for", ARRAY(Uuid), nullable=False, server_default=text("'{}'")),
    Column("lease_owner", Text),
    Column("lease_until", INSTANT),
    Column("error", Text),
    PrimaryKeyConstraint("run_id", "number"),
    CheckConstraint("(lease_owner IS NULL) = (lease_until IS NULL)", name="lease"),
)
