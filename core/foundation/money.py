"""Money as whole minor units, and the only two ways between minor and major units.

Exponents follow ISO 4217: the number of decimals that a currency's minor unit has.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from core.foundation.errors import InvalidAmount

MAX_MAJOR_UNITS: Final = 10**13

# ISO 4217: the currencies whose minor unit is not a hundredth.
_OTHER_EXPONENTS: Final = {
    **dict.fromkeys(
        "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF".split(), 0
    ),
    **dict.fromkeys("BHD IQD JOD KWD LYD OMR TND".split(), 3),
    **dict.fromkeys("CLF UYW".split(), 4),
}


def exponent(currency: str) -> int:
    """The number of decimals of the currency's minor unit (JPY 0, EUR 2, KWD 3)."""
    return _OTHER_EXPONENTS.get(currency, 2)


def to_minor(amount: Decimal, currency: str) -> int:
    """``amount`` in major units as whole minor units.

    Raises InvalidAmount where it is not finite, has more decimals than the currency, or is
    larger than MAX_MAJOR_UNITS on either side of zero.
    """
    if not amount.is_finite():
        raise InvalidAmount("the amount must be a finite number")
    if abs(amount) > MAX_MAJOR_UNITS:
        raise InvalidAmount(f"the amount must be at most {MAX_MAJOR_UNITS}")
    decimals = exponent(currency)
    rounded = amount.quantize(Decimal(1).scaleb(-decimals))
    if rounded != amount:  # compared in full; arithmetic would round to 28 digits first
        raise InvalidAmount(f"{currency} has at most {decimals} decimals")
    return int(rounded.scaleb(decimals))


def minor_units(field: str, amount: Decimal, currency: str) -> int:
    """``amount`` of the field ``field`` in minor units of the currency that it turns out to be in.

    Raises InvalidAmount on that field.
    """
    try:
        return to_minor(amount, currency)
    except InvalidAmount as error:
        found = {"field": field, "message": error.detail, "code": error.code}
        raise InvalidAmount(f"{field}: {error.detail}", [found]) from error


def to_major(amount_minor: int, currency: str) -> Decimal:
    """``amount_minor`` as exact major units without trailing zeros (1025 EUR cents -> 10.25)."""
    decimals = exponent(currency)
    whole, fraction = divmod(abs(amount_minor), 10**decimals)
    sign = "-" if amount_minor < 0 else ""
    digits = f"{fraction:0{decimals}d}".rstrip("0") if fraction else ""
    return Decimal(f"{sign}{whole}.{digits}" if digits else f"{sign}{whole}")


def whole_sums(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row whose sums are whole numbers of minor units, of whatever size.

    The database sums amounts as ``numeric``: a sum of many bigints is no bigint any more.
    """
    return {
        name: int(value) if isinstance(value, Decimal) else value for name, value in row.items()
    }
