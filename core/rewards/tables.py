"""The rewards' table. No query maps its rows to objects: it is a table, no class."""

from sqlalchemy import (
    CHAR,
    TIMESTAMP,
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Table,
    Uuid,
    text,
)

from core.foundation.database import Base

INSTANT = TIMESTAMP(timezone=True)

# What a settled payment has earned: credited by a transaction when due, or cancelled.
#
# ``taken_back_by`` is the payment's reversal that took a credited one back.
cashbacks = Table(
    "cashbacks",
    Base.metadata,
    Column("payment_id", Uuid, ForeignKey("transactions.id"), primary_key=True),
    Column("account_id", Uuid, ForeignKey("accounts.id"), nullable=False),
    Column("currency", CHAR(3), nullable=False),
    Column("amount_minor", BigInteger, nullable=False),
    Column("due_at", INSTANT, nullable=False),
    Column("transaction_id", Uuid, ForeignKey("transactions.id"), unique=True),
    Column("cancelled_at", INSTANT),
    Column("taken_back_by", Uuid, ForeignKey("transactions.id"), unique=True),
    CheckConstraint("amount_minor > 0", name="amount"),
    CheckConstraint("transaction_id IS NULL OR cancelled_at IS NULL", name="credited_or_cancelled"),
    CheckConstraint(
        "taken_back_by IS NULL OR transaction_id IS NOT NULL", name="taken_back_was_credited"
    ),
    Index(
        "ix_cashbacks_due",
        "due_at",
        postgresql_where=text("transaction_id IS NULL AND cancelled_at IS NULL"),
    ),
)
