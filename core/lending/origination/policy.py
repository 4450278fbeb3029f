"""The bank's lines in lending, under a version that each decision keeps.

A policy that decided is never changed: what changes gets a new version, and the old one stays, so
that an assessment can be made again from what was kept of it and comes out the same.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from types import MappingProxyType
from typing import Final

from core.lending.origination.reasons import ReasonCode

# What each finding gives or costs against neutral; what is not listed says something and weighs
# nothing. A debit that came back costs each time.
_POINTS: Final = MappingProxyType(
    {
        ReasonCode.OBLIGATIONS_LOW: 40,
        ReasonCode.EXCESSIVE_OBLIGATIONS: -80,
        ReasonCode.INCOME_CONFIRMED: 60,
        ReasonCode.INCOME_CONFIRMED_IN_PART: 20,
        ReasonCode.INCOME_UNVERIFIED: -40,
        ReasonCode.INCOME_INSUFFICIENT: -20,
        ReasonCode.INCOME_NOT_STATED: -20,
        ReasonCode.NO_INCOME: -20,
        ReasonCode.LONG_RELATIONSHIP: 40,
        ReasonCode.RELATIONSHIP: 20,
        ReasonCode.SHORT_RELATIONSHIP: -20,
        ReasonCode.BALANCE_AMPLE: 80,
        ReasonCode.BALANCE_GOOD: 40,
        ReasonCode.BALANCE_LOW: -30,
        ReasonCode.OVERDRAFT_USED: -40,
        ReasonCode.OVERDRAFT_OFTEN: -80,
        ReasonCode.RETURNED_DEBITS: -25,
        ReasonCode.PAID_ON_TIME: 80,
        ReasonCode.PAID_LATE: -40,
        ReasonCode.PAID_VERY_LATE: -120,
        ReasonCode.DEFAULTED: -250,
    }
)


@dataclass(frozen=True, slots=True)
class Policy:
    """The lines: ratios and shares in percent, the score below which the bank declines or refers.

    Of income that was declared and that nothing confirms, ``unverified_percent`` counts. The
    accounts confirm an income of which they show ``confirmed_percent``, and show one where money
    came in in at least ``least_months`` and ``regular_percent`` of the complete months since the
    first, of ``income_months`` at most. A balance is averaged over the last ``window_days``, and
    never over fewer than ``held_days``: what was not there counts as nothing.
    """

    version: str
    foir_ceiling_percent: Decimal = Decimal(50)
    low_foir_percent: Decimal = Decimal(30)
    unverified_percent: int = 50
    confirmed_percent: int = 80
    income_months: int = 6
    least_months: int = 3
    regular_percent: int = 75
    window_days: int = 180
    held_days: int = 90
    neutral_score: int = 650
    refer_below: int = 600
    decline_below: int = 500
    returned_debits_cost_most: int = 100
    points: Mapping[ReasonCode, int] = field(default_factory=lambda: _POINTS)


POLICIES: Final[dict[str, Policy]] = {"2026-11": Policy("2026-11")}
CURRENT: Final = POLICIES["2026-11"]
