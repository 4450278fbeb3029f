"""Rounding exact amounts of money to whole units; money here is never negative."""

from fractions import Fraction

from core.lending.amortisation.terms import Rounding


def round_minor(amount: Fraction | int, mode: Rounding, unit: int = 1) -> int:
    """Return `amount` (>= 0, in minor units) as a multiple of `unit` minor units."""
    exact = Fraction(amount)
    return round_ratio(exact.numerator, exact.denominator * unit, mode) * unit


def round_ratio(numerator: int, denominator: int, mode: Rounding) -> int:
    """Return `numerator / denominator` as a whole number, without making a fraction of it."""
    whole, rest = divmod(numerator, denominator)
    if rest == 0 or mode is Rounding.DOWN:
        return whole
    if mode is Rounding.UP:
        return whole + 1
    if 2 * rest == denominator:
        return whole + 1 if mode is Rounding.HALF_UP else whole + whole % 2
    return whole + (2 * rest > denominator)
