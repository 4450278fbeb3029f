"""Transactions on the wire."""

from datetime import date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, Field, WrapValidator

from api.http.strict_json import Body, example
from api.schemas.few_errors import in_pieces
from api.schemas.fields import AccountName, Amount, IdempotencyKeyField, Money, Text200, Text500
from core.foundation.money import to_major
from core.transactions.batch import MAX_ITEMS, BatchView
from core.transactions.views import TransactionView


class Movement(Body):
    """What every movement of money says."""

    amount: Amount
    description: Text500 | None = None
    reference: Text200 | None = None


class TransferItem(Movement):
    """One transfer; without ``from_account`` the primary account pays."""

    to_account: AccountName
    from_account: AccountName | None = None


class Transfer(TransferItem):
    """A transfer to submit."""

    model_config = example({"to_account": "1000000024", "amount": 1000})
    idempotency_key: IdempotencyKeyField = None


class BankMovement(Movement):
    """A movement whose other side is the bank's."""

    idempotency_key: IdempotencyKeyField = None


class CashMovement(BankMovement):
    """Cash at the counter; without ``account`` the primary account."""

    model_config = example({"amount": "250.00"})
    account: AccountName | None = None


class ManualMovement(BankMovement):
    """A credit or debit by the bank's staff."""

    model_config = example({"account_id": "1000000024", "amount": 100, "description": "Goodwill"})
    account_id: AccountName


class Payment(BankMovement):
    """A payment to somebody outside the bank."""

    model_config = example({"amount": 40, "payee": "City Power"})
    payee: Text200
    from_account: AccountName | None = None


class BatchSubmission(Body):
    """Up to a thousand transfers, each settled by itself."""

    model_config = example({"items": [{"to_account": "1000000024", "amount": 1000}]})
    items: Annotated[
        list[TransferItem],
        Field(min_length=1, max_length=MAX_ITEMS),
        WrapValidator(in_pieces),
    ]
    idempotency_key: IdempotencyKeyField = None


class ReversalRequest(Body):
    """A reversal is of the whole transaction; all it can say is its key."""

    model_config = example({"idempotency_key": "take-back-0001"})
    idempotency_key: IdempotencyKeyField = None


class Submitted(BaseModel):
    """Accepted and on disk; poll it at ``Location``."""

    transaction_id: UUID
    status: Literal["pending", "success", "failed"]


class PaymentSubmitted(Submitted):
    """A payment has a reference of its own."""

    payment_ref: str


class TransactionAnswer(BaseModel):
    """A transaction; accounts are numbers, null for the bank's side.

    ``value_date`` is the business date that a loan's transaction is for, ``accounting_date`` the
    one on which the books carry what was settled: later where the value date's period was locked.
    """

    transaction_id: UUID
    type: str
    status: Literal["pending", "success", "failed"]
    amount: Money
    currency: str
    from_account: str | None
    to_account: str | None
    description: str | None
    reference: str | None
    payment_ref: str | None
    failure_code: str | None
    failure_reason: str | None
    reverses: UUID | None
    reversed_by: UUID | None
    batch_id: UUID | None
    loan_id: UUID | None
    created_at: datetime
    settled_at: datetime | None
    value_date: date | None
    accounting_date: date | None


def transaction_answer(view: TransactionView) -> dict[str, Any]:
    """The fields of a TransactionAnswer, unvalidated: this is the hottest answer of all."""
    return {
        "transaction_id": view.id,
        "type": view.type,
        "status": view.status,
        "amount": to_major(view.amount_minor, view.currency),
        "currency": view.currency,
        "from_account": view.from_account,
        "to_account": view.to_account,
        "description": view.description,
        "reference": view.reference,
        "payment_ref": view.payment_ref,
        "failure_code": view.failure_code,
        "failure_reason": view.failure_reason,
        "reverses": view.reverses,
        "reversed_by": view.reversed_by,
        "batch_id": view.batch_id,
        "loan_id": view.details.loan_id,
        "created_at": view.created_at,
        "settled_at": view.settled_at,
        "value_date": view.value_date,
        "accounting_date": view.accounting_date,
        **({} if view.details.payee is None else {"payee": view.details.payee}),
    }


class Transactions(BaseModel):
    """A page of transactions."""

    items: list[TransactionAnswer]
    next_cursor: str | None


class BatchItem(BaseModel):
    """What became of one transfer at submission; ``code`` says why it was refused."""

    index: int
    transaction_id: UUID | None
    status: Literal["pending", "success", "failed", "rejected"]
    code: str | None
    detail: str | None


class BatchSubmitted(BaseModel):
    """A batch, accepted and on disk."""

    batch_id: UUID
    accepted: int
    rejected: int
    items: list[BatchItem]


class BatchCounts(BaseModel):
    """The accepted transfers by status."""

    pending: int
    success: int
    failed: int


class BatchAnswer(BatchSubmitted):
    """A batch as it stands now."""

    total: int
    counts: BatchCounts
    created_at: datetime


def batch_answer(view: BatchView) -> dict[str, Any]:
    """The fields of a BatchAnswer."""
    return {
        "batch_id": view.id,
        "total": view.total,
        "accepted": view.accepted,
        "rejected": view.total - view.accepted,
        "counts": {"pending": view.pending, "success": view.success, "failed": view.failed},
        "items": view.items,
        "created_at": view.created_at,
    }
