"""The equal instalment of a declining balance, exactly.

    EMI = P / Σ_k Π_{i<=k} 1 / (1 + r_i)

which for equal periods is the textbook's P·r·(1+r)^n / ((1+r)^n - 1), Excel's PMT, and P/n where
the rate is zero. Everything is computed over one common denominator in integers, so that a tie is
a tie and no rounding of the arithmetic can move a cent.
"""

from collections.abc import Sequence
from fractions import Fraction
from math import lcm


def level_instalment(principal_minor: Fraction | int, rates: Sequence[Fraction]) -> Fraction:
    """Return the instalment in minor units that repays `principal_minor` over `rates`.

    `rates` is the interest of each period on one unit of balance, in order; at least one.
    """
    growth, annuity, denominator = _factors(rates)
    return principal_minor * Fraction(growth, denominator * annuity)


def present_value(instalment_minor: int, rates: Sequence[Fraction]) -> Fraction:
    """Return the loan in minor units that equal instalments of this size repay over `rates`."""
    growth, annuity, denominator = _factors(rates)
    return Fraction(instalment_minor * denominator * annuity, growth)


def _factors(rates: Sequence[Fraction]) -> tuple[int, int, int]:
    """Return Π(1+r) and the annuity 1 + (1+r_n)·(1 + (1+r_{n-1})·…), scaled, with their scale.

    With D the common denominator, the first is scaled by D^n and the second by D^(n-1): their
    ratio over D is what both callers need. This is Fineract's rate factor product over its fn.
    """
    denominator = lcm(*(rate.denominator for rate in rates))
    growth, annuity, scale = 1, 0, 1
    for rate in rates:
        step = denominator + rate.numerator * (denominator // rate.denominator)
        annuity = scale + annuity * step
        growth *= step
        scale *= denominator
    return growth, annuity, denominator
