"""Interest that principal goes on earning while it is overdue (a product's ``overdue_interest``).

The schedule's interest ends with an instalment's period, at its due date. Principal that is not
paid then stays lent, so it goes on earning the contract rate: by the day, on what is unpaid at the
day's close, from the due date on. Otherwise being late would cost less than being on time. It bears
no interest itself and no penal charge: "There shall be no capitalisation of penal charges i.e., no
further interest computed on such charges. However, this will not affect the normal procedures for
compounding of interest in the loan account" (Reserve Bank of India, "Fair Lending Practice - Penal
Charges in Loan Accounts", 18 August 2023). Apache Fineract calls the same rule "interest
recalculation until paid", simple, on overdue principal only.

A day's part of a year is the product's day count. 30/360 with periods in months has months of a
twelfth, counted from the instalment's due date: a day is that over the actual days of its month, so
that a month late costs a twelfth of the rate to the last minor unit.
"""

from collections.abc import Iterable
from datetime import date, timedelta
from math import lcm
from typing import Final

from core.lending.amortisation import DayCount, Rounding, Unit, add_months
from core.lending.amortisation.rounding import round_ratio
from core.lending.origination.charges import RATE_DECIMALS
from core.lending.origination.products import ProductTerms
from core.lending.servicing.allocation import Split
from core.lending.servicing.loan_book import Line, LoanBook

# A year in units of which a day is a whole number under every day count.
YEAR: Final = lcm(360, 364, 365, 366, *(12 * days for days in (28, 29, 30, 31)))
# The denominator of ``Line.late_carried``, of minor units.
OVER: Final = YEAR * 100 * 10**RATE_DECIMALS

_FIXED = {DayCount.ACTUAL_365: 365, DayCount.ACTUAL_364: 364, DayCount.ACTUAL_360: 360}
_ONE_DAY = timedelta(days=1)


def earn_late(book: LoanBook, lines: Iterable[Line], through: date) -> int:
    """Add what the principal of ``lines``, overdue since their due dates, earned ``through`` a day.

    Answers the interest in minor units, which the caller has to book: it is on the lines, earned
    and due. What was added for an earlier day is not added again.
    """
    if not book.terms.overdue_interest:
        return 0
    return sum(_earn(book, line, through) for line in lines)


def part_of_year(terms: ProductTerms, due: date, after: date, through: date) -> int:
    """The days after ``after`` through ``through``, both not before ``due``, in units of ``YEAR``.

    A day of actual/actual belongs to its own year, as in ``day_count.year_fraction``.
    """
    days = (through - after).days
    if terms.day_count in _FIXED:
        return days * YEAR // _FIXED[terms.day_count]
    if terms.day_count is DayCount.ACTUAL_ACTUAL:
        return sum(YEAR // _days_of_year(after + _ONE_DAY * n) for n in range(1, days + 1))
    if terms.schedule_frequency().unit is Unit.DAYS:
        return days * YEAR // 360
    return _months(due, through) - _months(due, after)


def _earn(book: LoanBook, line: Line, through: date) -> int:
    after = line.late_to or line.due_date
    principal = line.unpaid.principal
    if through <= after:
        return 0
    years = part_of_year(book.terms, line.due_date, after, through)
    # In millionths of a percent, so that everything below is a whole number.
    rate = int(book.rate.scaleb(RATE_DECIMALS))
    total = line.late_carried + principal * rate * years
    fresh = _rounded(total) - _rounded(line.late_carried)
    line.late_to, line.late_carried = through, total
    line.late_interest += fresh
    line.asked += Split(interest=fresh)
    line.recharged = True
    book.interest_accrued += fresh
    book.reshaped = book.changed = True
    return fresh


def _rounded(exact: int) -> int:
    """A running total in whole minor units, half up; what a day adds is the difference of two."""
    return round_ratio(exact, OVER, Rounding.HALF_UP)


def _months(due: date, day: date) -> int:
    """The months from ``due`` to ``day``, the last one by its days, in units of ``YEAR``."""
    whole = (day.year - due.year) * 12 + day.month - due.month
    if add_months(due, whole) > day:
        whole -= 1
    reached = add_months(due, whole)
    length = (add_months(due, whole + 1) - reached).days
    return whole * YEAR // 12 + (day - reached).days * (YEAR // (12 * length))


def _days_of_year(day: date) -> int:
    return (date(day.year + 1, 1, 1) - date(day.year, 1, 1)).days
