"""The terms of a loan as the amortisation reads them: values, never text from outside.

Money is in integer minor units, rates are `Decimal` percent a year, so that a currency's exponent
matters only to whoever converts an amount. Terms that make no sense raise `TermsError`, which names
the field.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from typing import Final

MAX_INSTALMENTS: Final = 3_660
MAX_ANNUAL_RATE: Final = Decimal(10_000)


class TermsError(ValueError):
    """Terms that cannot be amortised; `field` is the one to correct."""

    def __init__(self, field_name: str, message: str) -> None:
        super().__init__(message)
        self.field = field_name
        self.message = message


class Method(StrEnum):
    """How principal and interest share the instalments."""

    REDUCING = "reducing"
    FLAT = "flat"
    EQUAL_PRINCIPAL = "equal_principal"
    BULLET = "bullet"


class DayCount(StrEnum):
    """How the days of a period become a part of a year."""

    THIRTY_360 = "30/360"
    ACTUAL_365 = "actual/365"
    ACTUAL_364 = "actual/364"
    ACTUAL_360 = "actual/360"
    ACTUAL_ACTUAL = "actual/actual"


class Rounding(StrEnum):
    """One mode for instalment and interest."""

    HALF_UP = "half_up"
    HALF_EVEN = "half_even"
    UP = "up"
    DOWN = "down"


class PrepaymentMode(StrEnum):
    """What a prepayment shortens: the tenor (EMI stays) or the EMI (tenor stays)."""

    REDUCE_TENURE = "reduce_tenure"
    REDUCE_EMI = "reduce_emi"


class Unit(StrEnum):
    """What a frequency counts."""

    DAYS = "days"
    HALF_MONTHS = "half_months"
    MONTHS = "months"


@dataclass(frozen=True, slots=True)
class Frequency:
    """One instalment every `every` units; half months only one by one."""

    every: int
    unit: Unit

    def __post_init__(self) -> None:
        if not 1 <= self.every <= 366:
            raise TermsError("frequency", "an instalment falls due every 1 to 366 days or months")
        if self.unit is Unit.MONTHS and self.every > 12:
            raise TermsError("frequency", "an instalment falls due every 1 to 12 months")
        if self.unit is Unit.HALF_MONTHS and self.every != 1:
            raise TermsError("frequency", "semimonthly instalments fall due every half month")

    @property
    def months(self) -> Fraction | None:
        """The length of a period in months; None where periods are counted in days."""
        if self.unit is Unit.DAYS:
            return None
        return Fraction(self.every, 2 if self.unit is Unit.HALF_MONTHS else 1)


MONTHLY: Final = Frequency(1, Unit.MONTHS)
SEMIMONTHLY: Final = Frequency(1, Unit.HALF_MONTHS)
WEEKLY: Final = Frequency(7, Unit.DAYS)
BIWEEKLY: Final = Frequency(14, Unit.DAYS)
QUARTERLY: Final = Frequency(3, Unit.MONTHS)
HALF_YEARLY: Final = Frequency(6, Unit.MONTHS)

FREQUENCIES: Final[Mapping[str, Frequency]] = {
    "monthly": MONTHLY,
    "semimonthly": SEMIMONTHLY,
    "weekly": WEEKLY,
    "biweekly": BIWEEKLY,
    "quarterly": QUARTERLY,
    "half_yearly": HALF_YEARLY,
}


@dataclass(frozen=True, slots=True)
class Prepayment:
    """Principal paid together with instalment `number`, beyond what that instalment asks."""

    number: int
    amount_minor: int
    mode: PrepaymentMode = PrepaymentMode.REDUCE_TENURE


@dataclass(frozen=True, slots=True)
class InterestPause:
    """Days without interest, `first` and `last` both included."""

    first: date
    last: date

    def __post_init__(self) -> None:
        if self.last < self.first:
            raise TermsError("interest_pauses", "a pause ends on or after the day it begins")


@dataclass(frozen=True, slots=True)
class FeeRule:
    """A fee: `flat_minor` and `percent` of what it is charged on, and `tax_percent` on top."""

    flat_minor: int = 0
    percent: Decimal = Decimal(0)
    tax_percent: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True)
class Terms:
    """Everything that decides a schedule.

    `annual_rate` is percent a year (`Decimal("9.25")`). `rounding_unit_minor` is the instalment's
    alone; interest rounds to the minor unit. Moratoria count instalments. `fee_minor` is taken from
    the disbursement: it changes the APR, never an instalment. `instalment_fees` are asked with each
    instalment that asks anything, on its principal and interest.
    """

    principal_minor: int
    annual_rate: Decimal
    instalments: int
    start_date: date
    first_due_date: date | None = None
    method: Method = Method.REDUCING
    frequency: Frequency = MONTHLY
    day_count: DayCount = DayCount.THIRTY_360
    rounding: Rounding = Rounding.HALF_UP
    rounding_unit_minor: int = 1
    smoothing: bool = False
    moratorium: int = 0
    interest_moratorium: int = 0
    fee_minor: int = 0
    prepayments: tuple[Prepayment, ...] = field(default=())
    interest_pauses: tuple[InterestPause, ...] = field(default=())
    instalment_fees: tuple[FeeRule, ...] = field(default=())

    def __post_init__(self) -> None:
        self._check_amounts()
        self._check_times()
        self._check_prepayments()

    def _check_amounts(self) -> None:
        if self.principal_minor <= 0:
            raise TermsError("amount", "a loan is more than nothing")
        if not self.annual_rate.is_finite() or not 0 <= self.annual_rate <= MAX_ANNUAL_RATE:
            raise TermsError("interest_rate", f"a rate is 0 to {MAX_ANNUAL_RATE} percent a year")
        if self.rounding_unit_minor < 1:
            raise TermsError("rounding_unit", "instalments round to the minor unit or more")
        if not 0 <= self.fee_minor < self.principal_minor:
            raise TermsError("fee", "the fee is taken from the disbursement and leaves some of it")

    def _check_times(self) -> None:
        if not 1 <= self.instalments <= MAX_INSTALMENTS:
            raise TermsError("number_of_instalments", f"1 to {MAX_INSTALMENTS} instalments")
        if self.first_due_date is not None and self.first_due_date <= self.start_date:
            raise TermsError("first_due_date", "the first instalment falls due after the start")
        for name, count in (
            ("moratorium_months", self.moratorium),
            ("interest_moratorium_months", self.interest_moratorium),
        ):
            if not 0 <= count < self.instalments:
                raise TermsError(name, "a moratorium ends before the last instalment")

    def _check_prepayments(self) -> None:
        for prepayment in self.prepayments:
            if prepayment.amount_minor <= 0:
                raise TermsError("prepayments", "a prepayment is more than nothing")
            if not 1 <= prepayment.number <= self.instalments:
                raise TermsError("prepayments", "a prepayment comes with one of the instalments")


def instalments_for_months(frequency: Frequency, months: int, *, field_name: str) -> int:
    """Return how many instalments `months` hold: 12 months are 4 quarterly, 24 semimonthly ones.

    Weeks count 52 to a year and days 365; what is left over rounds half up (1 month: 4 weekly
    instalments, 6 months: 26). Months that are not whole periods raise `TermsError(field_name)`.
    """
    period = frequency.months
    if period is not None:
        count = Fraction(months) / period
        if count.denominator != 1:
            raise TermsError(field_name, f"{months} months are not whole periods of {period}")
        return int(count)
    days_a_year = 364 if frequency.every % 7 == 0 else 365
    exact = Fraction(months * days_a_year, 12 * frequency.every)
    return max(int(exact + Fraction(1, 2)), 1 if months else 0)
