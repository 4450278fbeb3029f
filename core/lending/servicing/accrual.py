"""Interest as it is earned day by day within an instalment's period.

The schedule says what a period earns; its days earn equal parts of it (the regulator's "accrual on
a daily basis"), or under actual/actual each day in the measure of its own year: 1/365 or 1/366. A
day belongs to the year that it ends in, as in ``amortisation.day_count.year_fraction``. What is
earned by a day is a rounded running total, never a sum of rounded days, so that a period's end has
exactly the schedule's interest however many days were closed one by one or at once.

A loan's row is not written day by day: what it has earned by a day follows from its window, and a
day's income is booked for all loans at once (``accrue``). The rule stands here twice, side by side:
in Python for a loan in memory, and in SQL for the loans of a day, which by the hundred thousand are
not worth the way to Python and back (decision 0027). A property test holds the two together.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date
from typing import Final

from core.lending.amortisation import DayCount, Rounding
from core.lending.amortisation.rounding import round_ratio
from core.lending.origination.products import ProductTerms

# A year of actual/actual in units of which a day is a whole number in every year: a day of a common
# year is 366 of them, of a leap year 365.
_YEAR: Final = 365 * 366

# The same in SQL, of the end of the day {0} on the scale of years.
_YEARS: Final = """(
  extract(year FROM {0})::int * 133590 + extract(doy FROM {0})::int * (
    133590 / extract(doy FROM make_date(extract(year FROM {0})::int, 12, 31))::int
  )
)"""
_PART: Final = f"""(
  CASE WHEN by_year THEN {_YEARS.format("{day}")} - {_YEARS.format("period_start")}
       ELSE {{day}} - period_start END
)::bigint"""
_WHOLE: Final = f"""(
  CASE WHEN by_year THEN {_YEARS.format("period_end")} - {_YEARS.format("period_start")}
       ELSE period_end - period_start END
)::bigint"""
# ``earned`` of a row of ``loans`` at the end of {day}, of which nothing was earned where it is
# null. Divided first, so that no product grows too large.
EARNED_AT: Final = f"""
CASE WHEN {{day}} >= period_end THEN period_interest_minor
     WHEN {{day}} <= period_start THEN period_accrued_minor
     ELSE greatest(period_accrued_minor, period_interest_minor / {_WHOLE} * {_PART}
       + (2 * (period_interest_minor % {_WHOLE}) * {_PART} + {_WHOLE}) / (2 * {_WHOLE})) END
"""
# What stands in suspense of a row of ``loans`` that earned {amount} beyond what it counts. No more
# than is owed: what was paid ahead was income when it came in.
SUSPENDED_WITH: Final = """
CASE WHEN suspended_percent = 0 THEN interest_suspended_minor ELSE least(
  interest_suspended_minor + (({amount}) * suspended_percent + 50) / 100,
  greatest(interest_accrued_minor + {amount} - interest_paid_minor, 0)
) END
"""


@dataclass(frozen=True, slots=True)
class Window:
    """The days from ``start`` to ``end`` that earn ``interest_minor``; some is counted already."""

    start: date
    end: date
    interest_minor: int
    accrued_minor: int = 0

    def __post_init__(self) -> None:
        if not self.start <= self.end:
            raise ValueError("a window of interest ends after it starts")
        if not 0 <= self.accrued_minor <= self.interest_minor:
            raise ValueError("no more interest is booked than the window has")

    @property
    def rest_minor(self) -> int:
        """The interest that is not counted yet."""
        return self.interest_minor - self.accrued_minor


@dataclass(frozen=True, slots=True)
class Counted:
    """What the bank's books have of a loan's window as it stands on its row.

    The days ``through`` one (None: none) were booked for all loans together. The row does not say
    yet what that was: ``earned_minor``, of which ``suspended_minor`` went to suspense, where
    ``percent`` of what the loan earns goes.
    """

    through: date | None = None
    window: Window | None = None
    percent: int = 0
    earned_minor: int = 0
    suspended_minor: int = 0


NOT_COUNTED: Final = Counted()


def is_by_year(terms: ProductTerms) -> bool:
    """Whether a day's interest depends on the length of its year."""
    return terms.day_count is DayCount.ACTUAL_ACTUAL


def earned(window: Window, day: date, *, by_year: bool = False) -> int:
    """The running total of interest at the end of ``day``, half up; never less than is counted."""
    if day >= window.end:
        return window.interest_minor
    if day <= window.start:
        return window.accrued_minor
    part = _weight(window.start, day, by_year=by_year) * window.interest_minor
    total = round_ratio(part, _weight(window.start, window.end, by_year=by_year), Rounding.HALF_UP)
    return max(window.accrued_minor, total)


def suspended(amount_minor: int, percent: int) -> int:
    """The part of what was earned that goes to suspense, half up."""
    return (amount_minor * percent + 50) // 100


def advance(
    window: Window, later: Iterable[Window], day: date, *, by_year: bool = False
) -> tuple[int, Window | None]:
    """What ``window`` and those after it earn through ``day`` beyond what is counted.

    Answers with it the window that is open at the day's end, None after the last. ``later`` are the
    loan's other periods, in order; those before the end of ``window`` are passed over.
    """
    fresh, periods = 0, iter(later)
    while True:
        total = earned(window, day, by_year=by_year)
        fresh += total - window.accrued_minor
        if day < window.end:
            return fresh, replace(window, accrued_minor=total)
        end = window.end
        following = next((period for period in periods if period.start >= end), None)
        if following is None:
            return fresh, None
        window = following


def _weight(start: date, end: date, *, by_year: bool) -> int:
    """The days after ``start`` through ``end``, or what they are of a year, in ``_YEAR`` parts."""
    return _years(end) - _years(start) if by_year else (end - start).days


def _years(day: date) -> int:
    """The end of ``day`` on the scale of years."""
    length = (date(day.year, 12, 31) - date(day.year, 1, 1)).days + 1
    return (
        day.year * _YEAR + (day - date(day.year, 1, 1)).days * (_YEAR // length) + _YEAR // length
    )
