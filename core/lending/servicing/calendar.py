"""On which days the bank collects.

An instalment is collected on its due date, or on the next business day of the bank's calendar
where that is a holiday or weekend.
"""

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


@lru_cache(maxsize=64)
def _holidays(country: str, year: int) -> frozenset[date]:
    return frozenset(holidays.country_holidays(country, years=year))
