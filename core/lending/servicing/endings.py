"""How a loan ends before its last instalment, or goes on under another schedule.

Pure, on the loan's book; each answers what the customer pays and what the bank books beside it.
The current schedule always tells what was paid: what is replaced is folded into one last line.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from core.lending.amortisation import NO_FEE, Fee
from core.lending.origination.basis import Basis
from core.lending.servicing.allocation import Owed, Split, allocate, total
from core.lending.servicing.calendar import CollectionCalendar
from core.lending.servicing.line_fees import carry_fee, forgo_scheduled, unpaid_tax
from core.lending.servicing.loan_book import Line, LoanBook, owed_in_all
from core.lending.servicing.payoff import payoff
from core.lending.servicing.schedules import start_schedule
from core.lending.states import LoanEvent


@dataclass(frozen=True, slots=True)
class Ending:
    """What an ending moves: ``paid`` by the customer, ``lost`` by the bank.

    ``early_fee`` of what is paid are the fees for ending early, ``advance_interest`` is taken from
    interest receivable and repays principal.
    """

    paid: Split
    lost: Split = field(default_factory=Split)
    early_fee: Fee = NO_FEE
    advance_interest: int = 0


def foreclose(book: LoanBook, on: date) -> Ending:
    """Repay everything: ``foreclosed``, or ``closed`` where every instalment was due already."""
    owed = payoff(book, on)
    book.accrue_to(on)
    forgo_scheduled(book, on)
    upcoming = book.upcoming(on)
    due = book.due(on)
    paid_due = owed_in_all(due)
    for line in due:
        line.pay(line.unpaid, on)
    if upcoming:
        advance = Split(interest=owed.advance_interest)
        rest = owed.split - paid_due + Split(principal=owed.advance_interest)
        fold(book, upcoming, rest, advance, on, tax=owed.early_fee.tax_minor)
    book.count_paid(
        owed.split + Split(principal=owed.advance_interest) - Split(interest=owed.advance_interest)
    )
    book.move(LoanEvent.FORECLOSE if upcoming else LoanEvent.REPAY_IN_FULL, on)
    book.earn_rest(on)
    return Ending(owed.split, early_fee=owed.early_fee, advance_interest=owed.advance_interest)


def settle(book: LoanBook, amount: int, on: date) -> Ending:
    """Accept ``amount``, less than what is owed, for all of it; the difference is lost."""
    owed = payoff(book, on)
    if amount >= owed.total:
        return foreclose(book, on)
    book.accrue_to(on)
    forgo_scheduled(book, on)
    debt = Split(
        owed.penalty, owed.fees - owed.early_fee.total_minor, owed.interest, book.outstanding
    )
    paid = allocate(amount, [Owed(1, debt)]).split
    fold(book, book.upcoming(date.min), paid, Split(), on)
    book.count_paid(paid)
    lost = debt - paid
    _lose(book, lost)
    book.move(LoanEvent.SETTLE, on)
    book.cure()
    return Ending(paid, lost)


def write_off(book: LoanBook, on: date) -> Ending:
    """Give the debt up in the books. What still comes in later is recovery income."""
    book.accrue_to(on)
    forgo_scheduled(book, on)
    unpaid = owed_in_all(book.current())
    lost = Split(unpaid.penalty, unpaid.fee, max(0, book.interest_owed()), book.outstanding)
    for line in book.upcoming(date.min):
        line.next_attempt_on = None
        line.changed = True
    _lose(book, lost)
    book.written_off = lost.total
    book.move(LoanEvent.WRITE_OFF, on)
    return Ending(Split(), lost)


def restructure(
    book: LoanBook, tenure_months: int, rate: Decimal, on: date, calendar: CollectionCalendar
) -> None:
    """Lay the outstanding principal out anew from ``on``; the old schedule is kept, superseded.

    Earned interest and charges that are unpaid fall due with the first new instalment and earn
    nothing: they are not capitalised. Raises TermsError where the terms make no schedule.
    """
    book.accrue_to(on)
    forgo_scheduled(book, on)
    old = book.upcoming(date.min)
    unpaid, tax = owed_in_all(old), unpaid_tax(old)
    carried = Split(penalty=unpaid.penalty, interest=max(0, book.interest_owed()))
    paid_before = [line for line in old if line.paid.total]
    number = old[0].number if old else len(book.current()) + 1
    if paid_before:
        fold(book, old, Split(), Split(), on)
        number += 1
    basis = Basis(on, book.outstanding, rate, book.terms.instalments(tenure_months), number)
    start_schedule(book, basis, on, calendar, carried)
    carry_fee(book, unpaid.fee, tax, on)
    book.move(LoanEvent.RESTRUCTURE, on)
    book.rate, book.tenure_months = rate, tenure_months
    book.cure()


def fold(
    book: LoanBook, old: Sequence[Line], now: Split, refunded: Split, on: date, *, tax: int = 0
) -> None:
    """Replace ``old`` by one line, paid: what was paid of them, and ``now``, less ``refunded``.

    ``tax`` is that of a fee in ``now`` which none of ``old`` asks.
    """
    paid = total(line.paid for line in old) + now - refunded
    first = old[0]
    line = Line(
        version=book.version + 1,
        number=first.number,
        period_start=first.period_start,
        due_date=first.due_date,
        opening=first.opening,
        asked=paid,
        paid=paid,
        prepaid=sum(line.prepaid for line in old),
        paid_on=on,
        fee_tax=min(paid.fee, sum(line.fee_tax for line in old) + tax),
        fee_booked_on=on if paid.fee else None,
    )
    book.replace_lines(old, [line])


def _lose(book: LoanBook, lost: Split) -> None:
    """Principal is written off; interest earned but never received is income no more."""
    book.outstanding -= lost.principal
    book.principal_written_off += lost.principal
    book.interest_accrued -= lost.interest
    book.window = None
    book.reshaped = book.changed = True
