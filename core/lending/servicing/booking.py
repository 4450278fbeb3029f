"""What lending writes into the books: a repayment's legs, and entries of the bank's alone.

What touches a customer's account is ordered (``orders``) and settled. What concerns only the bank's
own ledger accounts (interest earned, a penalty charged, a loss written off) is booked at once in
the caller's unit of work, as a transaction that is final from the start.
"""

from collections.abc import Mapping, Sequence
from typing import Final
from uuid import UUID

from core.foundation.database import Connection
from core.ledger.balances import Leg
from core.ledger.chart import LedgerCode
from core.ledger.moment import read_moment
from core.lending.amortisation import Fee
from core.lending.details import (
    AccrualDetails,
    FeeDetails,
    PenaltyDetails,
    RestatementDetails,
    WaiverDetails,
    WriteOffDetails,
)
from core.lending.servicing.allocation import Component, Split
from core.lending.servicing.charges import Waived
from core.transactions.journal import JournalEntry, book_journal

_RECEIVABLE: Final = {
    Component.INTEREST: LedgerCode.INTEREST_RECEIVABLE,
    Component.PENALTY: LedgerCode.PENALTY_RECEIVABLE,
    Component.FEE: LedgerCode.FEE_RECEIVABLE,
}


# A fee never stands in suspense.
_IN_SUSPENSE = {
    Component.INTEREST: LedgerCode.INTEREST_IN_SUSPENSE,
    Component.PENALTY: LedgerCode.PENALTIES_IN_SUSPENSE,
    Component.FEE: LedgerCode.PENALTIES_IN_SUSPENSE,
}


async def post(connection: Connection, entries: Sequence[JournalEntry]) -> list[UUID | None]:
    """Book ``entries`` at once; answers their transactions, None for one that moves nothing."""
    moving = [entry for entry in entries if entry.legs]
    if not moving:
        return [None] * len(entries)
    ids = iter(await book_journal(connection, moving, await read_moment(connection)))
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


def fee_legs(fee: Fee, currency: str) -> list[Leg]:
    """A fee that is paid as it is asked: the bank's income, and the tax that it owes on it."""
    parts = (
        (LedgerCode.FEE_INCOME, fee.net_minor),
        (LedgerCode.TAX_PAYABLE, fee.tax_minor),
    )
    return [Leg(None, code.value, amount, currency) for code, amount in parts if amount]


def fees_asked(currency: str, fee: Fee, details: FeeDetails) -> JournalEntry:
    """Fees fall due: debit fee receivable, credit fee income, and tax payable for their tax."""
    legs = (
        (LedgerCode.FEE_RECEIVABLE, -fee.total_minor),
        (LedgerCode.FEE_INCOME, fee.net_minor),
        (LedgerCode.TAX_PAYABLE, fee.tax_minor),
    )
    return _entry("fee", currency, legs, "Fees asked", details)


def recovery_legs(account_id: UUID, amount_minor: int, currency: str) -> list[Leg]:
    """What comes in on a loan that was written off is the bank's recovery income."""
    return [
        Leg(account_id, None, -amount_minor, currency),
        Leg(None, LedgerCode.RECOVERY_INCOME.value, amount_minor, currency),
    ]


def interest_earned(
    currency: str, amount_minor: int, details: AccrualDetails, *, suspended_minor: int = 0
) -> JournalEntry:
    """Accrual: debit interest receivable, credit interest income, or suspense for a part of it."""
    legs = (
        (LedgerCode.INTEREST_RECEIVABLE, -amount_minor),
        (LedgerCode.INTEREST_INCOME, amount_minor - suspended_minor),
        (LedgerCode.INTEREST_IN_SUSPENSE, suspended_minor),
    )
    return _entry("accrual", currency, legs, "Interest earned", details)


def late_charged(
    currency: str, late: Split, suspended: Split, details: PenaltyDetails
) -> JournalEntry:
    """What being late cost on a day: debit the receivables, credit the income of each.

    ``suspended`` of ``late`` is credited to suspense.
    """
    legs = (
        (LedgerCode.INTEREST_RECEIVABLE, -late.interest),
        (LedgerCode.INTEREST_INCOME, late.interest - suspended.interest),
        (LedgerCode.INTEREST_IN_SUSPENSE, suspended.interest),
        (LedgerCode.PENALTY_RECEIVABLE, -late.penalty),
        (LedgerCode.PENALTY_INCOME, late.penalty - suspended.penalty),
        (LedgerCode.PENALTIES_IN_SUSPENSE, suspended.penalty),
    )
    return _entry("penalty", currency, legs, "Charged for being late", details)


def waived(currency: str, what: Waived, details: WaiverDetails) -> JournalEntry:
    """A waiver: the receivable shrinks at the bank's expense, the tax in it is owed no more.

    What stood in suspense was no income: it is taken from there.
    """
    legs = (
        (LedgerCode.WAIVED, what.tax + what.suspended - what.booked),
        (_IN_SUSPENSE[what.component], -what.suspended),
        (LedgerCode.TAX_PAYABLE, -what.tax),
        (_RECEIVABLE[what.component], what.booked),
    )
    return _entry("waiver", currency, legs, "Waived", details)


def restated(
    currency: str, moved: Mapping[LedgerCode, int], details: RestatementDetails
) -> JournalEntry:
    """What was earned, charged or suspended since a payment that is put right, as it should be."""
    legs = tuple(sorted(moved.items()))
    return _entry("restatement", currency, legs, "A loan restated", details)


def to_suspense(
    currency: str, interest_minor: int, penalty_minor: int, details: AccrualDetails
) -> JournalEntry:
    """Income that is not received goes to suspense; amounts below zero come back from there."""
    legs = (
        (LedgerCode.INTEREST_INCOME, -interest_minor),
        (LedgerCode.INTEREST_IN_SUSPENSE, interest_minor),
        (LedgerCode.PENALTY_INCOME, -penalty_minor),
        (LedgerCode.PENALTIES_IN_SUSPENSE, penalty_minor),
    )
    return _entry("accrual", currency, legs, "Income to suspense, or from there", details)


def loss(currency: str, unpaid: Split, suspended: Split, details: WriteOffDetails) -> JournalEntry:
    """A write-off: principal is a loss; interest and charges never received are no income.

    ``suspended`` of them was none before: it is taken from suspense.
    """
    legs = (
        (LedgerCode.LOSSES_WRITTEN_OFF, -unpaid.principal),
        (LedgerCode.LOANS_RECEIVABLE, unpaid.principal),
        (LedgerCode.INTEREST_INCOME, suspended.interest - unpaid.interest),
        (LedgerCode.INTEREST_IN_SUSPENSE, -suspended.interest),
        (LedgerCode.INTEREST_RECEIVABLE, unpaid.interest),
        (LedgerCode.PENALTY_INCOME, suspended.penalty - unpaid.penalty),
        (LedgerCode.PENALTIES_IN_SUSPENSE, -suspended.penalty),
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
    details: AccrualDetails
    | FeeDetails
    | PenaltyDetails
    | RestatementDetails
    | WaiverDetails
    | WriteOffDetails,
) -> JournalEntry:
    moving = [(code, amount) for code, amount in legs if amount]
    return JournalEntry(kind, currency, moving, details.business_date, description, details)
