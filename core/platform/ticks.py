"""Scheduled runs, each recorded for the instant at which it fell due, so that it runs once."""

from datetime import datetime, timedelta
from typing import Final

from core.database import Database

# A run that began and never ended belonged to a scheduler that died: after this it may be redone.
ABANDONED_AFTER: Final = timedelta(minutes=10)

_BEGIN = """
INSERT INTO scheduler_ticks (job, due_at, started_at) VALUES ($1, $2, $3)
ON CONFLICT (job, due_at) DO UPDATE SET started_at = excluded.started_at, error = NULL
  WHERE scheduler_ticks.finished_at IS NULL
    AND (scheduler_ticks.started_at < $4 OR scheduler_ticks.error IS NOT NULL)
RETURNING job
"""
_END = """
UPDATE scheduler_ticks SET finished_at = $3, error = $4 WHERE job = $1 AND due_at = $2
"""


async def begin_tick(database: Database, job: str, due_at: datetime, now: datetime) -> bool:
    """Whether this caller may run ``job`` for ``due_at``: nobody has, or who began it died."""
    async with database.raw_unit_of_work() as connection:
        begun = await connection.fetchval(_BEGIN, job, due_at, now, now - ABANDONED_AFTER)
    return begun is not None


async def end_tick(
    database: Database, job: str, due_at: datetime, now: datetime, error: str | None = None
) -> None:
    """Record the end; a run with an error stays open and may be begun again."""
    async with database.raw_unit_of_work() as connection:
        await connection.execute(_END, job, due_at, None if error else now, error)
