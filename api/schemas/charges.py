"""Charges on the wire: a product's, a quote's, those by hand; and what is waived."""

from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import (
    BaseModel,
    BeforeValidator,
    Field,
    PlainValidator,
    StringConstraints,
    WithJsonSchema,
)
from pydantic_core import PydanticCustomError

from api.http.strict_json import Body, example
from api.schemas.fields import (
    Amount,
    AmountOrZero,
    IdempotencyKeyField,
    Money,
    Text200,
    Text500,
    iso_date,
    to_decimal,
)
from api.schemas.terms import Percent
from core.foundation.money import minor_units, to_major
from core.lending.amortisation import NO_FEE, Fee, FeeRule, fee_of
from core.lending.collections.charging import Noted
from core.lending.origination.charges import When
from core.lending.servicing.allocation import Component
from core.lending.servicing.events import ChargeParticulars, WaiverParticulars

PERCENT_DECIMALS = 6


def _percent(value: Any) -> Decimal:
    percent = to_decimal(value)
    if not 0 <= percent <= 100 or percent != round(percent, PERCENT_DECIMALS):
        raise PydanticCustomError(
            "invalid_percent", f"must be 0 to 100, with at most {PERCENT_DECIMALS} decimals"
        )
    return percent


def _percent_above_zero(value: Any) -> Decimal:
    percent = _percent(value)
    if not percent:
        raise PydanticCustomError("invalid_percent", "must be greater than 0")
    return percent


def _wire(bound: str, description: str) -> WithJsonSchema:
    return WithJsonSchema(
        {
            "anyOf": [
                {"type": "number", bound: 0, "maximum": 100},
                {"type": "string", "pattern": r"^[0-9]{1,3}(\.[0-9]{1,6})?$"},
            ],
            "description": description,
            "examples": [1.5],
        }
    )


# A share in a body; not a rate a year.
PercentField = Annotated[Decimal, BeforeValidator(_percent), _wire("minimum", "Percent")]
PercentAboveZero = Annotated[
    Decimal,
    BeforeValidator(_percent_above_zero),
    _wire("exclusiveMinimum", "Percent, greater than 0"),
]


def _day_or_moment(value: Any) -> date | When:
    if isinstance(value, str) and value in set(When):
        return When(value)
    try:
        return date.fromisoformat(iso_date(value))
    except (PydanticCustomError, ValueError) as error:
        moments = ", ".join(When)
        raise PydanticCustomError(
            "invalid_day", f"must be an ISO date such as 2026-11-21, or one of {moments}"
        ) from error


# The day from which a charge is asked, or the moment; one validator, so that it is one field.
DayOrMoment = Annotated[
    date | When,
    PlainValidator(_day_or_moment),
    WithJsonSchema(
        {
            "anyOf": [{"type": "string", "format": "date"}, {"type": "string", "enum": [*When]}],
            "description": "A day, or the moment from now on",
            "examples": ["2026-12-01", "instalment"],
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

    when: Literal["disbursal", "instalment"]
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
        if each.when == when
    )


class LoanCharge(Body):
    """A fee by hand: flat or a percentage; ``on`` a day, or a moment from now on.

    A percentage is of what the moment's is: the instalment's principal and interest where ``on`` is
    a day.
    """

    model_config = example(
        {
            "kind": "legal_notice",
            "amount": 25,
            "on": "2026-12-01",
            "tax_percent": 18,
            "reason": "A lawyer's letter was sent",
        }
    )
    kind: ChargeCode
    amount: Amount | None = None
    percent: PercentAboveZero | None = None
    on: DayOrMoment
    tax_percent: PercentField = Decimal(0)
    reason: Text500
    idempotency_key: IdempotencyKeyField = None


class ChargeAnswer(BaseModel):
    """A fee by hand. ``asked`` (with ``tax``) is null until its moment; ``instalment`` is the one
    with which it is asked."""

    charge_id: UUID
    loan_id: UUID
    kind: str
    name: str
    on: date | When
    amount: Money | None
    percent: Percent | None
    tax_percent: Percent
    asked: Money | None
    tax: Money | None
    instalment: int | None

    @classmethod
    def of_noted(cls, loan_id: UUID, noted: Noted) -> "ChargeAnswer":
        """The charge as it stands among the loan's events."""
        known, currency = noted.particulars, noted.currency
        if not isinstance(known, ChargeParticulars):
            raise TypeError("this is no charge")
        on = known.when or known.on
        if on is None:
            raise TypeError("a charge by hand has a day or a moment")
        is_asked = known.instalment is not None
        return cls(
            charge_id=noted.id,
            loan_id=loan_id,
            kind=known.code,
            name=known.name,
            on=on,
            amount=to_major(known.flat_minor, currency) if known.flat_minor else None,
            percent=known.percent or None,
            tax_percent=known.tax_percent,
            asked=to_major(noted.amount_minor, currency) if is_asked else None,
            tax=to_major(known.tax_minor, currency) if is_asked else None,
            instalment=known.instalment,
        )


class LoanWaiver(Body):
    """What is let go of what a loan owes, and why."""

    model_config = example(
        {"component": "penalty", "amount": 12.5, "reason": "The collection was late, not they"}
    )
    component: Literal["penalty", "fee", "interest"]
    amount: Amount
    reason: Text500
    idempotency_key: IdempotencyKeyField = None


class WaiverAnswer(BaseModel):
    """What was let go; ``tax`` is what of it was tax, ``transaction_id`` null where the books did
    not have it yet."""

    waiver_id: UUID
    loan_id: UUID
    component: Component
    amount: Money
    tax: Money
    transaction_id: UUID | None

    @classmethod
    def of_noted(cls, loan_id: UUID, noted: Noted) -> "WaiverAnswer":
        """The waiver as answered."""
        known = noted.particulars
        if not isinstance(known, WaiverParticulars):
            raise TypeError("this is no waiver")
        return cls(
            waiver_id=noted.id,
            loan_id=loan_id,
            component=known.component,
            amount=to_major(noted.amount_minor, noted.currency),
            tax=to_major(known.tax_minor, noted.currency),
            transaction_id=noted.transaction_id,
        )
