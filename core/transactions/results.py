"""What has become of transactions that other features wait for, or go by."""

from collections.abc import Collection, Sequence
from datetime import UTC, date, datetime, time
from typing import Any
from uuid import UUID

from core.foundation.database import Reader
from core.transactions.tables import Status

_SOME_PENDING = """
SELECT EXISTS (
  SELECT FROM unnest($1::uuid[]) AS awaited (id)
  JOIN transactions t ON t.id = awaited.id AND t.status = 'pending'
)
"""
_COUNT = """
SELECT count(*) FILTER (WHERE status = 'success') AS succeeded,
       count(*) FILTER (WHERE status = 'failed') AS failed
FROM transactions WHERE id = ANY($1::uuid[])
"""
# What came in from others by transfers and credits, and what went to the others, day by day (of
# UTC); what was reversed, and its reversal, are as if they had not been. Money that comes from
# or goes to no customer is the bank's side, for whoever is outside: one party.
_FLOWS = """
WITH moved AS (
  SELECT t.settled_at, d.owner_id AS party, t.amount_minor
  FROM transactions t LEFT JOIN account_directory d ON d.id = t.debit_account_id
  WHERE t.credit_account_id = ANY($1::uuid[]) AND t.type IN ('transfer', 'credit')
    AND t.status = 'success' AND t.settled_at >= $3 AND NOT EXISTS (
      SELECT FROM transactions r WHERE r.reverses = t.id AND r.status = 'success')
  UNION ALL
  SELECT t.settled_at, c.owner_id, -t.amount_minor
  FROM transactions t LEFT JOIN account_directory c ON c.id = t.credit_account_id
  WHERE t.debit_account_id = ANY($1::uuid[]) AND t.type IN ('transfer', 'debit')
    AND t.status = 'success' AND t.settled_at >= $3 AND NOT EXISTS (
      SELECT FROM transactions r WHERE r.reverses = t.id AND r.status = 'success')
)
SELECT (settled_at AT TIME ZONE 'UTC')::date AS on_day, party, sum(amount_minor)::bigint
FROM moved WHERE party IS DISTINCT FROM $2
GROUP BY on_day, party, amount_minor > 0 ORDER BY on_day, amount_minor > 0 DESC
"""
# What the accounts were asked for in vain.
_BOUNCED = """
SELECT count(*) FROM transactions
WHERE debit_account_id = ANY($1::uuid[]) AND failure_code = 'insufficient_funds'
  AND created_at >= clock_timestamp() - make_interval(days => $2)
"""
_REVERSED = """
SELECT reverses FROM transactions WHERE reverses = ANY($1::uuid[]) AND status = 'success'
"""
_UNDER_REVERSAL = """
SELECT reverses FROM transactions WHERE status = 'pending' AND reverses IS NOT NULL
"""
_ORIGINALS = "SELECT id, reverses FROM transactions WHERE id = ANY($1::uuid[])"
_SUCCEEDED = "SELECT id FROM transactions WHERE id = ANY($1::uuid[]) AND status = 'success'"
_REFERENCES = "SELECT id, payment_ref FROM transactions WHERE id = ANY($1::uuid[])"


async def status_of(reader: Reader, transaction_id: UUID | None) -> Status | None:
    """Its state; None where there is no such transaction."""
    status = await reader.fetchval("SELECT status FROM transactions WHERE id = $1", transaction_id)
    return None if status is None else Status(status)


async def flows(
    reader: Reader, account_ids: Sequence[UUID], owner_id: UUID, since: date
) -> list[tuple[date, UUID | None, int]]:
    """What passed between these accounts of an owner and each other party since, day by day.

    A day, the party (None outside the bank), and what came in or, below zero, went out, in minor
    units of the accounts' one currency; the oldest day first, and what came in on it.
    """
    start = datetime.combine(since, time(), UTC)
    rows = await reader.fetch(_FLOWS, account_ids, owner_id, start)
    return [(row[0], row[1], row[2]) for row in rows]


async def bounced_debits(reader: Reader, account_ids: Sequence[UUID], days: int) -> int:
    """How many debits of the last ``days`` these accounts had not the money for."""
    bounced: int = await reader.fetchval(_BOUNCED, account_ids, days)
    return bounced


async def all_final(reader: Reader, transaction_ids: Sequence[UUID]) -> bool:
    """Whether none of these transactions is pending any more."""
    return not (transaction_ids and await reader.fetchval(_SOME_PENDING, list(transaction_ids)))


async def count_results(reader: Reader, transaction_ids: Sequence[UUID]) -> tuple[int, int]:
    """How many of these transactions succeeded, and how many failed."""
    if not transaction_ids:
        return 0, 0
    row: Any = await reader.fetchrow(_COUNT, list(transaction_ids))
    return row["succeeded"], row["failed"]


async def succeeded(reader: Reader, transaction_ids: Collection[UUID]) -> set[UUID]:
    """Those of the transactions that have succeeded."""
    return {row["id"] for row in await reader.fetch(_SUCCEEDED, list(transaction_ids))}


async def taken_back(reader: Reader, transaction_ids: Collection[UUID]) -> set[UUID]:
    """Those of the transactions that a reversal has taken back."""
    rows = await reader.fetch(_REVERSED, list(transaction_ids))
    return {row["reverses"] for row in rows}


async def under_reversal(reader: Reader) -> list[UUID]:
    """All transactions whose reversal is pending."""
    return [row["reverses"] for row in await reader.fetch(_UNDER_REVERSAL)]


async def originals_of(reader: Reader, reversal_ids: Collection[UUID]) -> dict[UUID, UUID]:
    """What each of these reversals takes back."""
    return dict(map(tuple, await reader.fetch(_ORIGINALS, list(reversal_ids))))


async def payment_refs(reader: Reader, payment_ids: Collection[UUID]) -> dict[UUID, str]:
    """The references by which the customers know their payments."""
    return dict(map(tuple, await reader.fetch(_REFERENCES, list(payment_ids))))
