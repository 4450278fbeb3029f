"""What a transaction carries for its own kind, beside its sides and its amount.

One frozen struct per kind, stored as JSON in ``transactions.details``. It is written and read here
and nowhere else in the code: a feature brings the structs of its kinds, and registers each with the
kind that settles it (``core.transactions.kinds``).
"""

from datetime import date
from typing import Final, TypeVar
from uuid import UUID

import msgspec

from core.foundation.logging import describe, get_logger

log = get_logger(__name__)


class Details(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """The base of every kind's details. A field that has its default is not stored.

    ``business_date`` is, in every kind that has it, the date that the transaction is for.
    """

    @property
    def value_date(self) -> date | None:
        """The business date that the transaction is for; None where it is for none of its own."""
        return getattr(self, "business_date", None)


Shape = type[Details]
AnyDetails = TypeVar("AnyDetails", bound=Details)


class ApprovedDetails(Details, frozen=True):
    """Of a credit or debit by hand: the approval of a second person."""

    approval_id: UUID


class PaymentDetails(Details, frozen=True):
    """Of a payment: to whom outside the bank, in the customer's words."""

    payee: str


class CashbackDetails(Details, frozen=True):
    """Of a cashback: the payment that earned it."""

    payment_id: UUID


class ShownDetails(msgspec.Struct, frozen=True):
    """What of any kind's details the parties are shown."""

    loan_id: UUID | None = None
    business_date: date | None = None
    payee: str | None = None


NOTHING_TO_SHOW: Final = ShownDetails()


class UnknownDetails(Exception):  # noqa: N818 - it reads as what was found
    """A transaction's details are not of its kind's shape: older, newer, or forged."""

    def __init__(self, transaction_type: str, what: object) -> None:
        super().__init__(f"the details of a transaction of type {transaction_type}: {what}")


def encode(details: Details | None) -> str | None:
    """The JSON that is stored."""
    return None if details is None else msgspec.json.encode(details).decode()


def decode(transaction_type: str, shape: type[AnyDetails] | None, stored: str) -> AnyDetails:
    """The details that were stored for a type whose details have this shape (None: it has none).

    Raises UnknownDetails.
    """
    if shape is None:
        raise UnknownDetails(transaction_type, "it has none")
    try:
        return msgspec.json.decode(stored, type=shape)
    except msgspec.ValidationError as error:
        raise UnknownDetails(transaction_type, error) from error


def shown(transaction_id: UUID, stored: str | None) -> ShownDetails:
    """What the parties are shown of details of whatever kind; nothing where they cannot be read."""
    if stored is None:
        return NOTHING_TO_SHOW
    try:
        return msgspec.json.decode(stored, type=ShownDetails)
    except msgspec.ValidationError as error:
        log.warning("details_unread", transaction_id=str(transaction_id), error=describe(error))
        return NOTHING_TO_SHOW
