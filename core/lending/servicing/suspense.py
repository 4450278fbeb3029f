"""Income of non-performing loans stands in suspense until it is received. Pure, on the loan's book.

Reserve Bank of India, "Prudential norms on Income Recognition, Asset Classification and
Provisioning": interest on a non-performing asset is income when it is received, not as it accrues;
what was accrued and credited to income before and is not realised is reversed, and so are fees and
charges. The customer owes all of it as before: the receivable stays, and suspense stands against
it, so that the bank's income is what came in. Under ``net`` (IFRS 9, 5.4.1(b)) interest is income
on the amount net of the loss allowance, from the classification on; nothing is reversed.

While a loan is non-performing, ``suspended_percent`` of the interest that it earns goes to suspense
at once, and its charges do where all income does. What is received comes out (``LoanBook``), what
is lost is taken from there (``endings``).
"""

from datetime import date

from core.lending.origination.products import NpaIncome, ProductTerms
from core.lending.servicing.allocation import Split
from core.lending.servicing.loan_book import LoanBook, owed_in_all


def percent_of(terms: ProductTerms) -> int:
    """The part of a non-performing loan's interest that goes to suspense as it is earned."""
    return terms.npa_allowance_percent if terms.npa_income is NpaIncome.NET else 100


def enter(book: LoanBook, on: date) -> None:
    """The loan is non-performing from the close of ``on``; needs the whole schedule loaded."""
    book.accrue_to(on)
    book.suspended_percent = percent_of(book.terms)
    if book.terms.npa_income is NpaIncome.SUSPENSE:
        interest = max(0, book.interest_owed()) - book.interest_suspended
        book.suspend(interest, owed_in_all(book.current()).penalty - book.penalty_suspended)
    book.newly_on = on
    book.reshaped = book.changed = True


def leave(book: LoanBook, on: date) -> None:
    """The loan performs again from the close of ``on``: all that stands in suspense is income.

    Needs the whole schedule loaded.
    """
    book.accrue_to(on)
    book.suspended_percent = 0
    book.suspend(-book.interest_suspended, -book.penalty_suspended)
    book.newly_on = on
    book.reshaped = book.changed = True


def charge(book: LoanBook, charged: Split, late_before: int) -> Split:
    """Count what goes to suspense of penalties and late interest that the loan is ``charged``.

    Answers it; the caller books it. ``late_before`` is the late interest that was charged before on
    what is charged now: rounding is half up, of running totals.
    """
    percent = book.suspended_percent
    total = late_before + charged.interest
    interest = (percent * total + 50) // 100 - (percent * late_before + 50) // 100
    interest = max(0, min(interest, book.interest_owed() - book.interest_suspended))
    all_income = percent and book.terms.npa_income is NpaIncome.SUSPENSE
    suspended = Split(penalty=charged.penalty if all_income else 0, interest=interest)
    if suspended.total:
        book.interest_suspended += suspended.interest
        book.penalty_suspended += suspended.penalty
        book.reshaped = book.changed = True
    return suspended
