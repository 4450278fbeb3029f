"""The effective annual rate: the European Union's annual percentage rate of charge.

Directive 2008/48/EC, Annex I: the rate X solves

    Σ_k C_k · (1 + X)^-t_k = Σ_l D_l · (1 + X)^-s_l

with the drawdowns C, the repayments and charges D, and their times in years from the first
drawdown. Here there is one drawdown, at time zero.

A year has 365 days (366 for leap years), 52 weeks or 12 equal months (Annex I, remark (c)). What is
no whole number of these is counted backwards from the payment: whole periods first, then the days
that are left over the days of the year that ends with them (Directive 2014/17/EU, Annex I, (c)).
"""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from math import exp as e_to_the
from math import expm1, fsum, log1p
from typing import Final

from core.lending.amortisation.due_dates import add_months, months_back
from core.lending.amortisation.terms import Frequency, TermsError
from core.lending.amortisation.yearly_rate import HIGHEST_PERCENT, told_rate

_MOST_FORCE: Final = log1p(float(HIGHEST_PERCENT) / 100)
_CLOSE: Final = 1e-14
_MOST_STEPS: Final = 200


class Interval(StrEnum):
    """What the time to a payment is counted in, before the days that are left."""

    YEARS = "years"
    MONTHS = "months"
    WEEKS = "weeks"

    @classmethod
    def of(cls, frequency: Frequency) -> "Interval":
        """The interval in which payments of this frequency come."""
        if frequency.months is not None:
            return cls.MONTHS
        return cls.WEEKS if frequency.every % 7 == 0 else cls.YEARS


def effective_annual_rate(
    amount_minor: int,
    payments: Sequence[tuple[date, int]],
    *,
    advanced_on: date,
    interval: Interval,
) -> Decimal | None:
    """Return the rate in percent a year as `told_rate` tells it.

    `amount_minor` is what the customer receives: the loan less the fee. `payments` are the days and
    amounts of what is paid back. Raises `TermsError` where they never repay the amount.
    """
    if amount_minor <= 0 or sum(paid for _, paid in payments) < amount_minor:
        raise TermsError("fee", "the payments do not repay what was received")
    flows = [(float(years(advanced_on, due, interval)), paid) for due, paid in payments if paid]
    # A rate to six decimals and no amount of money: floating point has ten more.
    force = _force_of_interest(amount_minor, flows)
    # A rate far beyond is no floating-point number.
    return told_rate(Decimal(expm1(force)) * 100) if force <= _MOST_FORCE else None


def years(start: date, end: date, interval: Interval) -> Fraction:
    """Return the time between two days in years: whole intervals back from the later, then days."""
    if interval is Interval.WEEKS:
        weeks, days = divmod((end - start).days, 7)
        return Fraction(weeks, 52) + _days(start, days)
    step = 12 if interval is Interval.YEARS else 1
    count = ((end.year - start.year) * 12 + end.month - start.month) // step
    while months_back(end, count * step, start) < start:
        count -= 1
    rest = (months_back(end, count * step, start) - start).days
    return Fraction(count * step, 12) + _days(start, rest)


def _days(start: date, count: int) -> Fraction:
    """`count` days from `start`, over the days of the year that ends with the last of them."""
    if not count:
        return Fraction(0)
    last = date.fromordinal(start.toordinal() + count)
    return Fraction(count, (last - add_months(last, -12)).days)


def _force_of_interest(amount: int, flows: Sequence[tuple[float, int]]) -> float:
    """Solve Σ D·e^(-y·s) = amount for y = ln(1 + X) by Newton's method from zero.

    The sum is convex and falling in y, so the steps never overshoot.
    """
    force = 0.0
    for _ in range(_MOST_STEPS):
        present = [(time, paid * e_to_the(-force * time)) for time, paid in flows]
        slope = fsum(time * value for time, value in present)
        step = (fsum(value for _, value in present) - amount) / slope
        force += step
        if abs(step) < _CLOSE:
            break
    return max(force, 0.0)
