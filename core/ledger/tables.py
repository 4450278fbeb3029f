"""The ledger's tables."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import (
    CHAR,
    TIMESTAMP,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    ForeignKey,
    Identity,
    Index,
    Numeric,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    Uuid,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from core.foundation.database import Base
from core.ledger.balances import available_minor

INSTANT = TIMESTAMP(timezone=True)


class Currency(Base):
    """A currency of ISO 4217 and whether new accounts may be held in it."""

    __tablename__ = "currencies"
    __table_args__ = (CheckConstraint("code ~ '^[A-Z]{3}$'", name="code"),)

    code: Mapped[str] = mapped_column(CHAR(3), primary_key=True)
    name: Mapped[str] = mapped_column(Text)
    enabled: Mapped[bool] = mapped_column(Boolean)


# One of the bank's own accounts; it carries no running balance (see the snapshots).
ledger_accounts = Table(
    "ledger_accounts",
    Base.metadata,
    Column("code", Text, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("type", Text, nullable=False),
    CheckConstraint("type IN ('asset', 'liability', 'income', 'expense', 'equity')", name="type"),
)


class Account(Base):
    """A customer's account. ``balance_minor`` is the sum of its postings, kept with each one.

    Nothing is booked on it before ``last_booked_at``, whatever the clock says.
    """

    __tablename__ = "accounts"
    __table_args__ = (
        CheckConstraint("status IN ('active', 'frozen', 'closed')", name="status"),
        CheckConstraint("overdraft_limit_minor >= 0", name="overdraft_limit"),
        CheckConstraint("balance_minor >= -overdraft_limit_minor", name="overdraft"),
        CheckConstraint("(status = 'closed') = (closed_at IS NOT NULL)", name="closed_at"),
        CheckConstraint("status <> 'closed' OR balance_minor = 0", name="closed_is_empty"),
        CheckConstraint("status <> 'closed' OR NOT is_primary", name="closed_is_not_primary"),
        Index("uq_accounts_primary", "owner_id", unique=True, postgresql_where=text("is_primary")),
        {"postgresql_with": {"fillfactor": "50"}},
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    owner_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"), index=True)
    account_number: Mapped[str] = mapped_column(Text, unique=True)
    iban: Mapped[str] = mapped_column(Text, unique=True)
    currency: Mapped[str] = mapped_column(CHAR(3), ForeignKey("currencies.code"))
    status: Mapped[str] = mapped_column(Text, server_default="active")
    nickname: Mapped[str | None] = mapped_column(Text)
    is_primary: Mapped[bool] = mapped_column(Boolean, server_default=text("false"))
    balance_minor: Mapped[int] = mapped_column(BigInteger, server_default="0")
    overdraft_limit_minor: Mapped[int] = mapped_column(BigInteger, server_default="0")
    created_at: Mapped[datetime] = mapped_column(INSTANT)
    closed_at: Mapped[datetime | None] = mapped_column(INSTANT)
    last_booked_at: Mapped[datetime] = mapped_column(INSTANT, server_default=text("now()"))

    @property
    def available_minor(self) -> int:
        """What may be debited now."""
        return available_minor(self.balance_minor, self.overdraft_limit_minor)


# The last business date that the whole bank closed; one row.
bank_day = Table(
    "bank_day",
    Base.metadata,
    Column("id", SmallInteger, primary_key=True, autoincrement=False),
    Column("last_closed_on", Date),
    CheckConstraint("id = 1", name="one_row"),
)


# The books are locked through a date, for good; the latest row is in force. ``through_entry_no`` is
# the last posting's number when everything had ended that was under way at the lock.
accounting_periods = Table(
    "accounting_periods",
    Base.metadata,
    Column("locked_through", Date, primary_key=True),
    Column("locked_at", INSTANT, nullable=False),
    Column("locked_by", Uuid, nullable=False),
    Column("reason", Text),
    Column("through_entry_no", BigInteger),
)


# One signed leg of a transaction on one account, append-only.
#
# ``entry_no`` rises with every posting of an account in the order of booking, and ``booked_at``
# never falls; a customer account's posting carries the balance after it. ``accounting_date`` is
# the date on which the books carry it. What a posting refers to, and its time, are checked by a
# trigger once a statement, see migration 0002.
postings = Table(
    "postings",
    Base.metadata,
    Column("transaction_id", Uuid, nullable=False),
    Column("leg", SmallInteger, nullable=False),
    Column("entry_no", BigInteger, Identity(always=True), nullable=False),
    Column("account_id", Uuid),
    Column("ledger_code", Text),
    Column("amount_minor", BigInteger, nullable=False),
    Column("currency", CHAR(3), nullable=False),
    Column("balance_after_minor", BigInteger),
    Column("booked_at", INSTANT, nullable=False),
    Column("accounting_date", Date, nullable=False),
    PrimaryKeyConstraint("transaction_id", "leg"),
    CheckConstraint("amount_minor <> 0", name="amount"),
    CheckConstraint("num_nonnulls(account_id, ledger_code) = 1", name="one_side"),
    CheckConstraint("(account_id IS NULL) = (balance_after_minor IS NULL)", name="balance_after"),
    Index(
        "ix_postings_account",
        "account_id",
        "booked_at",
        "entry_no",
        postgresql_where=text("account_id IS NOT NULL"),
    ),
    # Postings come in about the order of their dates, so that a few pages of index tell of all.
    Index("ix_postings_accounting_date", "accounting_date", postgresql_using="brin"),
    Index(
        "ix_postings_ledger",
        "ledger_code",
        "currency",
        "entry_no",
        postgresql_include=["amount_minor"],
        postgresql_where=text("ledger_code IS NOT NULL"),
    ),
)


# The sum of a ledger account's postings up to a number, so that sums stay short.
ledger_balance_snapshots = Table(
    "ledger_balance_snapshots",
    Base.metadata,
    Column("ledger_code", Text, ForeignKey("ledger_accounts.code"), nullable=False),
    Column("currency", CHAR(3), nullable=False),
    Column("through_entry_no", BigInteger, nullable=False),
    Column("balance_minor", Numeric(38, 0), nullable=False),
    Column("taken_at", INSTANT, nullable=False),
    PrimaryKeyConstraint("ledger_code", "currency", "through_entry_no"),
)
