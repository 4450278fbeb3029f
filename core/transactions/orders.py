"""What is asked of the bank: one movement of money, in one constructor for each kind.

Each knows on which side the customer's account stands and which ledger account stands in for the
bank, so that a request, a file and the business day say the same words. A feature with kinds of its
own has the constructors of its own beside them.
"""

import hashlib
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TypedDict, Unpack
from uuid import UUID

import msgspec

from core.foundation.errors import GiroError, SelfServiceCashOff
from core.foundation.ids import new_id, parse_id
from core.ledger.chart import LedgerCode
from core.transactions.details import (
    ApprovedDetails,
    CashbackDetails,
    Details,
    PaymentDetails,
)
from core.transactions.kinds import TransactionType


@dataclass(frozen=True, slots=True)
class Party:
    """A side of a movement: an account by id or number, or an owner's primary account.

    ``name`` is what the caller wrote; None asks for the primary account of ``owner_id``. Where
    ``owner_id`` is set, only an account of this owner will do: another's is not found.
    """

    name: str | None = None
    owner_id: UUID | None = None

    @property
    def account_id(self) -> UUID | None:
        """The id that the name spells, if it spells one."""
        return parse_id(self.name) if self.name is not None and len(self.name) > 30 else None


@dataclass(frozen=True, slots=True)
class Idempotency:
    """A user's key for one request."""

    owner_id: UUID
    key: str


@dataclass(frozen=True, slots=True)
class Order:
    """One requested movement, not checked yet. ``amount`` is in major units of its accounts'
    currency.

    A side that is None is the bank's: ``contra_code`` names the ledger account that stands in.
    ``refusal`` is what its maker has found against it already: intake raises it unless the order's
    key has made a transaction before, so that a replay is a replay whatever has ended since.
    ``asked`` is what tells the request from others where that is not what the order amounts to.
    """

    type: str
    amount: Decimal
    debit: Party | None = None
    credit: Party | None = None
    contra_code: str | None = None
    initiated_by: UUID | None = None
    description: str | None = None
    reference: str | None = None
    details: Details | None = None
    reverses: UUID | None = None
    batch_id: UUID | None = None
    request_id: str | None = None
    idempotency: Idempotency | None = None
    refusal: GiroError | None = None
    asked: tuple[str, ...] | None = None
    id: UUID = field(default_factory=new_id)

    def fingerprint(self) -> bytes:
        """A digest of what is asked, the same for the same request however often it is sent."""
        asked: tuple[object, ...] = (
            self.type,
            self.amount.normalize(),
            self.debit,
            self.credit,
            self.description,
            self.reference,
            self.details,
            self.reverses,
        )
        if self.asked is not None:
            asked = (self.type, *self.asked)
        return hashlib.sha256(msgspec.json.encode(asked, order="sorted")).digest()


@dataclass(frozen=True, slots=True)
class BankOrder:
    """A movement that the bank itself orders, of accounts that it has in hand.

    Intake checks nothing of it: whether it can be done turns out where it is settled.
    """

    type: str
    amount_minor: int
    currency: str
    contra_code: str
    debit_account_id: UUID | None = None
    credit_account_id: UUID | None = None
    initiated_by: UUID | None = None
    description: str | None = None
    details: Details | None = None
    request_id: str | None = None
    id: UUID = field(default_factory=new_id)


@dataclass(frozen=True, slots=True)
class Accepted:
    """A durably accepted transaction, or the one that its idempotency key had made before.

    ``payment_ref`` is a payment's reference: "payment1", "payment2", …
    """

    transaction_id: UUID
    status: str
    replayed: bool = False
    payment_ref: str | None = None


# What becomes of one order: accepted, or what refuses it.
Result = Accepted | Exception


class Asked(TypedDict, total=False):
    """What may be said with an order of any kind (the fields of ``Order``)."""

    initiated_by: UUID | None
    description: str | None
    reference: str | None
    request_id: str | None
    idempotency: Idempotency | None
    refusal: GiroError | None
    id: UUID


def transfer(debit: Party, credit: Party, amount: Decimal, **asked: Unpack[Asked]) -> Order:
    """From one customer's account to another."""
    return Order(TransactionType.TRANSFER.value, amount, debit, credit, **asked)


def refusal_of_cash(*, cash_desk_open: bool) -> GiroError | None:
    """Why a customer may not handle cash himself, where he may not."""
    return None if cash_desk_open else SelfServiceCashOff()


def deposit(to: Party, amount: Decimal, **asked: Unpack[Asked]) -> Order:
    """Cash paid in."""
    kind, cash = TransactionType.DEPOSIT.value, LedgerCode.CASH.value
    return Order(kind, amount, credit=to, contra_code=cash, **asked)


def withdrawal(of: Party, amount: Decimal, **asked: Unpack[Asked]) -> Order:
    """Cash taken out."""
    kind, cash = TransactionType.WITHDRAWAL.value, LedgerCode.CASH.value
    return Order(kind, amount, debit=of, contra_code=cash, **asked)


def credit_by_hand(
    to: Party, amount: Decimal, *, approval_id: UUID | None, **asked: Unpack[Asked]
) -> Order:
    """What staff credit, alone or with the approval of a second person."""
    return Order(
        TransactionType.CREDIT.value,
        amount,
        credit=to,
        contra_code=LedgerCode.SUSPENSE.value,
        details=_approved(approval_id),
        **asked,
    )


def debit_by_hand(
    of: Party, amount: Decimal, *, approval_id: UUID | None, **asked: Unpack[Asked]
) -> Order:
    """What staff debit, alone or with the approval of a second person."""
    return Order(
        TransactionType.DEBIT.value,
        amount,
        debit=of,
        contra_code=LedgerCode.SUSPENSE.value,
        details=_approved(approval_id),
        **asked,
    )


def _approved(approval_id: UUID | None) -> ApprovedDetails | None:
    return None if approval_id is None else ApprovedDetails(approval_id)


def payment(of: Party, amount: Decimal, *, payee: str, **asked: Unpack[Asked]) -> Order:
    """To somebody outside the bank; intake gives it its reference."""
    return Order(
        TransactionType.PAYMENT.value,
        amount,
        debit=of,
        contra_code=LedgerCode.CLEARING.value,
        details=PaymentDetails(payee),
        **asked,
    )


def cashback(to: Party, amount: Decimal, *, payment_id: UUID, **asked: Unpack[Asked]) -> Order:
    """What a payment has earned."""
    return Order(
        TransactionType.CASHBACK.value,
        amount,
        credit=to,
        contra_code=LedgerCode.CASHBACK_EXPENSE.value,
        details=CashbackDetails(payment_id),
        **asked,
    )


def reversal(
    debit: Party | None,
    credit: Party | None,
    amount: Decimal,
    *,
    contra_code: str | None,
    reverses: UUID,
    **asked: Unpack[Asked],
) -> Order:
    """The money of a settled transaction the way back, from who received it to who paid."""
    asked["description"] = f"Reversal of {reverses}"
    return Order(
        TransactionType.REVERSAL.value,
        amount,
        debit,
        credit,
        contra_code,
        reverses=reverses,
        **asked,
    )
