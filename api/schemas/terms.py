"""The fields of which a loan's terms consist, on the wire."""

from decimal import Decimal
from typing import Annotated, Any, Final

from pydantic import BeforeValidator, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

from api.schemas.fields import to_decimal

MAX_RATE: Final = 1_000
RATE_DECIMALS: Final = 6
MAX_QUOTE_INSTALMENTS: Final = 1_200


def _rate(value: Any) -> Decimal:
    rate = to_decimal(value)
    if not 0 <= rate <= MAX_RATE or rate != round(rate, RATE_DECIMALS):
        raise PydanticCustomError(
            "invalid_rate", f"must be 0 to {MAX_RATE} percent, with at most 6 decimals"
        )
    return rate


def _unit(value: Any) -> Decimal:
    unit = to_decimal(value)
    if not 0 < unit <= 1_000_000:
        raise PydanticCustomError("invalid_rounding_unit", "must be greater than 0")
    return unit


Rate = Annotated[
    Decimal,
    BeforeValidator(_rate),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "number", "minimum": 0, "maximum": MAX_RATE},
                {"type": "string", "pattern": r"^[0-9]{1,4}(\.[0-9]{1,6})?$"},
            ],
            "description": "Percent a year",
            "examples": [12.5],
        }
    ),
]
RoundingUnit = Annotated[
    Decimal,
    BeforeValidator(_unit),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "number", "exclusiveMinimum": 0},
                {"type": "string", "pattern": r"^[0-9]{1,6}(\.[0-9]{1,4})?$"},
            ],
            "description": "Instalments are multiples of it; major units",
        }
    ),
]
Percent = Annotated[Decimal, WithJsonSchema({"type": "number", "examples": [12.5]})]
Months = Annotated[int, Field(strict=True, ge=1, le=1_200)]
Count = Annotated[int, Field(strict=True, ge=0, le=1_200)]
QuoteCount = Annotated[int, Field(strict=True, ge=1, le=MAX_QUOTE_INSTALMENTS)]
