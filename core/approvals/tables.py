"""The approvals' table. No query maps its rows to objects: it is a table, no class."""

from sqlalchemy import (
    ARRAY,
    TIMESTAMP,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Table,
    Text,
    Uuid,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from core.foundation.database import Base

INSTANT = TIMESTAMP(timezone=True)


# A deed that one member of staff proposes and another decides on, once.
#
# ``body`` is what was asked, ``sealed`` what nobody is shown of it, ``ground`` what it stood on,
# ``owners`` whom it is about. ``run_id`` is the id of what it makes. A waiting one whose
# ``lapses_at`` has passed has lapsed; no row says so by itself.
approvals = Table(
    "approvals",
    Base.metadata,
    Column("id", Uuid, primary_key=True),
    Column("deed", Text, nullable=False),
    Column("body", JSONB, nullable=False),
    Column("sealed", JSONB),
    Column("ground", JSONB, nullable=False),
    Column("owners", ARRAY(Uuid), nullable=False),
    Column("run_id", Uuid, nullable=False, unique=True),
    Column("proposed_by", Uuid, ForeignKey("users.id"), nullable=False),
    Column("proposed_at", INSTANT, nullable=False, server_default=func.clock_timestamp()),
    Column("lapses_at", INSTANT, nullable=False),
    Column("request_id", Text),
    Column("status", Text, nullable=False, server_default="waiting"),
    Column("decided_by", Uuid, ForeignKey("users.id")),
    Column("decided_at", INSTANT),
    Column("decision_id", Uuid, unique=True),
    Column("reason", Text),
    Column("result", JSONB),
    CheckConstraint(
        "deed IN ('credit', 'debit', 'opening', 'reversal', 'overdraft', 'settlement',"
        " 'write_off', 'restructuring', 'new_staff', 'role_change', 'waiver', 'adjustment',"
        " 'charge')",
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
