"""What a day's end adds to a loan that is late: late interest, the late fee and the penal charge.

Pure, on the loan's book: the business day closes late loans with it, and a loan's life is replayed
with it. Overdue is what the collection day's close leaves unpaid; being late costs from the day
after, though what goes by days counts them from the due date (the late interest) or the end of the
days of grace (the penal charge). A day that was charged for is not charged for again, and days that
were missed are, by what is unpaid now.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from core.lending.collections.delinquency import days_past_due, is_late
from core.lending.collections.penalties import LateFee, late_fee_falls_on, penal_charge
from core.lending.origination.fees import overdue_fees, sum_of
from core.lending.servicing import suspense
from core.lending.servicing.allocation import Split, total
from core.lending.servicing.calendar import CollectionCalendar
from core.lending.servicing.late_interest import earn_late
from core.lending.servicing.line_fees import ask_now
from core.lending.servicing.loan_book import Line, LoanBook

_ONE_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class LineCharges:
    """What one overdue instalment was charged at a day's end, in minor units; any may be 0.

    ``suspended`` of it is no income yet (``servicing.suspense``).
    """

    line: Line
    late_interest: int
    late_fee: int
    penal: int
    suspended: Split

    @property
    def split(self) -> Split:
        """The late interest as interest, the late fee and the penal charge as penalty."""
        return Split(penalty=self.late_fee + self.penal, interest=self.late_interest)

    def by_kind(self) -> Iterator[tuple[str, int]]:
        """The charges by what ``loan_charges`` calls them."""
        yield "late_interest", self.late_interest
        yield "late_fee", self.late_fee
        yield "penal", self.penal


@dataclass(frozen=True, slots=True)
class DayCharges:
    """What a loan was charged at a day's end, and how late it is then.

    ``newly_late`` are the instalments that no earlier day's end found late.
    """

    dpd: int
    lines: tuple[LineCharges, ...] = ()
    newly_late: tuple[Line, ...] = ()

    @property
    def total(self) -> Split:
        """What all instalments were charged: late interest, and late fees and penal charges."""
        return total(each.split for each in self.lines)

    @property
    def suspended(self) -> Split:
        """What of it goes to suspense."""
        return total(each.suspended for each in self.lines)


def close_day(book: LoanBook, day: date, calendar: CollectionCalendar) -> DayCharges:
    """Charge the loan at the close of ``day`` for what is late; needs what is due by then loaded.

    Changes the lines and ``interest_accrued`` of the book. What the charges are in the ledger, and
    what the days past due make of the loan, is the caller's.
    """
    due = book.due(day)
    late = [line for line in due if is_late(line.due_date, day, calendar)]
    newly_late = tuple(line for line in late if line.late_to is None)
    yesterday = day - _ONE_DAY
    charged = tuple(
        _charge(book, line, day) for line in late if is_late(line.due_date, yesterday, calendar)
    )
    for line in newly_late:
        if line.late_to is None:
            line.late_to = line.due_date
            line.recharged = book.changed = True
    oldest = due[0].due_date if due else None
    return DayCharges(days_past_due(oldest, day, calendar), charged, newly_late)


def _charge(book: LoanBook, line: Line, day: date) -> LineCharges:
    overdue, late_before = _overdue(line), line.late_interest
    late_interest = earn_late(book, [line], day)
    late_fee = _once(book, line, overdue, day)
    penal = _penal(book, line, overdue, day)
    if late_fee or penal:
        line.asked += Split(penalty=late_fee + penal)
    line.recharged = book.changed = True
    charged = Split(penalty=late_fee + penal, interest=late_interest)
    suspended = suspense.charge(book, charged, late_before)
    return LineCharges(line, late_interest, late_fee, penal, suspended)


def _overdue(line: Line) -> int:
    """The unpaid principal and interest that the schedule asks, which bears charges.

    What late interest and charges are unpaid bears none. What was paid of the interest settled the
    schedule's before the late interest.
    """
    interest = line.asked.interest - line.late_interest - line.paid.interest
    return line.unpaid.principal + max(0, interest)


def _once(book: LoanBook, line: Line, overdue: int, day: date) -> int:
    """What is charged once: the late fee, which it answers, and the product's overdue charges."""
    grace = book.terms.grace_days
    if line.late_fee_on is not None or day < late_fee_falls_on(line.due_date, grace):
        return 0
    line.late_fee_on = day
    if not overdue:
        return 0
    fees = overdue_fees(book.terms, overdue, book.currency)
    if fees:
        ask_now(book, line, sum_of(fees), day)
    return LateFee.of(book.terms, book.currency).amount_minor(overdue)


def _penal(book: LoanBook, line: Line, overdue: int, day: date) -> int:
    terms = book.terms
    since = line.penal_to or line.due_date + timedelta(days=terms.grace_days)
    line.penal_to = max(since, day)
    days = (line.penal_to - since).days
    penal, line.penal_carried = penal_charge(
        overdue, terms.penal_rate, days, terms.rounding, line.penal_carried
    )
    return penal
