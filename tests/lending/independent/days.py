"""Due dates and parts of a year, counted day by day."""

import calendar
from datetime import date, timedelta
from fractions import Fraction

ONE_DAY = timedelta(days=1)
# A name, or so many days or months.
FREQUENCIES = {
    "monthly": ("months", 1),
    "quarterly": ("months", 3),
    "half_yearly": ("months", 6),
    "weekly": ("days", 7),
    "biweekly": ("days", 14),
}


def rhythm(frequency: object) -> tuple[str, int]:
    """The unit and the number of units of one period."""
    if isinstance(frequency, dict):
        return frequency["unit"], frequency["every"]
    return FREQUENCIES[str(frequency)]


def months_on(start: date, months: int) -> date:
    """So many months later, on the same day or the month's last."""
    year, month = divmod(start.year * 12 + start.month - 1 + months, 12)
    return date(year, month + 1, min(start.day, calendar.monthrange(year, month + 1)[1]))


def due_date(start: date, frequency: object, number: int) -> date:
    """When instalment ``number`` (from 1) falls due."""
    unit, every = rhythm(frequency)
    if unit == "days":
        return start + timedelta(days=every * number)
    return months_on(start, every * number)


def day_part(day: date, day_count: str) -> Fraction:
    """Which part of a year the day is that ends with ``day``'s close; not for months of 30/360."""
    if day_count == "actual/actual":
        return Fraction(1, 366 if calendar.isleap(day.year) else 365)
    return Fraction(1, {"30/360": 360, "actual/360": 360, "actual/364": 364}.get(day_count, 365))


def part_of_year(start: date, end: date, day_count: str) -> Fraction:
    """The days after ``start`` through ``end``, one by one."""
    days = ((start + timedelta(days=n)) for n in range(1, (end - start).days + 1))
    return sum((day_part(day, day_count) for day in days), Fraction(0))


def period_part(start: date, end: date, frequency: object, day_count: str) -> Fraction:
    """A whole period: months over twelve under 30/360, otherwise its days."""
    unit, every = rhythm(frequency)
    if day_count == "30/360" and unit == "months":
        return Fraction(every, 12)
    return part_of_year(start, end, day_count)


def within_period(
    start: date, end: date, since: date, frequency: object, day_count: str
) -> Fraction:
    """The part of a year from ``since`` to the end of the period from ``start`` to ``end``."""
    unit, every = rhythm(frequency)
    if day_count == "30/360" and unit == "months":
        return Fraction(every, 12) * Fraction((end - since).days, (end - start).days)
    return part_of_year(since, end, day_count)


def late_day_part(due: date, day: date, frequency: object, day_count: str) -> Fraction:
    """The part of a year of one day that overdue principal earns on.

    Under 30/360 in months a twelfth over the days of the month that holds the day, months counted
    from the due date.
    """
    if day_count != "30/360" or rhythm(frequency)[0] == "days":
        return day_part(day, day_count)
    month = 0
    while months_on(due, month + 1) < day:
        month += 1
    return Fraction(1, 12) / (months_on(due, month + 1) - months_on(due, month)).days
