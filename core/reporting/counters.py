"""The bank at a glance: counts, volumes, failure rates, settlement latency."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from core.foundation.database import Reader
from core.foundation.money import whole_sums

_COUNTERS: Final = """
SELECT (SELECT count(*) FROM accounts WHERE status <> 'closed') AS total_accounts,
       (SELECT count(*) FROM loans WHERE deleted_at IS NULL) AS total_loans,
       (SELECT count(*) FROM transactions WHERE created_at >= $1) AS total_transactions_today
"""
_PER_DAY_AND_TYPE: Final = """
SELECT (created_at AT TIME ZONE 'UTC')::date AS day, type, currency, count(*) AS count,
       count(*) FILTER (WHERE status = 'failed') AS failed,
       coalesce(sum(amount_minor) FILTER (WHERE status = 'success'), 0) AS volume_minor
FROM transactions WHERE created_at >= $1 AND created_at < $2
GROUP BY 1, 2, 3 ORDER BY 1 DESC, 2, 3
"""
_SETTLEMENT: Final = """
SELECT count(*) FILTER (WHERE status = 'pending') AS pending,
       count(*) FILTER (WHERE status = 'success') AS success,
       count(*) FILTER (WHERE status = 'failed') AS failed,
       percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM settled_at - created_at))
         AS p50_seconds,
       percentile_cont(0.99) WITHIN GROUP (ORDER BY extract(epoch FROM settled_at - created_at))
         AS p99_seconds
FROM transactions WHERE created_at >= $1 AND created_at < $2
"""


@dataclass(frozen=True, slots=True)
class Counters:
    """How many accounts (closed ones left out), loans, and transactions since midnight."""

    total_accounts: int
    total_loans: int
    total_transactions_today: int


async def counters(reader: Reader, *, midnight: datetime) -> Counters:
    """The three counters of the report."""
    row = await reader.fetchrow(_COUNTERS, midnight)
    return Counters(**dict(row or {}))


async def volumes(reader: Reader, *, since: datetime, until: datetime) -> list[dict[str, Any]]:
    """Per day, type and currency: ``count``, ``failed``, ``volume_minor`` of what settled."""
    return [whole_sums(dict(row)) for row in await reader.fetch(_PER_DAY_AND_TYPE, since, until)]


async def settlement(reader: Reader, *, since: datetime, until: datetime) -> dict[str, Any]:
    """Counts by status, and p50 and p99 of the seconds from acceptance to the final state."""
    return dict(await reader.fetchrow(_SETTLEMENT, since, until) or {})
