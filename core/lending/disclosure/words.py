"""Figures in the words of a form."""

from decimal import ROUND_HALF_UP, Decimal

from core.foundation.money import exponent
from core.lending.amortisation import HIGHEST_PERCENT

NONE = "None"
NOT_APPLICABLE = "Not applicable"


def money(amount_minor: int, currency: str) -> str:
    """An amount with all its decimals: ``12,000.00 EUR``."""
    return f"{figure(amount_minor, currency)} {currency}"


def figure(amount_minor: int, currency: str) -> str:
    """The same without its currency, for the columns of a table."""
    places = exponent(currency)
    return f"{Decimal(amount_minor).scaleb(-places):,.{places}f}"


def percent(rate: Decimal | None, places: int) -> str:
    """A rate, half up to ``places``: ``12.68 %``; None is one that is too high to be told."""
    if rate is None:
        return f"More than {HIGHEST_PERCENT:,f} %"
    return f"{rate.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP):,f} %"


def plain_percent(rate: Decimal) -> str:
    """A rate as it was agreed, without needless zeros: ``12 %``."""
    return f"{rate.normalize():f} %"


def counted(count: int, noun: str) -> str:
    """``1 month``, ``12 months``."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
