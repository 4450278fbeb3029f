"""The transactions' tables."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import (
    CHAR,
    TIMESTAMP,
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from core.foundation.database import Base

INSTANT = TIMESTAMP(timezone=True)


class Status(StrEnum):
    """A transaction is pending until it reaches one of the two final states, once."""

    PENDING = "pending"
    SUCCESS = "success"
    FAILED = "failed"


class Transaction(Base):
    """The bank's record of one requested movement of money.

    ``seq`` orders acceptance. The debited account pays, the credited one receives; where one of
    them is null, the ledger account ``contra_code`` stands in for the bank's side.
    """

    __tablename__ = "transactions"
    __table_args__ = (
        CheckConstraint("status IN ('pending', 'success', 'failed')", name="status"),
        CheckConstraint("amount_minor > 0", name="amount"),
        CheckConstraint("(status = 'pending') = (settled_at IS NULL)", name="settled_at"),
        CheckConstraint("(status = 'failed') = (failure_code IS NOT NULL)", name="failure_code"),
        CheckConstraint("debit_account_id <> credit_account_id", name="two_accounts"),
        CheckConstraint("hidden_at IS NULL OR status <> 'pending'", name="hidden_is_final"),
        Index(
            "ix_transactions_pending",
            "seq",
            unique=True,
            postgresql_where=text("status = 'pending'"),
        ),
        Index(
            "ix_transactions_debit_account",
            "debit_account_id",
            "id",
            postgresql_where=text("debit_account_id IS NOT NULL"),
        ),
        Index(
            "ix_transactions_credit_account",
            "credit_account_id",
            "id",
            postgresql_where=text("credit_account_id IS NOT NULL"),
        ),
        Index("ix_transactions_batch", "batch_id", postgresql_where=text("batch_id IS NOT NULL")),
        Index(
            "uq_transactions_payment_ref",
            "payment_ref",
            unique=True,
            postgresql_where=text("payment_ref IS NOT NULL"),
        ),
        Index(
            "uq_transactions_reverses",
            "reverses",
            unique=True,
            postgresql_where=text("reverses IS NOT NULL AND status <> 'failed'"),
        ),
        Index("ix_transactions_created_at", "created_at", postgresql_using="brin"),
        # What the bank booked by itself on a loan; no movement of a customer's is in it.
        Index(
            "ix_transactions_loan_entries",
            text("(details->>'loan_id')"),
            postgresql_where=text(
                "debit_account_id IS NULL AND credit_account_id IS NULL AND details ? 'loan_id'"
            ),
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    seq: Mapped[int] = mapped_column(BigInteger, Identity(always=True))
    type: Mapped[str] = mapped_column(Text)
    status: Mapped[str] = mapped_column(Text, server_default="pending")
    amount_minor: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str] = mapped_column(CHAR(3))
    debit_account_id: Mapped[UUID | None]
    credit_account_id: Mapped[UUID | None]
    contra_code: Mapped[str | None] = mapped_column(Text)
    initiated_by: Mapped[UUID | None]
    description: Mapped[str | None] = mapped_column(Text)
    reference: Mapped[str | None] = mapped_column(Text)
    payment_ref: Mapped[str | None] = mapped_column(Text)
    details: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    reverses: Mapped[UUID | None] = mapped_column(ForeignKey("transactions.id"))
    batch_id: Mapped[UUID | None] = mapped_column(ForeignKey("transaction_batches.id"))
    request_id: Mapped[str | None] = mapped_column(Text)
    failure_code: Mapped[str | None] = mapped_column(Text)
    failure_reason: Mapped[str | None] = mapped_column(Text)
    attempts: Mapped[int] = mapped_column(SmallInteger, server_default="0")
    created_at: Mapped[datetime] = mapped_column(INSTANT)
    settled_at: Mapped[datetime | None] = mapped_column(INSTANT)
    hidden_at: Mapped[datetime | None] = mapped_column(INSTANT)


# A batch of transfers as it was answered: ``items`` holds one result for each transfer.
transaction_batches = Table(
    "transaction_batches",
    Base.metadata,
    Column("id", Uuid, primary_key=True),
    Column("owner_id", Uuid, nullable=False),
    Column("items", JSONB, nullable=False),
    Column("total", Integer, nullable=False),
    Column("accepted", Integer, nullable=False),
    Column("created_at", INSTANT, nullable=False),
    CheckConstraint("total > 0 AND accepted BETWEEN 0 AND total", name="counts"),
)


# What a user's key stands for: the transaction or batch that its first use made.
idempotency_keys = Table(
    "idempotency_keys",
    Base.metadata,
    Column("owner_id", Uuid, nullable=False),
    Column("key", Text, nullable=False),
    Column("fingerprint", LargeBinary, nullable=False),
    Column("resource_id", Uuid, nullable=False),
    Column("created_at", INSTANT, nullable=False),
    PrimaryKeyConstraint("owner_id", "key"),
    CheckConstraint("length(key) BETWEEN 1 AND 255", name="key_length"),
    Index("ix_idempotency_keys_created_at", "created_at", postgresql_using="brin"),
)
