"""What a loan is in the bank's books: a balance for each ledger account, as its book says.

Pure. Credits are positive, as in postings. The balances of a loan that nobody gave up add up to
what was paid on it less what was lent, so that the difference of two positions of one loan is
balanced by the customers' money that makes it.
"""

from collections import Counter
from collections.abc import Mapping

from core.ledger.chart import LedgerCode
from core.lending.servicing.allocation import Split, total
from core.lending.servicing.loan_book import LoanBook, owed_in_all

Position = Mapping[LedgerCode, int]


def position(book: LoanBook, forgiven: Split) -> Position:
    """The balances of the loan, in minor units of its currency.

    ``forgiven`` was income, and is no debt any more (waivers, without the tax on fees).
    The fee that was taken from the disbursement is no part of it: nothing changes that.
    """
    lines = book.current()
    asked, unpaid = total(line.asked for line in lines), owed_in_all(lines)
    booked = [line for line in lines if line.fee_booked_on is not None]
    fees, tax = total(line.asked for line in booked).fee, sum(line.fee_tax for line in booked)
    return {
        LedgerCode.LOANS_RECEIVABLE: -book.outstanding,
        LedgerCode.INTEREST_RECEIVABLE: -book.interest_owed(),
        LedgerCode.PENALTY_RECEIVABLE: -unpaid.penalty,
        LedgerCode.FEE_RECEIVABLE: -owed_in_all(booked).fee,
        LedgerCode.LOAN_OVERPAYMENTS: book.overpaid,
        LedgerCode.TAX_PAYABLE: tax,
        LedgerCode.INTEREST_IN_SUSPENSE: book.interest_suspended,
        LedgerCode.PENALTIES_IN_SUSPENSE: book.penalty_suspended,
        LedgerCode.INTEREST_INCOME: (
            book.interest_accrued + forgiven.interest - book.interest_suspended
        ),
        LedgerCode.PENALTY_INCOME: asked.penalty + forgiven.penalty - book.penalty_suspended,
        LedgerCode.FEE_INCOME: fees - tax + forgiven.fee,
        LedgerCode.WAIVED: -forgiven.total,
    }


def difference(before: Position, after: Position) -> Position:
    """What has to be booked to come from one position to another; nothing that is the same."""
    moved = Counter(dict(after))
    moved.subtract(before)
    return {code: amount for code, amount in moved.items() if amount}
