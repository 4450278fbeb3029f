"""How a loan ends before its last instalment, or goes on under another schedule.

Pure, on the loan's book; each answers what the customer pays and what the bank books beside it.
The current schedule always tells what was paid: what is replaced is folded into one last line.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from decimal import Decimal

from core.lending.amortisation import NO_FEE, Fee
from core.lending.origination.basis import Basis
from core.lending.servicing.allocation import Owed, Split, allocate, total
from core.lending.servicing.calendar import CollectionCalendar
from core.lending.servicing.line_fees import carry_fee, forgo_scheduled, unpaid_tax
from core.lending.servicing.loan_book import Line, LoanBook, owed_in_all
from core.lending.servicing.payoff import earn_through, payoff
from core.lending.servicing.schedules import start_schedule
from core.lending.states import Classification, LoanEvent


@dataclass(frozen=True, slots=True)
class Ending:
    """What an ending moves: ``paid`` by the customer, ``lost`` by the bank, of
    which ``suspended`` stood in suspense and was no income.

    ``early_fee`` of what is paid are the fees for ending early. ``recovered`` came in after a
    write-off; then nothing else moves.
    """

    paid: Split
    lost: Split = field(default_factory=Split)
    suspended: Split = field(default_factory=Split)
    early_fee: Fee = NO_FEE
    recovered: int = 0


def foreclose(book: LoanBook, on: date) -> Ending:
    """Repay everything: ``foreclosed``, or ``closed`` where every instalment was due already."""
    owed = payoff(book, on)
    earn_through(book, on)
    credit = book.credit_ahead(on)
    forgo_scheduled(book, on)
    due, ahead = book.due(on), book.ahead(on)
    event = LoanEvent.FORECLOSE if book.upcoming(on) else LoanEvent.REPAY_IN_FULL
    paid_due = owed_in_all(due)
    for line in due:
        line.pay(line.unpaid, on)
    if ahead:
        tax = owed.early_fee.tax_minor
        fold(book, ahead, owed.split - paid_due, credit, on, tax=tax)
    book.count_paid(owed.split)
    book.move(event, on)
    book.earn_rest(on)
    return Ending(owed.split, early_fee=owed.early_fee)


def settle(book: LoanBook, amount: int, on: date) -> Ending:
    """Accept ``amount``, less than what is owed, for all of it; the difference is lost."""
    owed = payoff(book, on)
    if amount >= owed.total:
        return foreclose(book, on)
    earn_through(book, on)
    credit = book.credit_ahead(on)
    forgo_scheduled(book, on)
    debt = owed.split - Split(fee=owed.early_fee.total_minor)
    paid = allocate(amount, [Owed(1, debt)]).split
    fold(book, book.unfinished(on), paid, credit, on)
    book.count_paid(paid)
    lost = debt - paid
    suspended = _lose(book, lost)
    book.move(LoanEvent.SETTLE, on)
    book.cure()
    return Ending(paid, lost, suspended)


def write_off(book: LoanBook, on: date) -> Ending:
    """Give the debt up in the books. What still comes in later is recovery income."""
    earn_through(book, on)
    credit = book.credit_ahead(on)
    forgo_scheduled(book, on)
    if credit:
        _move_credit(book, credit, on)
    unpaid = owed_in_all(book.current())
    lost = Split(unpaid.penalty, unpaid.fee, max(0, book.interest_owed()), book.outstanding)
    for line in book.upcoming(date.min):
        line.next_attempt_on = None
        line.changed = True
    suspended = _lose(book, lost)
    book.written_off = lost.total
    book.move(LoanEvent.WRITE_OFF, on)
    return Ending(Split(), lost, suspended)


def restructure(
    book: LoanBook, tenure_months: int, rate: Decimal, on: date, calendar: CollectionCalendar
) -> None:
    """Lay the outstanding principal out anew from ``on``; the old schedule is kept, superseded.

    Earned interest and charges that are unpaid fall due with the first new instalment and earn
    nothing: they are not capitalised. The loan is non-performing at once, and through a specified
    period (``collections.delinquency``). Raises TermsError where the terms make no schedule.
    """
    earn_through(book, on)
    credit = book.credit_ahead(on)
    forgo_scheduled(book, on)
    old = book.unfinished(on)
    unpaid, tax = owed_in_all(old), unpaid_tax(old)
    carried = Split(penalty=unpaid.penalty, interest=max(0, book.interest_owed()))
    number = old[0].number if old else len(book.current()) + 1
    if any(line.paid.total for line in old):
        fold(book, old, Split(), credit, on)
        old, number = [], number + 1
    count = book.terms.instalments(tenure_months)
    basis = Basis(on, book.outstanding, rate, count, number, grace=False)
    start_schedule(book, basis, calendar, carried=carried, replaced=old)
    carry_fee(book, unpaid.fee, tax, on)
    book.move(LoanEvent.RESTRUCTURE, on)
    book.rate, book.tenure_months = rate, tenure_months
    book.restructured_count += 1
    book.cure()
    book.classification = Classification.NPA
    book.specified_until = on + timedelta(days=book.terms.specified_period_days)


def fold(
    book: LoanBook, old: Sequence[Line], now: Split, credit: int, on: date, *, tax: int = 0
) -> None:
    """Replace ``old`` by one line, paid: what was paid of them, and ``now``.

    ``credit`` of that was interest and is principal; ``tax`` is that of a fee in ``now`` which none
    of ``old`` asks.
    """
    book.replace_lines(old, [_folded(book, old, now, credit, on, tax=tax)])


def _folded(
    book: LoanBook, old: Sequence[Line], now: Split, credit: int, on: date, *, tax: int = 0
) -> Line:
    paid = total(line.paid for line in old) + now + Split(interest=-credit, principal=credit)
    first = old[0]
    return Line(
        version=book.version + 1,
        number=first.number,
        period_start=first.period_start,
        due_date=first.due_date,
        opening=first.opening,
        asked=paid,
        paid=paid,
        prepaid=sum(line.prepaid for line in old),
        paid_on=on,
        accrues=paid.interest,
        fee_tax=min(paid.fee, sum(line.fee_tax for line in old) + tax),
        fee_booked_on=on if paid.fee else None,
    )


def _move_credit(book: LoanBook, credit: int, on: date) -> None:
    """Fold what was paid ahead of a loan that ends unpaid; one more line asks the rest of it."""
    ahead = book.ahead(on)
    paid = _folded(book, ahead, Split(), credit, on)
    asked = total(line.asked for line in ahead)
    rest = replace(
        ahead[-1],
        version=paid.version,
        number=paid.number + 1,
        opening=paid.opening - paid.asked.principal,
        asked=Split(
            asked.penalty - paid.asked.penalty,
            asked.fee - paid.asked.fee,
            principal=asked.principal - paid.asked.principal,
        ),
        paid=Split(),
        prepaid=0,
        paid_on=None,
        accrues=0,
        fee_tax=max(0, sum(line.fee_tax for line in ahead) - paid.fee_tax),
    )
    book.replace_lines(ahead, [paid, rest])


def _lose(book: LoanBook, lost: Split) -> Split:
    """Principal is written off; interest earned but never received is income no more.

    Answers what of it stood in suspense, and does no more.
    """
    suspended = Split(
        penalty=min(book.penalty_suspended, lost.penalty),
        interest=min(book.interest_suspended, lost.interest),
    )
    book.penalty_suspended -= suspended.penalty
    book.interest_suspended -= suspended.interest
    book.outstanding -= lost.principal
    book.principal_written_off += lost.principal
    book.interest_accrued -= lost.interest
    book.window = None
    book.reshaped = book.changed = True
    return suspended
