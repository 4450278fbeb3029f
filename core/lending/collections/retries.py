"""When an instalment is collected, and when again after it could not be.

An instalment is collected on its due date, or on the next business day of the bank's calendar
where that is a holiday or weekend. Attempts after the first follow the product's days, counted
from the first (Nacha's rules allow two re-presentments of a debit; the default policy tries three
times, on days +1, +3 and +7, and then leaves the loan to recovery).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache

import holidays

SATURDAY = 5
LONGEST_CLOSURE_DAYS = 30


@dataclass(frozen=True, slots=True)
class CollectionCalendar:
    """The days on which the bank collects. ``country`` empty: every day, as instant schemes do."""

    country: str = ""

    def __post_init__(self) -> None:
        if self.country and self.country not in holidays.list_supported_countries():
            raise ValueError(f"no holidays are known of the country {self.country!r}")

    def is_business_day(self, day: date) -> bool:
        """Whether the bank collects on ``day``."""
        if not self.country:
            return True
        return day.weekday() < SATURDAY and day not in _holidays(self.country, day.year)

    def adjust(self, day: date) -> date:
        """``day`` itself, or the next business day after it."""
        for ahead in range(LONGEST_CLOSURE_DAYS):
            candidate = day + timedelta(days=ahead)
            if self.is_business_day(candidate):
                return candidate
        raise ValueError(f"no business day within {LONGEST_CLOSURE_DAYS} days of {day}")


def next_attempt_on(
    first_attempt: date,
    attempts_made: int,
    retry_days: Sequence[int],
    today: date,
    calendar: CollectionCalendar,
) -> date | None:
    """The day of the next attempt after ``attempts_made``, or None when the policy is used up.

    Always after ``today``: two attempts never share a day, even where holidays or missed days
    push them together.
    """
    if attempts_made < 1:
        raise ValueError("the first attempt is made on the collection day itself")
    if attempts_made > len(retry_days):
        return None
    planned = first_attempt + timedelta(days=retry_days[attempts_made - 1])
    return calendar.adjust(max(planned, today + timedelta(days=1)))


@lru_cache(maxsize=64)
def _holidays(country: str, year: int) -> frozenset[date]:
    return frozenset(holidays.country_holidays(country, years=year))
