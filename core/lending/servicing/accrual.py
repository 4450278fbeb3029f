"""Interest as it is earned day by day within an instalment's period.

The schedule says what a period's interest is; its days earn equal parts of it (the regulator's
"accrual on a daily basis"). What is booked by a day is a rounded running total, never a sum of
rounded days, so that a period's end books exactly the schedule's interest however many days were
closed one by one or at once.
"""

from dataclasses import dataclass
from datetime import date


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
