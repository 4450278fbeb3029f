"""Due dates: a loan keeps its anchor day, 31 January → 28 February → 31 March."""

from calendar import monthrange
from datetime import date, timedelta
from fractions import Fraction

from core.lending.amortisation.terms import Frequency, TermsError, Unit

MONTH_END = 31


def due_dates(
    start: date, frequency: Frequency, count: int, first_due: date | None = None
) -> list[date]:
    """Return `count` due dates, strictly increasing.

    The anchor is the start's day of the month; a `first_due` that is not one period after the
    start brings its own. Raises `TermsError` where the calendar ends (year 9999).
    """
    try:
        return _due_dates(start, frequency, count, first_due)
    except (OverflowError, ValueError) as error:
        raise TermsError("start_date", "the last instalment falls due after the year 9999") from (
            error
        )


def natural_first_due(start: date, frequency: Frequency) -> date:
    """Return the day one whole period after `start`."""
    if frequency.unit is Unit.DAYS:
        return start + timedelta(days=frequency.every)
    if frequency.unit is Unit.MONTHS:
        return add_months(start, frequency.every)
    return _next_half_month(start, _half_month_days(start))


def add_months(day: date, months: int, anchor: int | None = None) -> date:
    """Return the day `months` later, on the `anchor` day or a shorter month's last."""
    index = day.year * 12 + day.month - 1 + months
    year, month = divmod(index, 12)
    return date(year, month + 1, min(anchor or day.day, monthrange(year, month + 1)[1]))


def months_back(day: date, months: int, anchor: date) -> date:
    """Return the day `months` earlier; a month's last day answers to a later anchor's day."""
    month_end = add_months(day, 0, MONTH_END) == day
    return add_months(day, -months, max(day.day, anchor.day) if month_end else None)


def months_between(start: date, end: date) -> Fraction:
    """Return whole months from `start`, then actual days over the month they fall in.

    15 January to 1 February is 17/31 of a month: Fineract's period ratio for 30-day months
    (`ProgressiveEMICalculator.calculatePeriodRatio`).
    """
    whole = (end.year - start.year) * 12 + end.month - start.month
    if add_months(start, whole) > end:
        whole -= 1
    reached = add_months(start, whole)
    length = add_months(start, whole + 1) - reached
    return whole + Fraction((end - reached).days, length.days)


def _due_dates(start: date, frequency: Frequency, count: int, first_due: date | None) -> list[date]:
    natural = natural_first_due(start, frequency)
    first = first_due or natural
    base = start if first == natural else first
    if frequency.unit is Unit.DAYS:
        return [first + timedelta(days=frequency.every * index) for index in range(count)]
    if frequency.unit is Unit.MONTHS:
        step = frequency.every
        return [add_months(first, step * index, base.day) for index in range(count)]
    return _half_months(first, _half_month_days(base), count)


def _half_months(first: date, days: tuple[int, int], count: int) -> list[date]:
    dates = [first]
    while len(dates) < count:
        dates.append(_next_half_month(dates[-1], days))
    return dates


def _half_month_days(day: date) -> tuple[int, int]:
    """Return the pair of days a semimonthly loan falls due on: 1 and 16, 15 and the month's end."""
    if day.day == 15 or day.day == monthrange(day.year, day.month)[1]:
        return 15, MONTH_END
    return (day.day, day.day + 15) if day.day < 15 else (day.day - 15, day.day)


def _next_half_month(day: date, days: tuple[int, int]) -> date:
    last = monthrange(day.year, day.month)[1]
    for candidate in days:
        if day.day < min(candidate, last):
            return day.replace(day=min(candidate, last))
    return add_months(day, 1, days[0])
