"""A fee and the tax on it: a flat amount, a share of what it is charged on, or both.

A fee rounds half up to the minor unit, and so does its tax, which is on the rounded fee, as an
invoice states it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Final

from core.lending.amortisation.rounding import round_minor
from core.lending.amortisation.terms import FeeRule, Rounding


@dataclass(frozen=True, slots=True)
class Fee:
    """What is asked, in minor units; the tax comes on top of the net amount."""

    net_minor: int = 0
    tax_minor: int = 0

    @property
    def total_minor(self) -> int:
        """What the customer pays."""
        return self.net_minor + self.tax_minor

    def __add__(self, other: "Fee") -> "Fee":
        return Fee(self.net_minor + other.net_minor, self.tax_minor + other.tax_minor)


NO_FEE: Final = Fee()


def fee_of(rule: FeeRule, base_minor: int) -> Fee:
    """Return the fee that `rule` charges on `base_minor`."""
    net = rule.flat_minor + _share(base_minor, rule.percent)
    return Fee(net, _share(net, rule.tax_percent))


def fees_of(rules: Sequence[FeeRule], base_minor: int) -> Fee:
    """Return what all of `rules` charge on `base_minor` together, each rounded by itself."""
    return sum((fee_of(rule, base_minor) for rule in rules), NO_FEE)


def _share(amount_minor: int, percent: Decimal) -> int:
    return round_minor(amount_minor * Fraction(percent) / 100, Rounding.HALF_UP)
