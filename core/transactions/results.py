"""What has become of transactions that somebody waits for."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from core.foundation.database import Reader

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


async def all_final(reader: Reader, transaction_ids: Sequence[UUID]) -> bool:
    """Whether none of these transactions is pending any more."""
    return not (transaction_ids and await reader.fetchval(_SOME_PENDING, list(transaction_ids)))


async def count_results(reader: Reader, transaction_ids: Sequence[UUID]) -> tuple[int, int]:
    """How many of these transactions succeeded, and how many failed."""
    if not transaction_ids:
        return 0, 0
    row: Any = await reader.fetchrow(_COUNT, list(transaction_ids))
    return row["succeeded"], row["failed"]
