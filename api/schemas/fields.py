"""Kinds of fields that several bodies and answers share."""

import re
from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BeforeValidator, Strict, StringConstraints, WithJsonSchema
from pydantic_core import PydanticCustomError

from core.foundation.money import MAX_MAJOR_UNITS
from core.foundation.readable import is_readable
from core.identity.emails import canonical_email

# No currency of ISO 4217 has more decimals than four; how many this one has is checked later.
MAX_DECIMALS: Final = 4
_ISO_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
# MAX_MAJOR_UNITS is a one with thirteen zeros.
_UP_TO_THE_MOST: Final = r"([0-9]{1,13}(\.[0-9]{1,4})?|10{13}(\.0{1,4})?)"
_DECIMAL_STRING = re.compile(r"-?[0-9]{1,40}(\.[0-9]{1,40})?", re.ASCII)


def _refuse(message: str) -> PydanticCustomError:
    return PydanticCustomError("invalid_amount", message)


def to_decimal(value: Any) -> Decimal:
    """An exact decimal from a JSON number or a decimal string; bools and floats are neither."""
    if isinstance(value, Decimal):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return Decimal(value)
    if isinstance(value, str) and _DECIMAL_STRING.fullmatch(value):
        return Decimal(value)
    raise _refuse("must be a JSON number or a decimal string such as 10.25")


def _positive(value: Any) -> Decimal:
    amount = to_decimal(value)
    if not 0 < amount <= MAX_MAJOR_UNITS:
        raise _refuse(f"must be greater than 0 and at most {MAX_MAJOR_UNITS}")
    return _short(amount)


def _not_negative(value: Any) -> Decimal:
    amount = to_decimal(value)
    if not 0 <= amount <= MAX_MAJOR_UNITS:
        raise _refuse(f"must be 0 or more and at most {MAX_MAJOR_UNITS}")
    return _short(amount)


def _short(amount: Decimal) -> Decimal:
    """The amount in its shortest form; refuses more decimals than any currency has."""
    digits = amount.as_tuple()
    exponent = digits.exponent if isinstance(digits.exponent, int) else 0
    significant = "".join(map(str, digits.digits)).rstrip("0")
    dropped = len(digits.digits) - len(significant)
    if significant and -(exponent + dropped) > MAX_DECIMALS:
        raise _refuse(f"must have at most {MAX_DECIMALS} decimals, or fewer if its currency has")
    # Exact: what is cut off is zeros, and 13 + 4 digits fit any context.
    return amount.normalize() if significant else Decimal(0)


def _wire(description: str, *, exclusive: bool) -> WithJsonSchema:
    bound = {"exclusiveMinimum": 0} if exclusive else {"minimum": 0}
    more_than_zero = r"(?!0+(\.0+)?$)" if exclusive else ""
    return WithJsonSchema(
        {
            "anyOf": [
                {"type": "number", "maximum": MAX_MAJOR_UNITS, **bound},
                {"type": "string", "pattern": f"^{more_than_zero}{_UP_TO_THE_MOST}$"},
            ],
            "description": description,
            "examples": [1000, "10.25"],
        }
    )


# Money in a body, in major units, exact.
Amount = Annotated[
    Decimal, BeforeValidator(_positive), _wire("Major units, greater than 0", exclusive=True)
]
AmountOrZero = Annotated[
    Decimal, BeforeValidator(_not_negative), _wire("Major units, 0 or more", exclusive=False)
]
# Money in an answer: a JSON number that is exact.
Money = Annotated[Decimal, WithJsonSchema({"type": "number", "examples": [10.25]})]


def _email(value: Any) -> str:
    refusal = PydanticCustomError("invalid_email", "must be an e-mail address")
    if not isinstance(value, str):
        raise refusal
    try:
        return canonical_email(value)
    except ValueError as error:
        raise refusal from error


Email = Annotated[
    str,
    BeforeValidator(_email),
    WithJsonSchema({"type": "string", "format": "email", "examples": ["asha@example.com"]}),
]


def iso_date(value: Any) -> Any:
    """The text of a calendar day, as it is; refuses everything else."""
    # Left to itself, pydantic would also take seconds since 1970 and times at midnight for dates.
    if isinstance(value, str) and _ISO_DATE.fullmatch(value):
        return value
    raise PydanticCustomError("invalid_date", "must be an ISO date such as 2026-11-21")


# A calendar day.
IsoDate = Annotated[date, BeforeValidator(iso_date)]
# true or false; not "yes", not 1.
Flag = Annotated[bool, Strict()]


def _readable(value: str) -> str:
    if not is_readable(value):
        raise PydanticCustomError("unreadable_text", "must hold no invisible characters")
    return value


def _readable_lines(value: str) -> str:
    if not is_readable(value, lines=True):
        raise PydanticCustomError("unreadable_text", "must hold no invisible characters")
    return value


# What people read: names, descriptions, references.
Text200 = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=200),
    AfterValidator(_readable),
]
Text500 = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=500),
    AfterValidator(_readable),
]
# Likewise in several lines: addresses and notes.
Lines500 = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=500),
    AfterValidator(_readable_lines),
]
AccountName = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=64),
    WithJsonSchema(
        {
            "type": "string",
            "minLength": 1,
            "maxLength": 64,
            "description": "An account number or an account id",
            "examples": ["1000000019"],
        }
    ),
]
CurrencyCode = Annotated[str, StringConstraints(pattern=r"^[A-Za-z]{3}$", to_upper=True)]
IdempotencyKeyField = Annotated[
    str | None,
    WithJsonSchema(
        {
            "anyOf": [{"type": "string", "minLength": 1, "maxLength": 255}, {"type": "null"}],
            "description": "The same as the Idempotency-Key header, for clients without headers",
        }
    ),
]
