"""Day counts: which part of a year a period is, exactly.

Interest belongs to the day on which it has been earned, so a period runs from the day after its
start through its due date. A whole period under 30/360 is its months over twelve, whatever the
calendar says; a part of one is the actual days over the period's actual days, as Fineract counts
it. Periods counted in days (weekly, every N days) are days over 360 there.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction

from core.lending.amortisation.due_dates import due_dates, months_between, natural_first_due
from core.lending.amortisation.terms import DayCount, Frequency, InterestPause, Terms

_YEAR_DAYS = {
    DayCount.THIRTY_360: 360,
    DayCount.ACTUAL_365: 365,
    DayCount.ACTUAL_364: 364,
    DayCount.ACTUAL_360: 360,
}
_ONE_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Period:
    """One period of interest; `months` is its length where it is counted in months."""

    number: int
    start: date
    due: date
    months: Fraction | None

    def years(
        self,
        day_count: DayCount,
        *,
        since: date | None = None,
        pauses: Iterable[InterestPause] = (),
    ) -> Fraction:
        """Return the part of a year from `since` or the start to the due date, less pauses."""
        spans = unpaused(max(since or self.start, self.start), self.due, pauses)
        if day_count is DayCount.THIRTY_360 and self.months is not None:
            days = sum((end - begin).days for begin, end in spans)
            return self.months / 12 * Fraction(days, (self.due - self.start).days)
        return sum((year_fraction(begin, end, day_count) for begin, end in spans), Fraction(0))


def periods(terms: Terms) -> list[Period]:
    """Return the loan's periods; only the first can be broken."""
    dates = due_dates(terms.start_date, terms.frequency, terms.instalments, terms.first_due_date)
    starts = [terms.start_date, *dates[:-1]]
    length = terms.frequency.months
    lengths = [length] * len(dates)
    if length is not None and is_broken(terms.start_date, dates[0], terms.frequency):
        lengths[0] = months_between(terms.start_date, dates[0])
    return [
        Period(number, start, due, months)
        for number, (start, due, months) in enumerate(zip(starts, dates, lengths, strict=True), 1)
    ]


def is_broken(start: date, first_due: date, frequency: Frequency) -> bool:
    """Tell whether the first instalment falls due other than one period after the start."""
    return first_due != natural_first_due(start, frequency)


def year_fraction(start: date, end: date, day_count: DayCount) -> Fraction:
    """Return the days from `start` to `end` as a part of a year, where no period is at hand.

    actual/actual parts the days at 31 December: days through it belong to the old year, the
    nights after it to the new one, each over its own length (Fineract's default). 30/360 counts
    actual days over 360.
    """
    if day_count is not DayCount.ACTUAL_ACTUAL:
        return Fraction((end - start).days, _YEAR_DAYS[day_count])
    total = Fraction(0)
    while start < end:
        boundary = date(start.year, 12, 31)
        if start == boundary:
            year, until = start.year + 1, min(end, date(start.year + 1, 12, 31))
        else:
            year, until = start.year, min(end, boundary)
        total += Fraction((until - start).days, _days_in_year(year))
        start = until
    return total


def unpaused(
    start: date, end: date, pauses: Iterable[InterestPause]
) -> Iterator[tuple[date, date]]:
    """Yield what is left of a span without the paused days.

    The interest of a day is earned in the night before it, so a pause from the 5th through the
    10th leaves out the six nights between the 4th and the 10th (Fineract's interest pause).
    """
    for pause in sorted(pauses, key=lambda pause: pause.first):
        begin, stop = pause.first - _ONE_DAY, pause.last
        if stop <= start or begin >= end:
            continue
        if begin > start:
            yield start, begin
        start = max(start, stop)
    if start < end:
        yield start, end


def _days_in_year(year: int) -> int:
    return (date(year, 12, 31) - date(year, 1, 1)).days + 1
