"""A loan's past on the wire: what is put right, what goes back, and all that has happened."""

from datetime import date, datetime
from uuid import UUID

from pydantic import BaseModel

from api.http.strict_json import Body, example
from api.schemas.answers import ViewAnswer
from api.schemas.fields import (
    AccountName,
    Amount,
    AmountOrZero,
    IdempotencyKeyField,
    IsoDate,
    Money,
    Text500,
)
from core.lending.servicing.events import EventKind


class PaymentAdjustment(Body):
    """A payment as it should have been: ``amount`` 0 undoes it; what is left out stays.

    ``account``, another of the borrower's, moves instead of the one that paid.
    """

    model_config = example({"amount": 450, "date": "2026-03-01", "reason": "entered twice"})
    amount: AmountOrZero | None = None
    date: IsoDate | None = None
    account: AccountName | None = None
    reason: Text500
    idempotency_key: IdempotencyKeyField = None


class LoanRefund(Body):
    """What goes back of what is overpaid; all of it where nothing is said.

    To the loan's account, or ``to_account``: another active account of the borrower.
    """

    model_config = example({"amount": 200})
    amount: Amount | None = None
    to_account: AccountName | None = None
    idempotency_key: IdempotencyKeyField = None


class LoanEventAnswer(ViewAnswer):
    """Something that happened to a loan, for a business date.

    ``stands`` says whether it counts: a payment that was taken back (``undone_by``) does not, and
    the right one, if any, names it (``replaces``). ``booked_at`` is null of what was collected.
    ``actor_id`` is for staff, and so is ``reason`` but of a charge or a waiver.
    """

    event_id: UUID
    kind: EventKind
    value_date: date
    booked_at: datetime | None
    amount: Money
    transaction_id: UUID | None
    stands: bool
    undoes: UUID | None
    undone_by: UUID | None
    replaces: UUID | None
    actor_id: UUID | None
    reason: str | None


class LoanHistory(BaseModel):
    """A page of a loan's history, the newest first."""

    items: list[LoanEventAnswer]
    next_cursor: str | None
