"""Lending's way into the books: orders for settlement, and entries of the bank's alone.

What touches a customer's account becomes a pending transaction for the settlement engine. What
concerns only the bank's own ledger accounts (interest earned, a penalty charged, a loss written
off) is booked at once in the caller's unit of work, as a transaction that is final from the start.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

from core.foundation import clock
from core.foundation.database import Connection
from core.foundation.ids import new_id
from core.ledger.balances import Leg
from core.ledger.chart import LedgerCode
from core.lending.servicing.allocation import Split
from core.lending.servicing.details import (
    AccrualDetails,
    LoanDetails,
    PenaltyDetails,
    WriteOffDetails,
)
from core.transactions.details import Details, encode
from core.transactions.journal import JournalEntry, book_journal

# In order: the rows are numbered as they come.
_INSERT_PENDING = """
INSERT INTO transactions (id, type, amount_minor, currency, debit_account_id, credit_account_id,
                          contra_code, initiated_by, description, details, request_id, created_at)
SELECT id, type, amount_minor, currency, debit_account_id, credit_account_id, contra_code,
       initiated_by, description, details, request_id, $12
FROM unnest($1::uuid[], $2::text[], $3::bigint[], $4::text[], $5::uuid[], $6::uuid[], $7::text[],
            $8::uuid[], $9::text[], $10::jsonb[], $11::text[]) WITH ORDINALITY
  AS o (id, type, amount_minor, currency, debit_account_id, credit_account_id, contra_code,
        initiated_by, description, details, request_id, place)
ORDER BY place
"""


@dataclass(frozen=True, slots=True)
class PendingOrder:
    """A movement for the settlement engine; whether it can be done turns out there."""

    type: str
    amount_minor: int
    currency: str
    details: LoanDetails
    debit_account_id: UUID | None = None
    credit_account_id: UUID | None = None
    contra_code: str = LedgerCode.LOANS_RECEIVABLE
    initiated_by: UUID | None = None
    description: str | None = None
    request_id: str | None = None
    id: UUID = field(default_factory=new_id)


async def insert_pending(connection: Connection, orders: Sequence[PendingOrder]) -> None:
    """Insert ``orders`` as pending transactions, in order; ring for workers after the commit."""
    if not orders:
        return
    rows = [
        (o.id, o.type, o.amount_minor, o.currency, o.debit_account_id, o.credit_account_id,
         o.contra_code, o.initiated_by, o.description, encode(o.details), o.request_id)
        for o in orders
    ]  # fmt: skip
    await connection.execute(_INSERT_PENDING, *zip(*rows, strict=True), clock.now())


async def post(connection: Connection, entries: Sequence[JournalEntry]) -> list[UUID | None]:
    """Book ``entries`` at once; answers their transactions, None for one that moves nothing."""
    moving = [entry for entry in entries if entry.legs]
    if not moving:
        return [None] * len(entries)
    booked_at = await connection.fetchval("SELECT clock_timestamp()")
    ids = iter(await book_journal(connection, moving, booked_at))
    return [next(ids) if entry.legs else None for entry in entries]


def repayment_legs(account_id: UUID, split: Split, currency: str) -> list[Leg]:
    """A repayment: the customer's account pays, the receivables shrink."""
    parts = (
        (LedgerCode.LOANS_RECEIVABLE, split.principal),
        (LedgerCode.INTEREST_RECEIVABLE, split.interest),
        (LedgerCode.PENALTY_RECEIVABLE, split.penalty),
        (LedgerCode.FEE_RECEIVABLE, split.fee),
    )
    legs = [Leg(account_id, None, -split.total, currency)]
    legs += [Leg(None, code.value, amount, currency) for code, amount in parts if amount]
    return legs


def interest_earned(currency: str, amount_minor: int, details: AccrualDetails) -> JournalEntry:
    """Accrual: debit interest receivable, credit interest income."""
    legs = (
        (LedgerCode.INTEREST_RECEIVABLE, -amount_minor),
        (LedgerCode.INTEREST_INCOME, amount_minor),
    )
    return _entry("accrual", currency, legs, "Interest earned", details)


def penalty_charged(currency: str, amount_minor: int, details: PenaltyDetails) -> JournalEntry:
    """A penalty: debit penalty receivable, credit penalty income."""
    legs = (
        (LedgerCode.PENALTY_RECEIVABLE, -amount_minor),
        (LedgerCode.PENALTY_INCOME, amount_minor),
    )
    return _entry("penalty", currency, legs, "Penalty charged", details)


def loss(currency: str, unpaid: Split, details: WriteOffDetails) -> JournalEntry:
    """A write-off: principal is a loss; interest and charges never received are no income."""
    legs = (
        (LedgerCode.LOSSES_WRITTEN_OFF, -unpaid.principal),
        (LedgerCode.LOANS_RECEIVABLE, unpaid.principal),
        (LedgerCode.INTEREST_INCOME, -unpaid.interest),
        (LedgerCode.INTEREST_RECEIVABLE, unpaid.interest),
        (LedgerCode.PENALTY_INCOME, -unpaid.penalty),
        (LedgerCode.PENALTY_RECEIVABLE, unpaid.penalty),
        (LedgerCode.FEE_INCOME, -unpaid.fee),
        (LedgerCode.FEE_RECEIVABLE, unpaid.fee),
    )
    return _entry("write_off", currency, legs, "Loan written off", details)


def interest_to_principal(
    currency: str, amount_minor: int, details: AccrualDetails
) -> JournalEntry:
    """Interest paid in advance that will not be earned any more repays principal instead."""
    legs = (
        (LedgerCode.INTEREST_RECEIVABLE, -amount_minor),
        (LedgerCode.LOANS_RECEIVABLE, amount_minor),
    )
    return _entry("accrual", currency, legs, "Advance interest to principal", details)


def _entry(
    kind: str,
    currency: str,
    legs: Sequence[tuple[LedgerCode, int]],
    description: str,
    details: Details,
) -> JournalEntry:
    moving = [(code, amount) for code, amount in legs if amount]
    return JournalEntry(kind, currency, moving, description, details)
