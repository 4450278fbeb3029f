"""Loans on the wire: applications, decisions, payments, recovery."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import (
    BaseModel,
    Field,
    PlainValidator,
    WithJsonSchema,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from api.http.strict_json import Body, example
from api.schemas.answers import ViewAnswer
from api.schemas.fields import (
    AccountName,
    Amount,
    AmountOrZero,
    IdempotencyKeyField,
    IsoDate,
    Lines500,
    Money,
    Text500,
)
from api.schemas.terms import Months, Percent, Rate
from core.foundation.money import to_major
from core.lending.amortisation import Method
from core.lending.collections.case_work import CaseView
from core.lending.details import PaymentMode
from core.lending.origination.reasons import MOST_REASONS, PHRASES, ReasonCode
from core.lending.servicing.payoff import Payoff


def _against(value: Any) -> ReasonCode:
    if not isinstance(value, str) or value not in PHRASES:
        raise PydanticCustomError("no_reason_to_reject", f"must be one of {', '.join(PHRASES)}")
    return ReasonCode(value)


RejectionCode = Annotated[
    ReasonCode,
    PlainValidator(_against),
    WithJsonSchema({"type": "string", "enum": [code.value for code in PHRASES]}),
]


class LoanApplication(Body):
    """What a customer asks for; without ``account_id`` the primary account receives the loan.

    The household's income and obligations are those of its other members, by the month.
    """

    model_config = example({"amount": 10000, "tenure_months": 12, "monthly_income": 4000})
    amount: Amount
    tenure_months: Months | None = None
    product: Annotated[str, Field(min_length=1, max_length=40)] | None = None
    purpose: Text500 | None = None
    account_id: AccountName | None = None
    monthly_income: AmountOrZero | None = None
    monthly_obligations: AmountOrZero | None = None
    household_income: AmountOrZero | None = None
    household_obligations: AmountOrZero | None = None
    idempotency_key: IdempotencyKeyField = None


class DisbursementRequest(Body):
    """Another try to pay a loan out; all it can say is its key."""

    model_config = example({"idempotency_key": "pay-out-0002"})
    idempotency_key: IdempotencyKeyField = None


class LoanChange(Body):
    """What an officer changes while the application is pending; what is left out stays.

    ``documented_income`` is the monthly income that the officer has seen proven by documents; it
    stands for what was declared. Null takes it back.
    """

    model_config = example({"interest_rate": 11.5, "tenure_months": 18})
    interest_rate: Rate | None = None
    tenure_months: Months | None = None
    amount: Amount | None = None
    purpose: Text500 | None = None
    documented_income: AmountOrZero | None = None


class LoanApproval(Body):
    """An approval; against a recommendation to decline, a reason is needed."""

    model_config = example({"interest_rate": 12})
    interest_rate: Rate | None = None
    override_reason: Text500 | None = None


class LoanRejection(Body):
    """A rejection; the reasons are told to the customer.

    At most four ``codes``, the principal first; ``other`` is in the words of ``reason``. Without
    codes, ``reason`` comes first and the assessment's own reasons follow, unless it had advised to
    approve.
    """

    model_config = example({"codes": ["excessive_obligations", "income_unverified"]})
    reason: Text500 | None = None
    codes: Annotated[
        tuple[RejectionCode, ...] | None,
        Field(max_length=MOST_REASONS, json_schema_extra={"uniqueItems": True}),
    ] = None

    @field_validator("codes")
    @classmethod
    def _each_once(cls, codes: tuple[ReasonCode, ...] | None) -> tuple[ReasonCode, ...] | None:
        if codes is not None and len(set(codes)) != len(codes):
            raise PydanticCustomError("repeated_code", "must name each reason once")
        return codes

    @model_validator(mode="after")
    def _other_is_said_in_words(self) -> Self:
        if ReasonCode.OTHER in (self.codes or ()) and not self.reason:
            raise PydanticCustomError("reason_missing", "the code other needs a reason in words")
        return self


class LoanPayment(Body):
    """A payment; without an amount what is due, or what ending the loan costs.

    Staff enter an ``amount`` that came in on a ``value_date``, from which the loan is computed
    anew; it may be more than is owed.
    """

    model_config = example({"amount": 500, "mode": "prepay_reduce_emi"})
    amount: Amount | None = None
    from_account: AccountName | None = None
    mode: PaymentMode = PaymentMode.DUE
    value_date: IsoDate | None = None
    reason: Text500 | None = None
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


class ReasonAnswer(BaseModel):
    """Why a loan was rejected: a code that stays, and words."""

    code: RejectionCode
    text: str


class LoanAnswer(ViewAnswer):
    """A loan; a rejected one with at most four ``reasons``, the principal first. ``method`` is null
    where the loan's terms cannot be read, of which staff are warned."""

    loan_id: UUID
    user_id: UUID
    status: str
    product: str
    amount: Money
    currency: str
    interest_rate: Percent
    tenure_months: int
    method: Method | None
    purpose: str | None
    account_id: UUID
    emi: Money
    outstanding_principal: Money
    next_due_date: date | None
    next_due_amount: Money | None
    overdue_amount: Money
    overpaid: Money
    suspended_interest: Money
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
    restructured_count: int
    rejection_reason: str | None
    reasons: list[ReasonAnswer]


class Loans(BaseModel):
    """A page of loans."""

    items: list[LoanAnswer]
    next_cursor: str | None


class PayoffAnswer(BaseModel):
    """What ending the loan costs on a day."""

    on: date
    principal: Money
    interest: Money
    penalty: Money
    fees: Money
    total: Money
    currency: str

    @classmethod
    def of(cls, owed: Payoff, currency: str) -> "PayoffAnswer":
        """The payoff as answered."""
        return cls(
            on=owed.on,
            principal=to_major(owed.principal, currency),
            interest=to_major(owed.interest, currency),
            penalty=to_major(owed.penalty, currency),
            fees=to_major(owed.fees, currency),
            total=to_major(owed.total, currency),
            currency=currency,
        )


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

    @classmethod
    def of(
        cls, loan_id: UUID, case: CaseView, transaction_ids: Sequence[UUID] = ()
    ) -> "RecoveryAnswer":
        """The case as answered, with the transactions that a step has submitted."""
        return cls(
            case_id=case.id,
            loan_id=loan_id,
            stage=case.stage,
            opened_at=case.opened_at,
            closed_at=case.closed_at,
            officer=case.officer_id,
            history=[
                RecoveryStepAnswer(
                    at=step.at,
                    actor=step.actor,
                    actor_id=step.actor_id,
                    action=step.action,
                    detail=step.detail,
                )
                for step in case.history
            ],
            transaction_ids=list(transaction_ids),
        )
