"""A loan's schedule: the first one at disbursal, and those that replace it."""

from collections.abc import Sequence
from datetime import date

from core.lending.amortisation import Instalment, PrepaymentMode, generate, reschedule
from core.lending.origination.basis import Basis
from core.lending.servicing.accrual import Window
from core.lending.servicing.allocation import Split
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
    offset = basis.first_number - 1
    lines = _lines(rows, book.version + 1, offset, on, calendar)
    lines[0].asked += carried
    if lines[0].asked.total:
        lines[0].paid_on = None
    book.replace_lines(book.upcoming(date.min), lines)
    book.basis = basis.to_json()
    book.emi = schedule.emi_minor
    book.window = Window(rows[0].start_date, rows[0].due_date, rows[0].interest_minor)


def prepay(
    book: LoanBook, amount: int, mode: PrepaymentMode, on: date, calendar: CollectionCalendar
) -> None:
    """Pay ``amount`` of principal ahead of time and lay out anew what is left.

    Interest must be earned to ``on`` and nothing may be due; ``amount`` is less than the
    principal outstanding. The prepayment counts as principal of the next instalment, as in the
    amortisation's own prepayments. Interest earned before today falls due with that instalment.
    """
    old = book.upcoming(on)
    first = old[0]
    basis = Basis.from_json(book.basis or "{}")
    inside = book.window is not None and book.window.end == first.due_date
    earned = first.asked.interest - book.window.rest_minor if inside and book.window else 0
    schedule = reschedule(
        basis.terms(book.terms, book.currency),
        book.outstanding - amount,
        after=first.number - basis.first_number,
        mode=mode,
        part_minor=book.emi,
        balance_since=max(on, first.period_start),
        unpaid_interest_minor=max(0, earned),
    )
    new = _lines(schedule.instalments, book.version + 1, basis.first_number - 1, on, calendar)
    keep_fees(old, new)
    _count_prepayment(new[0], first, amount, on)
    if inside:
        book.window = Window(on, first.due_date, max(0, new[0].asked.interest - earned))
    book.replace_lines(old, new)
    book.count_paid(Split(principal=amount))
    if mode is PrepaymentMode.REDUCE_EMI:
        book.emi = schedule.emi_minor


def _lines(
    rows: Sequence[Instalment], version: int, offset: int, on: date, calendar: CollectionCalendar
) -> list[Line]:
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
            next_attempt_on=calendar.adjust(row.due_date) if row.total_minor else None,
            paid_on=None if row.total_minor else on,
            accrues=row.earned_minor,
        )
        for row in rows
    ]


def _count_prepayment(line: Line, before: Line, amount: int, on: date) -> None:
    """Put what was paid ahead, now and earlier, into the next instalment."""
    ahead = before.paid.principal + amount
    interest = max(line.asked.interest, before.paid.interest)
    line.opening += ahead
    line.asked = Split(before.asked.penalty, line.asked.fee, interest, line.asked.principal + ahead)
    line.prepaid = before.prepaid + amount
    line.paid = Split(before.paid.penalty, before.paid.fee, before.paid.interest, ahead)
    if line.paid == line.asked:
        line.paid_on = on
        line.next_attempt_on = None
