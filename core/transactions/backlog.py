"""What is waiting to be settled."""

from dataclasses import dataclass
from datetime import datetime

from core.database import Database

_BACKLOG = """
SELECT count(*) AS pending, min(created_at) AS oldest FROM transactions WHERE status = 'pending'
"""
_WAITING = """
SELECT EXISTS (
  SELECT FROM (
    SELECT created_at FROM transactions WHERE status = 'pending' ORDER BY seq LIMIT 1
  ) AS first WHERE created_at < $1
)
"""


@dataclass(frozen=True, slots=True)
class Backlog:
    """How many transactions are pending, and since when the oldest."""

    pending: int
    oldest: datetime | None


async def backlog(database: Database) -> Backlog:
    """The backlog at this moment."""
    async with database.raw_connection() as connection:
        row = await connection.fetchrow(_BACKLOG)
    return Backlog(row["pending"], row["oldest"]) if row else Backlog(0, None)


async def has_waited_since(database: Database, instant: datetime) -> bool:
    """Whether the first pending transaction was accepted before ``instant``."""
    async with database.raw_connection() as connection:
        return bool(await connection.fetchval(_WAITING, instant))
