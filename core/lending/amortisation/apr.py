"""The annual percentage rate by the regulator's unit-period method.

Regulation Z (12 CFR 1026), Appendix J, (b): the rate i of a unit-period solves

    A = Σ_k P_k / ((1 + f_k·i) · (1 + i)^t_k)

where A is the amount advanced less the fee, and payment k comes t_k whole unit-periods and the
fraction f_k after the advance; the APR is i times the unit-periods in a year. Unit-periods are
counted back from the payment, what is left in days is over 30 for a month, 15 for a semimonth, 7
for a week.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Context, Decimal
from fractions import Fraction
from typing import Final

from core.lending.amortisation.day_count import is_broken
from core.lending.amortisation.due_dates import add_months, months_back
from core.lending.amortisation.terms import Frequency, TermsError
from core.lending.amortisation.yearly_rate import told_rate

_ARITHMETIC: Final = Context(prec=40)
_CLOSE: Final = Decimal("1e-24")


@dataclass(frozen=True, slots=True)
class UnitPeriods:
    """The time from the advance to the first payment, in unit-periods, and their number a year."""

    whole: int
    fraction: Fraction
    per_year: Fraction


def annual_percentage_rate(
    amount_minor: int,
    payments_minor: Sequence[int],
    *,
    advanced_on: date,
    first_payment_on: date,
    frequency: Frequency,
) -> Decimal | None:
    """Return the APR in percent as `told_rate` tells it.

    `amount_minor` is what the customer receives: the loan less the fee. The payments come one
    `frequency` apart. Raises `TermsError` where the payments never repay the amount.
    """
    if amount_minor <= 0 or sum(payments_minor) < amount_minor:
        raise TermsError("fee", "the payments do not repay what was received")
    if len(payments_minor) == 1:
        time = _single_payment(advanced_on, first_payment_on)
    else:
        time = unit_periods(advanced_on, first_payment_on, frequency)
    rate = _unit_period_rate(amount_minor, payments_minor, time)
    percent = rate * time.per_year.numerator * 100 / time.per_year.denominator
    return told_rate(percent)


def unit_periods(advanced_on: date, paid_on: date, frequency: Frequency) -> UnitPeriods:
    """Return the time between two days in unit-periods of `frequency`, counted back from the later.

    Appendix J (b)(5): months of 30 days for what is left over; weeks and days by the calendar. One
    regular period is one unit-period, as the 15th to the 31st of a semimonthly loan.
    """
    if frequency.months is None:
        whole, days = divmod((paid_on - advanced_on).days, frequency.every)
        per_year = Fraction(52 * 7 if frequency.every % 7 == 0 else 365, frequency.every)
        return UnitPeriods(whole, Fraction(days, frequency.every), per_year)
    per_year = 12 / frequency.months
    if not is_broken(advanced_on, paid_on, frequency):
        return UnitPeriods(1, Fraction(0), per_year)
    months = (paid_on.year - advanced_on.year) * 12 + paid_on.month - advanced_on.month
    if months_back(paid_on, months, advanced_on) < advanced_on:
        months -= 1
    days = (months_back(paid_on, months, advanced_on) - advanced_on).days
    whole, rest = divmod(months * 30 + days, int(frequency.months * 30))
    return UnitPeriods(whole, rest / (frequency.months * 30), per_year)


def _single_payment(advanced_on: date, paid_on: date) -> UnitPeriods:
    """Return the one unit-period of a single payment: the term, of a year at most.

    Whole months count as months, otherwise days over 365 (Appendix J (b)(4), (b)(5)).
    """
    if paid_on <= add_months(advanced_on, 12):
        months = (paid_on.year - advanced_on.year) * 12 + paid_on.month - advanced_on.month
        if months and add_months(advanced_on, months) == paid_on:
            return UnitPeriods(1, Fraction(0), Fraction(12, months))
        return UnitPeriods(1, Fraction(0), Fraction(365, (paid_on - advanced_on).days))
    years = paid_on.year - advanced_on.year
    if add_months(paid_on, -12 * years) < advanced_on:
        years -= 1
    rest = (add_months(paid_on, -12 * years) - advanced_on).days
    return UnitPeriods(years, Fraction(rest, 365), Fraction(1))


def _unit_period_rate(amount: int, payments: Sequence[int], time: UnitPeriods) -> Decimal:
    """Solve the equation by Newton's method from a rate of zero, where it is steepest.

    The present value is convex and falling in the rate, so the steps never overshoot.
    """
    divide, multiply = _ARITHMETIC.divide, _ARITHMETIC.multiply
    fraction = divide(Decimal(time.fraction.numerator), Decimal(time.fraction.denominator))
    rate = Decimal(0)
    for _ in range(200):
        discount = divide(Decimal(1), 1 + rate)
        power = _ARITHMETIC.power(discount, time.whole)
        value, weighted = Decimal(0), Decimal(0)
        for index, payment in enumerate(payments, time.whole):
            term = multiply(power, Decimal(payment))
            value = _ARITHMETIC.add(value, term)
            weighted = _ARITHMETIC.add(weighted, multiply(term, Decimal(index)))
            power = multiply(power, discount)
        odd = _ARITHMETIC.add(1, multiply(fraction, rate))
        present = divide(value, odd)
        slope = divide(multiply(weighted, discount), odd)
        slope = _ARITHMETIC.add(slope, divide(multiply(present, fraction), odd))
        step = divide(_ARITHMETIC.subtract(present, Decimal(amount)), slope)
        rate = _ARITHMETIC.add(rate, step)
        if abs(step) < _CLOSE:
            break
    return rate
