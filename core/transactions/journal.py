"""Entries between the bank's own ledger accounts alone: accruals, charges, corrections.

No customer's account is touched, so nothing has to be claimed or decided: the transaction is
written as final, with its postings, in the caller's unit of work.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from core.foundation.database import Connection
from core.foundation.ids import new_id
from core.ledger.chart import LedgerCode
from core.transactions.details import Details, encode

_INSERT = """
INSERT INTO transactions
  (id, type, status, amount_minor, currency, contra_code, description, details, request_id,
   created_at, settled_at)
SELECT id, type, 'success', amount_minor, currency, contra_code, description, details, request_id,
  $9, $9
FROM unnest(
  $1::uuid[], $2::text[], $3::bigint[], $4::text[], $5::text[], $6::text[], $7::jsonb[], $8::text[]
) AS e (id, type, amount_minor, currency, contra_code, description, details, request_id)
"""
_POST = """
INSERT INTO postings (transaction_id, leg, ledger_code, amount_minor, currency, booked_at)
SELECT transaction_id, leg, ledger_code, amount_minor, currency, $6
FROM unnest($1::uuid[], $2::smallint[], $3::text[], $4::bigint[], $5::text[])
  AS p (transaction_id, leg, ledger_code, amount_minor, currency)
"""


class JournalEntry(NamedTuple):
    """One balanced entry: ``legs`` are (ledger account, signed minor units), credits positive."""

    type: str
    currency: str
    legs: Sequence[tuple[LedgerCode, int]]
    description: str | None = None
    details: Details | None = None
    request_id: str | None = None

    @property
    def amount_minor(self) -> int:
        """The sum of the credits."""
        return sum(amount for _, amount in self.legs if amount > 0)


async def book_journal(
    connection: Connection, entries: Sequence[JournalEntry], booked_at: datetime
) -> list[UUID]:
    """Write the entries; answers one transaction id each, in order.

    Raises ValueError for an entry whose legs do not sum to zero; the database refuses it, too.
    """
    for entry in entries:
        if not entry.legs or sum(amount for _, amount in entry.legs) != 0:
            raise ValueError(f"{entry.type}: the legs of a journal entry must sum to zero")
    if not entries:
        return []
    ids = [new_id() for _ in entries]
    await connection.execute(
        _INSERT,
        ids,
        [entry.type for entry in entries],
        [entry.amount_minor for entry in entries],
        [entry.currency for entry in entries],
        [entry.legs[0][0].value for entry in entries],
        [entry.description for entry in entries],
        [encode(entry.details) for entry in entries],
        [entry.request_id for entry in entries],
        booked_at,
    )
    postings = [
        (transaction_id, number, code.value, amount_minor, entry.currency)
        for transaction_id, entry in zip(ids, entries, strict=True)
        for number, (code, amount_minor) in enumerate(entry.legs)
    ]
    await connection.execute(_POST, *zip(*postings, strict=True), booked_at)
    return ids
