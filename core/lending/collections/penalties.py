"""What being late costs: a late fee once, and a penal charge by the day.

Reserve Bank of India, "Fair Lending Practice - Penal Charges in Loan Accounts" (2023): a penal
charge is levied on the amount in default only and is never capitalised, so it earns no further
charge or interest.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction

from core.lending.origination.products import ProductTerms, rounded_minor, share

DAYS_OF_YEAR = 365
# Percent with at most six decimals of a year of 365 days.
CARRIED_OVER = 100 * DAYS_OF_YEAR * 10**6


@dataclass(frozen=True, slots=True)
class LateFee:
    """A flat amount plus a share of the overdue instalment, after ``grace_days``."""

    grace_days: int
    flat_minor: int
    percent: Decimal

    @classmethod
    def of(cls, terms: ProductTerms, currency: str) -> "LateFee":
        """The product's late fee, in minor units of ``currency``."""
        flat_minor = rounded_minor(terms.late_fee, currency)
        return cls(terms.grace_days, flat_minor, terms.late_fee_percent)

    def amount_minor(self, overdue_minor: int) -> int:
        """The fee on an instalment of which ``overdue_minor`` is unpaid, half up."""
        return self.flat_minor + share(overdue_minor, self.percent)


def late_fee_falls_on(due_date: date, grace_days: int) -> date:
    """The first business date whose close charges the late fee: the day after the last of grace."""
    return due_date + timedelta(days=grace_days + 1)


def penal_charge(
    overdue_minor: int, rate_percent: Decimal, days: int, carried: int = 0
) -> tuple[int, int]:
    """The charge for ``days`` on the overdue interest and principal, and the fraction to carry.

    Simple interest at ``rate_percent`` a year of 365 days. Whole minor units are charged; the
    fraction is carried to the next day as a numerator over ``CARRIED_OVER``, exactly.
    """
    if overdue_minor < 0 or days < 0:
        raise ValueError("neither the overdue amount nor the days are negative")
    exact = Fraction(rate_percent) * overdue_minor * days / (100 * DAYS_OF_YEAR)
    return divmod(carried + int(exact * CARRIED_OVER), CARRIED_OVER)
