"""Interest as it is earned day by day within an instalment's period.

The schedule says what a period's interest is; its days earn equal parts of it (the regulator's
"accrual on a daily basis"). What is booked by a day is a rounded running total, never a sum of
rounded days, so that a period's end books exactly the schedule's interest however many days were
closed one by one or at once.

The rule stands here twice, side by side: in Python for a loan in memory, and in SQL for the loans
of a day, which by the hundred thousand are not worth the way to Python and back (decision 0027). A
property test holds the two together.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date
from typing import Final

# ``earned`` of a row of ``loans`` at the end of the day $3.
EARNED: Final = """
CASE WHEN period_end <= $3 THEN period_interest_minor
     ELSE greatest(period_accrued_minor, (
       2 * period_interest_minor * greatest(0, $3::date - period_start)
       + (period_end - period_start)
     ) / (2 * (period_end - period_start))) END
"""


@dataclass(frozen=True, slots=True)
class Window:
    """The days from ``start`` to ``end`` that earn ``interest_minor``; some is booked already."""

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
        """The interest that is not booked yet."""
        return self.interest_minor - self.accrued_minor


def earned(window: Window, day: date) -> int:
    """The running total of interest at the end of ``day``, half up; never less than is booked."""
    if day >= window.end:
        return window.interest_minor
    days = (window.end - window.start).days
    elapsed = max(0, (day - window.start).days)
    linear = (2 * window.interest_minor * elapsed + days) // (2 * days)
    return max(window.accrued_minor, linear)


def advance(window: Window, later: Iterable[Window], day: date) -> tuple[int, Window | None]:
    """What ``window`` and those after it earn through ``day`` beyond what is booked.

    Answers with it the window that is open at the day's end, None after the last. ``later`` are the
    loan's other periods, in order; those before the end of ``window`` are passed over.
    """
    fresh, periods = 0, iter(later)
    while True:
        booked = earned(window, day)
        fresh += booked - window.accrued_minor
        if day < window.end:
            return fresh, replace(window, accrued_minor=booked)
        end = window.end
        following = next((period for period in periods if period.start >= end), None)
        if following is None:
            return fresh, None
        window = following
