"""How an owner's accounts were kept lately, as the ledger tells it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final, NamedTuple
from uuid import UUID

from core.foundation.database import Reader

# The mean balance over the window, by time: today's balance less what came in, for the part of the
# window before it came. Movements among the owner's own accounts cancel out in the sum.
_KEPT: Final = """
WITH own AS (
  SELECT id, balance_minor, created_at FROM accounts WHERE owner_id = $1 AND currency = $2
), span AS (
  SELECT greatest(min(created_at), clock_timestamp() - make_interval(days => $3)) AS since,
         extract(epoch FROM clock_timestamp() - min(created_at)) / 86400 AS age
  FROM own
), moved AS (
  SELECT amount_minor, booked_at, balance_after_minor FROM postings
  WHERE account_id IN (SELECT id FROM own) AND booked_at >= (SELECT since FROM span)
)
SELECT
  coalesce((SELECT array_agg(id) FROM own), '{}') AS account_ids,
  (SELECT since FROM span) AS since,
  coalesce(floor((SELECT age FROM span)), 0)::int AS relationship_days,
  coalesce((SELECT sum(balance_minor) FROM own) - (
    SELECT coalesce(sum(amount_minor * extract(epoch FROM booked_at - since)
      / greatest(1, extract(epoch FROM clock_timestamp() - since))), 0) FROM moved, span
  ), 0)::bigint AS average_balance_minor,
  (SELECT count(DISTINCT booked_at::date) FROM moved WHERE balance_after_minor < 0)::int
    AS overdraft_days
"""


class Kept(NamedTuple):
    """An owner's accounts in one currency, and how they stood since the window, or they, began.

    ``since`` is None where there are no such accounts; the age of the oldest is in whole days.
    """

    account_ids: Sequence[UUID]
    since: datetime | None
    relationship_days: int
    average_balance_minor: int
    overdraft_days: int


async def how_kept(reader: Reader, owner_id: UUID, currency: str, days: int) -> Kept:
    """How this owner's accounts in a currency were kept in the last ``days``."""
    row = await reader.fetchrow(_KEPT, owner_id, currency, days)
    return Kept(*(row or ()))
