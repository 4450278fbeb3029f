"""What being late costs: a late fee once, and a penal charge by the day.

Reserve Bank of India, "Fair Lending Practice - Penal Charges in Loan Accounts" (2023): a penal
charge is levied on the amount in default only and is never capitalised, so it earns no further
charge or interest.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Final

from core.lending.amortisation import Rounding
from core.lending.amortisation.rounding import round_ratio
from core.lending.origination.charges import RATE_DECIMALS
from core.lending.origination.products import ProductTerms, rounded_minor, share

DAYS_OF_YEAR: Final = 365
# The denominator of ``Line.penal_carried``, of minor units.
EXACT_OVER: Final = 100 * DAYS_OF_YEAR * 10**RATE_DECIMALS


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
    overdue_minor: int,
    rate_percent: Decimal,
    days: int,
    rounding: Rounding,
    exact_before: int,
) -> tuple[int, int]:
    """The charge for ``days`` on the overdue interest and principal, and its running total.

    Simple interest at ``rate_percent`` a year of 365 days, at most six decimals. The running total
    is exact, a numerator over ``EXACT_OVER``; what is charged is the difference of two of them,
    each rounded to minor units by the product's mode, so that no rounding adds up over time.
    """
    if overdue_minor < 0 or days < 0:
        raise ValueError("neither the overdue amount nor the days are negative")
    exact = exact_before + overdue_minor * int(rate_percent.scaleb(RATE_DECIMALS)) * days
    charged = round_ratio(exact, EXACT_OVER, rounding)
    return charged - round_ratio(exact_before, EXACT_OVER, rounding), exact
