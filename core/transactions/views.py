"""Reading transactions: one, or a page of them, as they are shown."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

import msgspec

from core.foundation.batching import Coalescer
from core.foundation.database import Database, Reader
from core.foundation.errors import TransactionNotFound
from core.foundation.outcome import Trace
from core.transactions.details import ShownDetails, shown
from core.transactions.tables import Status

_IS_THERE = "SELECT EXISTS (SELECT FROM transactions WHERE id = $1)"
_SELECT = """
SELECT t.id, t.type, t.status, t.amount_minor, t.currency, t.debit_account_id, t.credit_account_id,
       d.account_number AS from_account, c.account_number AS to_account,
       d.owner_id AS from_owner_id, c.owner_id AS to_owner_id, t.initiated_by,
       t.description, t.reference, t.payment_ref, t.details::text AS details,
       t.failure_code, t.failure_reason,
       t.reverses, r.id AS reversed_by, t.batch_id, t.created_at, t.settled_at,
       b.accounting_date
FROM transactions t
LEFT JOIN account_directory d ON d.id = t.debit_account_id
LEFT JOIN account_directory c ON c.id = t.credit_account_id
LEFT JOIN booking_dates b ON b.transaction_id = t.id
LEFT JOIN transactions r ON r.reverses = t.id AND r.status = 'success'
"""
_BY_IDS = _SELECT + "WHERE t.id = ANY($1::uuid[]) AND t.hidden_at IS NULL"

# Both sides of every account in question, each by its own index, then the page.
_PAGE_OF_ACCOUNTS = """
WITH page AS (
  (SELECT id FROM transactions t WHERE t.debit_account_id = ANY($1::uuid[]) AND {where}
   ORDER BY id DESC LIMIT $8)
  UNION
  (SELECT id FROM transactions t WHERE t.credit_account_id = ANY($1::uuid[]) AND {where}
     AND {shown}
   ORDER BY id DESC LIMIT $8)
  ORDER BY id DESC LIMIT $8
)
"""
# What another customer's account was to pay is theirs to know until it has been paid.
_SHOWN_TO_PAYEES = """
(t.status = 'success' OR t.debit_account_id IS NULL OR t.debit_account_id = ANY($1))
"""
_PAGE_OF_ALL = """
WITH page AS (
  SELECT id FROM transactions t WHERE $1::uuid[] IS NULL AND {where} ORDER BY id DESC LIMIT $8
)
"""
_WHERE = """
t.hidden_at IS NULL AND ($2::text IS NULL OR t.type = $2) AND ($3::text IS NULL OR t.status = $3)
AND ($4::timestamptz IS NULL OR t.created_at >= $4)
AND ($5::timestamptz IS NULL OR t.created_at <= $5)
AND ($6::uuid IS NULL OR t.id < $6) AND ($7::uuid IS NULL OR t.batch_id = $7)
"""

# What one unit of work accepts has one instant, and ids that follow from each other.
_ACCEPTED_WITH = """
SELECT t.id FROM transactions f
JOIN transactions t ON t.debit_account_id = ANY($2::uuid[]) AND t.id >= f.id
                   AND t.created_at = f.created_at AND t.type = f.type
WHERE f.id = $1 AND t.details @> $3::jsonb ORDER BY t.seq
"""


@dataclass(frozen=True, slots=True)
class TransactionView:
    """A transaction as it is shown: with account numbers, and what reversed it."""

    id: UUID
    type: str
    status: str
    amount_minor: int
    currency: str
    debit_account_id: UUID | None
    credit_account_id: UUID | None
    from_account: str | None
    to_account: str | None
    from_owner_id: UUID | None
    to_owner_id: UUID | None
    initiated_by: UUID | None
    description: str | None
    reference: str | None
    payment_ref: str | None
    details: ShownDetails
    failure_code: str | None
    failure_reason: str | None
    reverses: UUID | None
    reversed_by: UUID | None
    batch_id: UUID | None
    created_at: datetime
    settled_at: datetime | None
    accounting_date: date | None

    @property
    def value_date(self) -> date | None:
        """The business date that it is for, where it is for one of its own."""
        return self.details.business_date

    def concerns(self, user_id: UUID) -> bool:
        """Whether this user may see it: who pays or asked for it always, who is paid once paid.

        That another's transfer is pending, or failed for want of money, is not the payee's to know.
        """
        if user_id in {self.from_owner_id, self.initiated_by}:
            return True
        paid = self.status == Status.SUCCESS or self.from_owner_id is None
        return paid and user_id == self.to_owner_id


@dataclass(frozen=True, slots=True)
class Filter:
    """Which transactions; None asks for all. ``before`` is the id after which the page begins.

    ``for_staff`` shows also what others were to pay to the accounts and have not, or not yet.
    """

    account_ids: Sequence[UUID] | None = None
    type: str | None = None
    status: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    before: UUID | None = None
    batch_id: UUID | None = None
    for_staff: bool = False


class TransactionReader:
    """Reads single transactions, those that are asked for together in one query."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._shared: Coalescer[UUID, TransactionView | None] = Coalescer(self._read, lanes=2)

    async def find(self, transaction_id: UUID, *, reader_id: UUID | None = None) -> TransactionView:
        """The transaction; for ``reader_id`` only one that concerns this user.

        Raises TransactionNotFound: unknown, hidden, or not the reader's.
        """
        view = await self._shared.submit(transaction_id)
        if view is None or (reader_id is not None and not view.concerns(reader_id)):
            raise TransactionNotFound
        return view

    async def _read(self, ids: list[UUID]) -> list[TransactionView | None]:
        async with self._database.read() as reader:
            rows = await reader.fetch(_BY_IDS, ids)
        found = {row["id"]: view_of(row) for row in rows}
        return [found.get(transaction_id) for transaction_id in ids]


async def accepted_with(
    reader: Reader,
    first_id: UUID,
    *,
    payers: Sequence[UUID],
    concerning: Mapping[str, str],
) -> list[UUID]:
    """What was accepted together with ``first_id``, itself included: all of its type, in order.

    Those debit the accounts of ``payers``, and have these ``details`` among theirs.
    """
    details = msgspec.json.encode(concerning).decode()
    rows = await reader.fetch(_ACCEPTED_WITH, first_id, payers, details)
    return [row["id"] for row in rows]


async def page_of_transactions(
    reader: Reader, wanted: Filter, *, limit: int
) -> list[TransactionView]:
    """Up to ``limit`` transactions, the newest first."""
    page = _PAGE_OF_ALL if wanted.account_ids is None else _PAGE_OF_ACCOUNTS
    rows = await reader.fetch(
        page.format(where=_WHERE, shown="true" if wanted.for_staff else _SHOWN_TO_PAYEES)
        + _SELECT
        + "JOIN page p ON p.id = t.id ORDER BY t.id DESC",
        None if wanted.account_ids is None else list(wanted.account_ids),
        wanted.type,
        wanted.status,
        wanted.since,
        wanted.until,
        wanted.before,
        wanted.batch_id,
        limit,
    )
    return [view_of(row) for row in rows]


def view_of(row: Any) -> TransactionView:
    """The view of one row of the select above."""
    columns = dict(row)
    columns["details"] = shown(row["id"], row["details"])
    return TransactionView(**columns)


def trace(transaction_id: UUID) -> Trace:
    """How a transaction is found whose commit was not answered."""
    return Trace("transaction_id", transaction_id, _IS_THERE)
