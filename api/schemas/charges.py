"""Charges on the wire: those of a product, and those of a quote."""

from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, StringConstraints, WithJsonSchema
from pydantic_core import PydanticCustomError

from api.http.strict_json import Body
from api.schemas.fields import AmountOrZero, Text200, to_decimal
from core.foundation.money import minor_units
from core.lending.amortisation import NO_FEE, Fee, FeeRule, fee_of
from core.lending.origination.charges import When

PERCENT_DECIMALS = 6


def _percent(value: Any) -> Decimal:
    percent = to_decimal(value)
    if not 0 <= percent <= 100 or percent != round(percent, PERCENT_DECIMALS):
        raise PydanticCustomError(
            "invalid_percent", f"must be 0 to 100, with at most {PERCENT_DECIMALS} decimals"
        )
    return percent


# A share in a body; not a rate a year.
PercentField = Annotated[
    Decimal,
    BeforeValidator(_percent),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "number", "minimum": 0, "maximum": 100},
                {"type": "string", "pattern": r"^[0-9]{1,3}(\.[0-9]{1,6})?$"},
            ],
            "description": "Percent",
            "examples": [1.5],
        }
    ),
]
ChargeCode = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,39}$")]


class ProductCharge(Body):
    """A fee that a product asks at a moment: flat, a percentage, or both, and the tax on it."""

    code: ChargeCode
    name: Annotated[Text200, Field(max_length=80)]
    when: When
    amount: AmountOrZero = Decimal(0)
    percent: PercentField = Decimal(0)
    tax_percent: PercentField = Decimal(0)


class QuoteCharge(Body):
    """A fee to count in: taken from the disbursement, or asked with every instalment."""

    when: Literal[When.DISBURSAL, When.INSTALMENT]
    amount: AmountOrZero = Decimal(0)
    percent: PercentField = Decimal(0)
    tax_percent: PercentField = Decimal(0)


def withheld(charges: list[QuoteCharge], amount_minor: int, currency: str) -> Fee:
    """What these charges take from the disbursement of ``amount_minor``."""
    rules = _rules(charges, When.DISBURSAL, currency)
    return sum((fee_of(rule, amount_minor) for rule in rules), NO_FEE)


def instalment_rules(charges: list[QuoteCharge], currency: str) -> tuple[FeeRule, ...]:
    """How these charges are computed on every instalment."""
    return _rules(charges, When.INSTALMENT, currency)


def _rules(charges: list[QuoteCharge], when: When, currency: str) -> tuple[FeeRule, ...]:
    return tuple(
        FeeRule(
            minor_units(f"charges.{index}.amount", each.amount, currency),
            each.percent,
            each.tax_percent,
        )
        for index, each in enumerate(charges)
        if each.when is when
    )
