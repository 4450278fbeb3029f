"""Charges on the wire: a product's, a quote's, those by hand; and what is waived."""

from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, BeforeValidator, Field, StringConstraints, WithJsonSchema
from pydantic_core import PydanticCustomError

from api.http.strict_json import Body, example
from api.schemas.fields import (
    Amount,
    AmountOrZero,
    IdempotencyKeyField,
    IsoDate,
    Money,
    Text200,
    Text500,
    to_decimal,
)
from api.schemas.terms import Percent
from core.foundation.money import minor_units, to_major
from core.lending.amortisation import NO_FEE, Fee, FeeRule, fee_of
from core.lending.collections.charging import Noted
from core.lending.origination.charges import ChargeTerms, When
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
    percent: PercentField | None = None
    on: IsoDate | When
    tax_percent: PercentField = Decimal(0)
    reason: Text500
    idempotency_key: IdempotencyKeyField = None

    @property
    def name(self) -> str:
        """The charge as people read it."""
        return self.kind.replace("_", " ").replace("-", " ").capitalize()

    def particulars(self, currency: str) -> ChargeParticulars:
        """The charge as it is asked of a running loan. Raises InvalidAmount."""
        at_moment = isinstance(self.on, When)
        return ChargeParticulars(
            code=self.kind,
            name=self.name,
            flat_minor=0 if self.amount is None else minor_units("amount", self.amount, currency),
            percent=self.percent or Decimal(0),
            tax_percent=self.tax_percent,
            when=self.on if isinstance(self.on, When) else None,
            on=None if at_moment or not isinstance(self.on, date) else self.on,
        )

    def terms(self) -> ChargeTerms:
        """The charge as one of the loan's terms."""
        return ChargeTerms(
            code=self.kind,
            name=self.name,
            when=self.on if isinstance(self.on, When) else When.INSTALMENT,
            amount=self.amount or Decimal(0),
            percent=self.percent or Decimal(0),
            tax_percent=self.tax_percent,
        )


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
    def of_asked(
        cls, loan_id: UUID, charge_id: UUID, body: LoanCharge, noted: Noted | None
    ) -> "ChargeAnswer":
        """The charge as answered."""
        known = noted.particulars if noted is not None else None
        asked = tax = instalment = None
        if noted is not None and isinstance(known, ChargeParticulars) and known.instalment:
            asked = to_major(noted.amount_minor, noted.currency)
            tax = to_major(known.tax_minor, noted.currency)
            instalment = known.instalment
        return cls(
            charge_id=charge_id,
            loan_id=loan_id,
            kind=body.kind,
            name=body.name,
            on=body.on,
            amount=body.amount,
            percent=body.percent,
            tax_percent=body.tax_percent,
            asked=asked,
            tax=tax,
            instalment=instalment,
        )


class LoanWaiver(Body):
    """What is let go of what a loan owes, and why."""

    model_config = example(
        {"component": "penalty", "amount": 12.5, "reason": "The collection was late, not they"}
    )
    component: Literal[Component.PENALTY, Component.FEE, Component.INTEREST]
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
