"""How much one member of staff has moved by hand on one account lately."""

from datetime import datetime
from typing import Final
from uuid import UUID

from core.foundation.database import Connection

# Ids begin with their time, to the millisecond: the account's index ends where the time does.
_TIME_BITS_BELOW: Final = 80
_LOCK = "SELECT pg_advisory_xact_lock(hashtextextended('by-hand:' || $1, 0))"
# What a second person has approved is not counted again.
_SUM = """
SELECT coalesce(sum(amount_minor), 0)::bigint FROM transactions
WHERE (debit_account_id = $1 OR credit_account_id = $1) AND id >= $2
  AND type = $3 AND initiated_by = $4 AND status <> 'failed' AND created_at >= $5
  AND NOT coalesce(details ? 'approval_id', false)
"""


async def lock_sum(connection: Connection, kind: str, by: UUID, account_id: UUID) -> None:
    """Let nobody else add to this sum until the unit of work ends."""
    await connection.execute(_LOCK, f"{kind}:{by}:{account_id}")


async def moved_by_hand(
    connection: Connection, kind: str, by: UUID, account_id: UUID, since: datetime
) -> int:
    """The sum in minor units of what ``by`` has moved there, alone, by transactions of a kind."""
    first = UUID(int=int(since.timestamp() * 1000) << _TIME_BITS_BELOW)
    moved: int = await connection.fetchval(_SUM, account_id, first, kind, by, since)
    return moved
