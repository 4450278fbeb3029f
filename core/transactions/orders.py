"""What is asked of the bank: one movement of money, named but not yet checked."""

import hashlib
from dataclasses import dataclass, field
from decimal import Decimal
from uuid import UUID

import msgspec

from core.foundation.errors import GiroError
from core.foundation.ids import new_id, parse_id
from core.transactions.details import Details


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
    """One requested movement. ``amount`` is in major units of the accounts' currency.

    A side that is None is the bank's: ``contra_code`` names the ledger account that stands in.
    ``refusal`` is what its maker has found against it already: intake raises it unless the order's
    key has made a transaction before, so that a replay is a replay whatever has ended since.
    """

    type: str
    amount: Decimal
    debit: Party | None = None
    credit: Party | None = None
    contra_code: str | None = None
    initiated_by: UUID | None = None
    description: str | None = None
    reference: str | None = None
    payment_ref: str | None = None
    details: Details | None = None
    reverses: UUID | None = None
    batch_id: UUID | None = None
    request_id: str | None = None
    idempotency: Idempotency | None = None
    refusal: GiroError | None = None
    id: UUID = field(default_factory=new_id)

    def fingerprint(self) -> bytes:
        """A digest of what is asked, the same for the same request however often it is sent."""
        asked = (
            self.type,
            self.amount.normalize(),
            self.debit,
            self.credit,
            self.description,
            self.reference,
            self.details,
            self.reverses,
        )
        return hashlib.sha256(msgspec.json.encode(asked, order="sorted")).digest()


@dataclass(frozen=True, slots=True)
class Accepted:
    """A durably accepted transaction, or the one that its idempotency key had made before."""

    transaction_id: UUID
    status: str
    replayed: bool = False
