"""Loans on the wire: quotes, applications, decisions, schedules, payments, recovery."""

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, Final, Literal
from uuid import UUID

from pydantic import BaseModel, BeforeValidator, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

from api.http.strict_json import Body, example
from api.schemas.fields import (
    AccountName,
    Amount,
    AmountOrZero,
    CurrencyCode,
    Flag,
    IdempotencyKeyField,
    IsoDate,
    Lines500,
    Money,
    Text500,
    to_decimal,
)
from core.lending.amortisation import DayCount, Method, PrepaymentMode, Rounding
from core.lending.origination.products import FrequencySpec
from core.lending.servicing.details import PaymentMode

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


class QuotePrepayment(Body):
    """Principal paid ahead of time together with instalment ``number``."""

    number: QuoteCount
    amount: Amount
    mode: PrepaymentMode = PrepaymentMode.REDUCE_TENURE


class QuotePause(Body):
    """Days without interest, both included."""

    first: Annotated[IsoDate, Field(alias="from")]
    last: Annotated[IsoDate, Field(alias="to")]


def _one_count(given: str, left_out: str) -> dict[str, Any]:
    """A quote's length is said in months or in instalments, in one of the two."""
    kinds = {given: {"type": "integer"}, left_out: {"type": "null"}}
    return {"required": [given], "properties": kinds}


class QuoteRequest(Body):
    """Terms of a loan to look at; nothing is stored."""

    model_config = example(
        {"amount": 10000, "interest_rate": 12, "tenure_months": 12},
        oneOf=[
            _one_count("tenure_months", "number_of_instalments"),
            _one_count("number_of_instalments", "tenure_months"),
        ],
    )
    amount: Amount
    interest_rate: Rate
    tenure_months: Months | None = None
    number_of_instalments: (
        Annotated[int, Field(strict=True, ge=1, le=MAX_QUOTE_INSTALMENTS)] | None
    ) = None
    currency: CurrencyCode | None = None
    start_date: IsoDate | None = None
    first_due_date: IsoDate | None = None
    method: Method = Method.REDUCING
    frequency: FrequencySpec = "monthly"
    day_count: DayCount = DayCount.THIRTY_360
    rounding: Rounding = Rounding.HALF_UP
    rounding_unit: RoundingUnit | None = None
    smoothing: Flag = False
    moratorium_months: Count = 0
    interest_moratorium_months: Count = 0
    fee: AmountOrZero = Decimal(0)
    prepayments: Annotated[list[QuotePrepayment], Field(max_length=100)] = Field([])
    interest_pauses: Annotated[list[QuotePause], Field(max_length=100)] = Field([])


class LoanApplication(Body):
    """What a customer asks for; without ``account_id`` the primary account receives the loan."""

    model_config = example({"amount": 10000, "tenure_months": 12, "monthly_income": 4000})
    amount: Amount
    tenure_months: Months | None = None
    product: Annotated[str, Field(min_length=1, max_length=40)] | None = None
    purpose: Text500 | None = None
    account_id: AccountName | None = None
    monthly_income: AmountOrZero | None = None
    monthly_obligations: AmountOrZero | None = None
    idempotency_key: IdempotencyKeyField = None


class DisbursementRequest(Body):
    """Another try to pay a loan out; all it can say is its key."""

    model_config = example({"idempotency_key": "pay-out-0002"})
    idempotency_key: IdempotencyKeyField = None


class LoanChange(Body):
    """What an officer changes while the application is pending; what is left out stays."""

    model_config = example({"interest_rate": 11.5, "tenure_months": 18})
    interest_rate: Rate | None = None
    tenure_months: Months | None = None
    amount: Amount | None = None
    purpose: Text500 | None = None


class LoanApproval(Body):
    """An approval; against a recommendation to decline, a reason is needed."""

    model_config = example({"interest_rate": 12})
    interest_rate: Rate | None = None
    override_reason: Text500 | None = None


