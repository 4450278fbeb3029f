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

_NOTHING = Split()


def start_schedule(
    book: LoanBook,
    basis: Basis,
    calendar: CollectionCalendar,
    *,
    carried: Split = _NOTHING,
    replaced: Sequence[Line] = (),
) -> None:
    """Give ``book`` the schedule of ``basis`` in the place of the lines ``replaced``.

    Its first line also asks ``carried``: earned interest and charges that an older schedule left
    unpaid, which earn nothing further.
    """
    schedule = generate(basis.terms(book.terms, book.currency))
    rows = schedule.instalments
    lines = _lines(rows, book.version + 1, basis.first_number - 1)
    lines[0].asked += carried
    _plan_collection(lines, basis.start, calendar)
    book.replace_lines(replaced, lines)
    book.disbursed_on = book.disbursed_on or basis.start
    book.basis = replace(basis, part=schedule.part_minor).to_json()
    book.emi = schedule.emi_minor
    book.window = Window(rows[0].start_date, rows[0].due_date, rows[0].earned_minor)


def prepay(
    book: LoanBook, amount: int, mode: PrepaymentMode, on: date, calendar: CollectionCalendar
) -> None:
    """Pay ``amount`` of principal ahead of time and lay out anew what is not due yet.

    Interest must be earned to ``on`` and nothing may be due; ``amount`` is less than the principal
    outstanding. The prepayment counts as principal of the next instalment that is not paid, as in
    the amortisation's own prepayments. Instalments that are paid in advance stay paid; interest
    paid for time that has not passed repays principal. From ``on``, interest is earned on what is
    left, and asked with the next instalment. What is earned and not asked yet stays owed: it falls
    due with the next instalment that pays interest.
    """
    window = book.window
    if window is None:
        raise ValueError("a loan with instalments to come earns interest")
    basis = Basis.from_json(book.basis or "{}")
    kept, old = _paid_in_advance(book, basis, on)
    first = old[0]
    credit = book.credit_ahead(on)
    ahead = total(line.paid for line in old)
    own = min(credit, ahead.interest)
    paid = ahead + Split(interest=-own, principal=own + amount)
    kept_now = _credited(kept, credit - own, window, book.version + 1)
    earlier = [line for line in book.current() if line.number < (kept or old)[0].number]
    before = earlier + kept_now
    in_period = _earned_by(first, window)
    schedule = reschedule(
        basis.terms(book.terms, book.currency),
        book.outstanding - amount,
        after=first.number - basis.first_number,
        mode=mode,
        part_minor=basis.part,
        until=basis.left,
        balance_since=on,
        unpaid_interest_minor=max(0, _not_asked(book, before) - paid.interest),
        deferred=_deferred(book, basis, before, in_period),
    )
    new = _lines(schedule.instalments, book.version + 1, basis.first_number - 1)
    book.window = Window(on, first.due_date, new[0].accrues)
    new[0].accrues += in_period
    _keep_paid(new[0], paid)
    _keep_charges(book, old, new, on)
    _plan_collection(new, on, calendar)
    book.replace_lines([*kept, *old], [*kept_now, *new])
    book.count_paid(Split(principal=amount))
    left = new[-1].number - basis.first_number + 1
    book.basis = replace(basis, part=schedule.part_minor, left=left).to_json()
    if mode is PrepaymentMode.REDUCE_EMI:
        book.emi = schedule.emi_minor


def _paid_in_advance(book: LoanBook, basis: Basis, on: date) -> tuple[list[Line], list[Line]]:
    """The next instalments that are paid in advance, and those from the first that is not.

    One that asks nothing, in a moratorium or beside a prepayment, is not paid. What an older
    schedule was folded into is no instalment of this one, whatever date it carries.
    """
    ahead = [line for line in book.ahead(on) if line.number >= basis.first_number]
    count = 0
    while (
        count < len(ahead)
        and ahead[count].paid_on
        and ahead[count].paid.total > (ahead[count].prepaid)
    ):
        count += 1
    return ahead[:count], ahead[count:]


def _credited(kept: Sequence[Line], credit: int, window: Window, version: int) -> list[Line]:
    """``kept`` once more, earning nothing from now on; ``credit`` of the interest paid on them is
    principal instead, the latest first."""
    moves, left = dict[int, int](), credit
    for line in reversed(kept):
        moves[line.number] = min(left, line.paid.interest)
        left -= moves[line.number]
    again, shifted = list[Line](), 0
    for line in kept:
        moved = Split(interest=-moves[line.number], principal=moves[line.number])
        again.append(
            replace(
                line,
                version=version,
                opening=line.opening - shifted,
                asked=line.asked + moved,
                paid=line.paid + moved,
                accrues=_earned_by(line, window),
            )
        )
        shifted += moved.principal
    return again


def _earned_by(line: Line, window: Window) -> int:
    """What the line's period has earned when ``window`` is the one that earns now."""
    if line.due_date == window.end:
        return line.accrues - window.rest_minor
    return line.accrues if line.due_date < window.end else 0


def _not_asked(book: LoanBook, before: Sequence[Line]) -> int:
    """The interest earned so far that none of the lines ``before`` asks for."""
    return book.interest_accrued - total(line.asked for line in before).interest


def _deferred(book: LoanBook, basis: Basis, before: Sequence[Line], in_period: int) -> list[int]:
    """What each period of an interest moratorium has earned, while none of it is asked yet."""
    terms = basis.terms(book.terms, book.currency)
    periods = [line.accrues for line in before if line.number >= basis.first_number]
    if len(periods) > terms.interest_moratorium:
        return []
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
