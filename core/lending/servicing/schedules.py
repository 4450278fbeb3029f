"""A loan's schedule: the first one at disbursal, and those that replace it."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date

from core.lending.amortisation import Instalment, PrepaymentMode, generate, reschedule
from core.lending.origination.basis import Basis
from core.lending.servicing.accrual import Window
from core.lending.servicing.allocation import Split, total
from core.lending.servicing.calendar import CollectionCalendar
from core.lending.servicing.line_fees import keep_fees
from core.lending.servicing.loan_book import Line, LoanBook


def start_schedule(
    book: LoanBook,
    basis: Basis,
    on: date,
    calendar: CollectionCalendar,
    carried: Split,
) -> None:
    """Give ``book`` the schedule of ``basis`` from ``on``; its first line also asks ``carried``.

    ``carried`` is what an older schedule left unpaid: earned interest and charges, which earn
    nothing further.
    """
    schedule = generate(basis.terms(book.terms, book.currency))
    rows = schedule.instalments
    lines = _lines(rows, book.version + 1, basis.first_number - 1)
    lines[0].asked += carried
    _plan_collection(lines, on, calendar)
    book.replace_lines(book.upcoming(date.min), lines)
    book.disbursed_on = book.disbursed_on or on
    book.basis = replace(basis, part=schedule.part_minor).to_json()
    book.emi = schedule.emi_minor
    book.window = Window(rows[0].start_date, rows[0].due_date, rows[0].earned_minor)


def prepay(
    book: LoanBook, amount: int, mode: PrepaymentMode, on: date, calendar: CollectionCalendar
) -> None:
    """Pay ``amount`` of principal ahead of time and lay out anew what is not due yet.

    Interest must be earned to ``on`` and nothing may be due; ``amount`` is less than the principal
    outstanding. All that was paid ahead before becomes principal, too: instalments, and interest
    for time that has not passed. The prepayment counts as principal of the next instalment, as in
    the amortisation's own prepayments. Interest that is earned and not asked yet stays owed: it
    falls due with the next instalment that pays interest.
    """
    ahead, window = book.ahead(on), book.window
    if not ahead or window is None:
        raise ValueError("nothing is left to prepay")
    first, basis = ahead[0], Basis.from_json(book.basis or "{}")
    credit = book.credit_ahead(on)
    paid = total(line.paid for line in ahead) + Split(interest=-credit, principal=credit + amount)
    in_period = first.accrues - window.rest_minor
    schedule = reschedule(
        basis.terms(book.terms, book.currency),
        book.outstanding - amount,
        after=first.number - basis.first_number,
        mode=mode,
        part_minor=basis.part,
        until=basis.left,
        balance_since=on,
        unpaid_interest_minor=max(0, _not_asked(book, first) - paid.interest),
        deferred=_deferred(book, basis, first, in_period),
    )
    new = _lines(schedule.instalments, book.version + 1, basis.first_number - 1)
    book.window = Window(on, first.due_date, new[0].accrues)
    new[0].accrues += in_period
    _keep_paid(new[0], paid)
    _keep_charges(book, ahead, new, on)
    _plan_collection(new, on, calendar)
    book.replace_lines(ahead, new)
    book.count_paid(Split(principal=amount))
    left = new[-1].number - basis.first_number + 1
    book.basis = replace(basis, part=schedule.part_minor, left=left).to_json()
    if mode is PrepaymentMode.REDUCE_EMI:
        book.emi = schedule.emi_minor


def _not_asked(book: LoanBook, first: Line) -> int:
    """The interest earned so far that no line before ``first`` asks for."""
    asked = sum(line.asked.interest for line in book.current() if line.number < first.number)
    return book.interest_accrued - asked


def _deferred(book: LoanBook, basis: Basis, first: Line, in_period: int) -> list[int]:
    """What each period of an interest moratorium has earned, while none of it is asked yet."""
    terms, index = basis.terms(book.terms, book.currency), first.number - basis.first_number
    if index > terms.interest_moratorium:
        return []
    numbers = range(basis.first_number, first.number)
    periods = [line.accrues for line in book.current() if line.number in numbers]
    return [*periods, in_period][: terms.interest_moratorium]


def _lines(rows: Sequence[Instalment], version: int, offset: int) -> list[Line]:
    return [
        Line(
            version=version,
            number=row.number + offset,
            period_start=row.start_date,
            due_date=row.due_date,
            opening=row.opening_balance_minor,
            asked=Split(
                fee=row.fee_minor, interest=row.interest_minor, principal=row.principal_minor
            ),
            fee_tax=row.fee_tax_minor,
            accrues=row.earned_minor,
        )
        for row in rows
    ]


def _keep_paid(line: Line, paid: Split) -> None:
    """Put what was paid ahead, now and earlier, into the next instalment, beside what it asks."""
    beside = Split(interest=paid.interest, principal=paid.principal)
    line.opening += beside.principal
    line.asked += beside
    line.paid += beside
    line.prepaid = beside.principal


def _keep_charges(book: LoanBook, old: Sequence[Line], new: Sequence[Line], on: date) -> None:
    """Charges, and what is paid of them, stay with their instalment, or with the last one."""
    keep_fees(book, old, new, on)
    by_number = {line.number: line for line in new}
    for line in old:
        keeper = by_number.get(line.number, new[-1])
        keeper.asked += Split(penalty=line.asked.penalty)
        keeper.paid += Split(line.paid.penalty, line.paid.fee)


def _plan_collection(lines: Sequence[Line], on: date, calendar: CollectionCalendar) -> None:
    """Each line that asks something is collected when it falls due; the others are paid."""
    for line in lines:
        if line.unpaid.total:
            line.next_attempt_on = calendar.adjust(line.due_date)
        else:
            line.paid_on = on