class LoanRejection(Body):
    """A rejection; the reason is told to the customer."""

    model_config = example({"reason": "The instalments exceed half of the income"})
    reason: Text500 | None = None


class LoanPayment(Body):
    """A payment; without an amount what is due, or what ending the loan costs."""

    model_config = example({"amount": 500, "mode": "prepay_reduce_emi"})
    amount: Amount | None = None
    from_account: AccountName | None = None
    mode: PaymentMode = PaymentMode.DUE
    idempotency_key: IdempotencyKeyField = None


class RecoveryAction(Body):
    """A step of a recovery, with what it needs."""

    model_config = example({"action": "settle", "amount": 5000})
    action: Literal["assign", "note", "set_off", "restructure", "settle", "write_off"]
    officer_id: UUID | None = None
    note: Lines500 | None = None
    tenure_months: Months | None = None
    interest_rate: Rate | None = None
    amount: Amount | None = None
    reason: Text500 | None = None
    idempotency_key: IdempotencyKeyField = None


class LoanStateAnswer(BaseModel):
    """A loan's id and state after a step."""

    loan_id: UUID
    status: str


class LoanApproved(LoanStateAnswer):
    """An approved loan: the disbursement is a transaction to poll."""

    transaction_id: UUID


class InstalmentAnswer(BaseModel):
    """One instalment of a schedule or quote; ``prepaid`` is principal paid ahead of time with it,
    beside what the instalment asks."""

    number: int
    due_date: date
    opening_balance: Money
    principal: Money
    interest: Money
    fee: Money
    penalty: Money
    total: Money
    prepaid: Money
    balance: Money
    paid: Money | None = None
    status: Literal["due", "paid", "partial", "overdue", "future"] | None = None


class ScheduleAnswer(BaseModel):
    """A schedule; ``paid`` and ``status`` of its instalments on a real loan only."""

    amount: Money
    currency: str
    interest_rate: Percent
    tenure_months: int | None
    method: Method
    frequency: FrequencySpec
    day_count: DayCount
    emi: Money
    total_interest: Money
    total_payable: Money
    apr: Percent
    instalments: list[InstalmentAnswer]


class LoanAnswer(BaseModel):
    """A loan."""

    loan_id: UUID
    user_id: UUID
    status: str
    product: str
    amount: Money
    currency: str
    interest_rate: Percent
    tenure_months: int
    method: Method
    purpose: str | None
    account_id: UUID
    emi: Money
    outstanding_principal: Money
    next_due_date: date | None
    next_due_amount: Money | None
    overdue_amount: Money
    dpd: int
    classification: Literal["standard", "sma0", "sma1", "sma2", "npa"]
    in_default: bool
    processing_fee: Money
    applied_at: datetime
    decided_at: datetime | None
    disbursed_at: datetime | None
    closed_at: datetime | None
    disbursement_transaction_id: UUID | None
    disbursement_failure: str | None
    rejection_reason: str | None


class Loans(BaseModel):
    """A page of loans."""

    items: list[LoanAnswer]
    next_cursor: str | None


class AssessmentAnswer(BaseModel):
    """What the rules say of an application; ``foir`` is a ratio, null without income."""

    score: int
    foir: Percent | None
    max_eligible_amount: Money
    recommendation: Literal["approve", "refer", "decline"]
    reasons: list[str]
    assessed_on: date


class PayoffAnswer(BaseModel):
    """What ending the loan costs on a day."""

    on: date
    principal: Money
    interest: Money
    penalty: Money
    fees: Money
    total: Money
    currency: str


class RecoveryStepAnswer(BaseModel):
    """One line of a case's history; ``actor`` is a name, or "system" for the bank's own rules."""

    at: datetime
    actor: str
    actor_id: UUID | None
    action: str
    detail: str


class RecoveryAnswer(BaseModel):
    """A recovery case."""

    case_id: UUID
    loan_id: UUID
    stage: str
    opened_at: datetime
    closed_at: datetime | None
    officer: UUID | None
    history: list[RecoveryStepAnswer]
    transaction_ids: list[UUID]
