"""The types of transactions and the seam by which other features bring theirs.

A simple type moves its amount from one side to the other. A type of another feature (a loan's
disbursement, say) registers a ``Kind`` of its own at start-up: it loads what its decision needs
under locks of its own, brings its rule, and writes its own effect, all in settlement's unit of
work. Transactions never learn what the type is about.
"""

from collections.abc import Collection, Sequence
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from core.foundation.database import UnitOfWork
from core.transactions.decide import Movement, Outcome, Rule, move_amount
from core.transactions.details import (
    ApprovedDetails,
    CashbackDetails,
    Details,
    PaymentDetails,
    Shape,
    decode,
)


class TransactionType(StrEnum):
    """The simple types, those that need no more than two sides and an amount."""

    TRANSFER = "transfer"
    DEPOSIT = "deposit"
    WITHDRAWAL = "withdrawal"
    CREDIT = "credit"
    DEBIT = "debit"
    PAYMENT = "payment"
    CASHBACK = "cashback"
    REVERSAL = "reversal"


# What the simple types carry beside their sides and amount; the others carry nothing.
DETAILS: dict[TransactionType, Shape] = {
    TransactionType.CREDIT: ApprovedDetails,
    TransactionType.DEBIT: ApprovedDetails,
    TransactionType.PAYMENT: PaymentDetails,
    TransactionType.CASHBACK: CashbackDetails,
}

# What an admin may reverse. A cashback goes with its payment, a loan's movements with the loan.
REVERSIBLE = frozenset(
    {
        TransactionType.TRANSFER,
        TransactionType.DEPOSIT,
        TransactionType.WITHDRAWAL,
        TransactionType.CREDIT,
        TransactionType.DEBIT,
        TransactionType.PAYMENT,
    }
)


class RowsLocked(Exception):  # noqa: N818 - an event between units of work, not an error
    """Another unit of work holds what these movements need beside their accounts: they wait."""

    def __init__(self, movements: Collection[UUID]) -> None:
        super().__init__(f"{len(movements)} movements wait for rows held elsewhere")
        self.movements = movements


class Kind(Protocol):
    """How one type of transaction is settled, all of it in one unit of work."""

    @property
    def type(self) -> str:
        """The type's name, as it stands on the transaction."""

    @property
    def details(self) -> Shape | None:
        """The shape of the type's details; None where it has none."""

    async def load(self, unit: UnitOfWork, movements: Sequence[Movement]) -> Rule:
        """Read, under row locks in id order, what these movements' decision needs; answer the rule.

        Called after the accounts are locked, for all movements of this type in the unit of work
        together. The rule is then called for each in order; it may keep state between calls.

        Raises RowsLocked instead of waiting for rows that another unit of work holds. It is called
        again then, without the movements that wait and what has to wait behind them.
        """

    async def apply(self, unit: UnitOfWork, outcomes: Sequence[Outcome]) -> None:
        """Write the type's own effect of these outcomes, successes and failures, set-based.

        Called once after the postings and the transactions' states were written. For what
        ``was_set_aside`` nothing was loaded, and its accounts are not locked.
        """


class SimpleKind:
    """A type whose rule is ``move_amount`` and whose effect is its postings alone."""

    def __init__(self, transaction_type: TransactionType) -> None:
        self.type = transaction_type.value
        self.details = DETAILS.get(transaction_type)

    async def load(self, _unit: UnitOfWork, _movements: Sequence[Movement]) -> Rule:
        """Nothing to load: the amount moves."""
        return move_amount

    async def apply(self, _unit: UnitOfWork, _outcomes: Sequence[Outcome]) -> None:
        """No effect beside the postings."""


class Kinds:
    """The registry of a process: which kind settles which type."""

    def __init__(self) -> None:
        self._kinds: dict[str, Kind] = {}
        for simple in TransactionType:
            self.register(SimpleKind(simple))

    def register(self, kind: Kind) -> None:
        """Add a type. Raises ValueError where it is taken."""
        if kind.type in self._kinds:
            raise ValueError(f"transaction type {kind.type} is registered already")
        self._kinds[kind.type] = kind

    def replace(self, kind: Kind) -> None:
        """Settle a type that is registered already in another way."""
        self._kinds[self.of(kind.type).type] = kind

    def of(self, transaction_type: str) -> Kind:
        """The kind that settles this type. Raises KeyError where nobody registered it."""
        return self._kinds[transaction_type]

    def details(self, transaction_type: str, stored: str) -> Details:
        """The details that are stored on a transaction of this type.

        Raises UnknownDetails where they are not of the type's shape.
        """
        return decode(transaction_type, self.of(transaction_type).details, stored)
