"""What happens to a loan that was paid out: its life, from which its book follows.

An event is written in the unit of work in which it happens and never changed. What is collected has
its record in ``loan_collections`` and is read as an event, too (``event_rows``). Events are in the
order of their value dates, and on one date in that of their ids (UUIDv7: a transaction's own where
it is one, so that what touches one account stands in the order in which it settled; the right
payment of an adjustment has one of its own).
"""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Final
from uuid import UUID

from core.lending.details import PaymentMode
from core.lending.origination.charges import When
from core.lending.servicing.allocation import Component
from core.transactions.details import Details


class EventKind(StrEnum):
    """What may happen to a loan after its approval."""

    DISBURSEMENT = "disbursement"
    COLLECTION = "collection"
    PAYMENT = "payment"
    SET_OFF = "set_off"
    SETTLEMENT = "settlement"
    RESTRUCTURING = "restructuring"
    CHARGE = "charge"
    WAIVER = "waiver"
    # The opposite of a payment that was wrong; the right one, if any, is a payment beside it.
    UNDOING = "undoing"
    REFUND = "refund"
    WRITE_OFF = "write_off"
    # What came in after a write-off.
    RECOVERY = "recovery"


class PaymentParticulars(Details, frozen=True):
    """Of ``payment``: what the payer wanted; ``settles`` where it paid the loan off."""

    mode: PaymentMode = PaymentMode.DUE
    settles: bool = False


class AgreedParticulars(Details, frozen=True):
    """Of ``disbursement`` and ``restructuring``: the terms from there on."""

    tenure_months: int
    interest_rate: Decimal


class ChargeParticulars(Details, frozen=True):
    """Of ``charge``: a fee by hand, flat in minor units or a percentage, with the tax on it.

    ``when`` is the moment from now on; without one it was asked with ``instalment``, the first that
    was unpaid and due on or after ``on``.
    """

    code: str
    name: str
    flat_minor: int = 0
    percent: Decimal = Decimal(0)
    tax_percent: Decimal = Decimal(0)
    when: When | None = None
    on: date | None = None
    instalment: int | None = None
    tax_minor: int = 0


class WaiverParticulars(Details, frozen=True):
    """Of ``waiver``: what of the unpaid was let go, the tax in it, and what stood in suspense."""

    component: Component
    tax_minor: int = 0
    suspended_minor: int = 0


# What an event carries beside its amount, by its kind; the others carry nothing.
PARTICULARS: Final[dict[EventKind, type[Details]]] = {
    EventKind.DISBURSEMENT: AgreedParticulars,
    EventKind.PAYMENT: PaymentParticulars,
    EventKind.CHARGE: ChargeParticulars,
    EventKind.WAIVER: WaiverParticulars,
    EventKind.RESTRUCTURING: AgreedParticulars,
}
# Money that came in from the borrower while the loan ran.
RECEIPTS: Final = frozenset({EventKind.COLLECTION, EventKind.PAYMENT, EventKind.SET_OFF})


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened to a loan, for the business date ``value_date``.

    ``amount`` is what moved, in minor units of the loan's currency; ``account_id`` the account that
    paid or received it. ``after_close``: it came when the day had already been closed for the loan.
    ``undoes`` is the payment that an undoing takes back, ``replaces`` the one that a right payment
    stands in for.
    """

    id: UUID
    loan_id: UUID
    kind: EventKind
    value_date: date
    amount: int = 0
    account_id: UUID | None = None
    transaction_id: UUID | None = None
    after_close: bool = False
    undoes: UUID | None = None
    replaces: UUID | None = None
    particulars: Details | None = None
    actor_id: UUID | None = None
    reason: str | None = None
    booked_at: datetime | None = None

    @property
    def place(self) -> tuple[date, bool, UUID]:
        """Where it stands in the life of its loan."""
        return self.value_date, self.after_close, self.id
