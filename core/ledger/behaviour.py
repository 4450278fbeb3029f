"""How an owner's accounts were kept lately, as the ledger tells it."""

from collections.abc import Sequence
from datetime import date
from typing import Final, NamedTuple
from uuid import UUID

from core.foundation.database import Reader

# The mean balance over the window, by time: today's balance less what came in, for the part of the
# window before it came. Movements among the owner's own accounts cancel out in the sum. Where the
# accounts are younger than the least time, the time before them counts, with nothing.
#
# A day is one in overdraft if a balance stood below zero at any time of it, moved or not; days are
# those of UTC.
_KEPT: Final = """
WITH own AS (
  SELECT id, balance_minor, created_at FROM accounts WHERE owner_id = $1 AND currency = $2
), span AS (
  SELECT greatest(min(created_at), clock_timestamp() - make_interval(days => $3)) AS since,
         clock_timestamp() AS until,
         extract(epoch FROM clock_timestamp() - min(created_at)) / 86400 AS age
  FROM own
), held AS (
  SELECT extract(epoch FROM until - since) AS seconds,
         greatest(extract(epoch FROM until - since), $4 * 86400) AS counted_seconds
  FROM span
), moved AS (
  SELECT account_id, amount_minor, booked_at, entry_no, balance_after_minor FROM postings
  WHERE account_id IN (SELECT id FROM own) AND booked_at >= (SELECT since FROM span)
), stood AS (
  SELECT account_id, booked_at AS since, entry_no, balance_after_minor AS balance_minor FROM moved
  UNION ALL
  SELECT own.id, span.since, 0, own.balance_minor - coalesce(
    (SELECT sum(amount_minor) FROM moved WHERE account_id = own.id), 0)
  FROM own, span
), stretches AS (
  SELECT since, balance_minor,
         lead(since, 1, (SELECT until FROM span))
           OVER (PARTITION BY account_id ORDER BY entry_no) AS until
  FROM stood
)
SELECT
  coalesce((SELECT array_agg(id) FROM own), '{}') AS account_ids,
  (clock_timestamp() AT TIME ZONE 'UTC')::date AS today,
  coalesce(floor((SELECT age FROM span)), 0)::int AS relationship_days,
  coalesce((
    SELECT ((SELECT sum(balance_minor) FROM own) * held.seconds - coalesce((
      SELECT sum(amount_minor * extract(epoch FROM booked_at - since)) FROM moved, span
    ), 0)) / held.counted_seconds FROM held
  ), 0)::bigint AS average_balance_minor,
  (SELECT count(DISTINCT day) FROM stretches, generate_series(
     (since AT TIME ZONE 'UTC')::date, (until AT TIME ZONE 'UTC')::date, interval '1 day'
   ) AS day WHERE balance_minor < 0)::int AS overdraft_days
"""


class Kept(NamedTuple):
    """An owner's accounts in one currency, and how they were kept in the window to ``today``.

    The age of the oldest is in whole days; the average is over the least time at least.
    """

    account_ids: Sequence[UUID]
    today: date
    relationship_days: int
    average_balance_minor: int
    overdraft_days: int


async def how_kept(
    reader: Reader, owner_id: UUID, currency: str, days: int, *, least_days: int
) -> Kept:
    """How this owner's accounts in a currency were kept in the last ``days``.

    What was held for less than ``least_days`` is averaged over them.
    """
    row = await reader.fetchrow(_KEPT, owner_id, currency, days, least_days)
    return Kept(*(row or ()))
