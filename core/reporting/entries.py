"""The entries of an account: its postings, each with what the transaction behind it says.

A report: it reads the ledger and the transactions together, page by page, which neither of the two
could do alone without reading more than it shows.
"""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Final
from uuid import UUID

from core.foundation.database import Reader

_ENTRIES: Final = """
SELECT p.transaction_id, p.leg, p.entry_no, t.type, p.amount_minor, p.currency,
       p.balance_after_minor, coalesce(o.account_number, l.name) AS counterparty, t.description,
       p.booked_at, p.accounting_date
FROM postings p
JOIN transactions t ON t.id = p.transaction_id
LEFT JOIN accounts o ON o.id = CASE
  WHEN t.debit_account_id = p.account_id THEN t.credit_account_id ELSE t.debit_account_id END
LEFT JOIN ledger_accounts l ON l.code = t.contra_code
WHERE p.account_id = $1
  AND ($2::timestamptz IS NULL OR p.booked_at >= $2)
  AND ($3::timestamptz IS NULL OR p.booked_at < $3)
  AND ($4::text IS NULL OR t.type = $4)
  AND ($5::bigint IS NULL OR abs(p.amount_minor) >= $5)
  AND ($6::bigint IS NULL OR abs(p.amount_minor) <= $6)
  AND ($7::timestamptz IS NULL OR (p.booked_at, p.entry_no) {beyond} ($7, $8))
ORDER BY p.booked_at {direction}, p.entry_no {direction}
LIMIT $9
"""
_OLDEST_FIRST: Final = _ENTRIES.format(beyond=">", direction="ASC")
_NEWEST_FIRST: Final = _ENTRIES.format(beyond="<", direction="DESC")


@dataclass(frozen=True, slots=True)
class Entry:
    """One posting on an account as it is shown. ``amount_minor`` is signed."""

    transaction_id: UUID
    leg: int
    entry_no: int
    type: str
    amount_minor: int
    currency: str
    balance_after_minor: int
    counterparty: str | None
    description: str | None
    booked_at: datetime
    accounting_date: date

    @property
    def id(self) -> UUID:
        """The entry's own id, see ``entry_id``."""
        return entry_id(self.transaction_id, self.leg)


@dataclass(frozen=True, slots=True)
class EntryFilter:
    """Which entries; None asks for all. ``until`` is excluded; amounts are absolute."""

    since: datetime | None = None
    until: datetime | None = None
    type: str | None = None
    min_amount_minor: int | None = None
    max_amount_minor: int | None = None


def entry_id(transaction_id: UUID, leg: int) -> UUID:
    """The id of a transaction's posting number ``leg``: derived, so that it need not be stored.

    Only the last byte of the transaction's id changes, which keeps it a version 7 id.
    """
    return UUID(int=transaction_id.int ^ (leg + 1))


async def entries_of(
    reader: Reader,
    account_id: UUID,
    wanted: EntryFilter,
    *,
    oldest_first: bool,
    after: tuple[datetime, int] | None,
    limit: int,
) -> list[Entry]:
    """Up to ``limit`` entries, those beyond ``after`` (booked_at, entry_no) in their order."""
    booked_at, entry_no = after or (None, None)
    rows = await reader.fetch(
        _OLDEST_FIRST if oldest_first else _NEWEST_FIRST,
        account_id,
        wanted.since,
        wanted.until,
        wanted.type,
        wanted.min_amount_minor,
        wanted.max_amount_minor,
        booked_at,
        entry_no,
        limit,
    )
    return [Entry(*row) for row in rows]
