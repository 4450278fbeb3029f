"""How a computed yearly rate is told: to four places, and up to a bound."""

from decimal import ROUND_HALF_UP, Context, Decimal
from typing import Final

# With four places these are thirteen digits, which every JSON number holds exactly. A rate beyond
# says nothing of a loan's cost any more: it comes of a fee that leaves next to nothing of the loan,
# or of a day's charge compounded over a year, and has no bound of its own.
HIGHEST_PERCENT: Final = Decimal(1_000_000_000)

_PLACES: Final = Decimal("0.0001")
_ENOUGH_DIGITS: Final = Context(prec=60)


def told_rate(percent: Decimal) -> Decimal | None:
    """The rate in percent a year, half up; None beyond `HIGHEST_PERCENT`."""
    if percent > HIGHEST_PERCENT:
        return None
    return percent.quantize(_PLACES, ROUND_HALF_UP, _ENOUGH_DIGITS)
