"""Scheduled runs, each recorded for the instant at which it fell due, so that it runs once.

Only the leader begins one, and one after the other, inside its fence: a run that began and never
ended belonged to a leader that is none any more, and may be begun again at once.
"""

from datetime import datetime

from core.foundation.database import Database

_BEGIN = """
INSERT INTO scheduler_ticks (job, due_at, started_at) VALUES ($1, $2, clock_timestamp())
ON CONFLICT (job, due_at) DO UPDATE SET started_at = excluded.started_at, error = NULL
  WHERE scheduler_ticks.finished_at IS NULL
RETURNING job
"""
_END = """
UPDATE scheduler_ticks SET error = $3,
       finished_at = CASE WHEN $3::text IS NULL THEN clock_timestamp() END
WHERE job = $1 AND due_at = $2
"""


async def begin_tick(database: Database, job: str, due_at: datetime) -> bool:
    """Whether the leader is to run ``job`` for ``due_at``: that was not done to its end."""
    async with database.unit_of_work() as unit:
        begun = await unit.connection.fetchval(_BEGIN, job, due_at)
        await unit.commit()
    return begun is not None


async def end_tick(
    database: Database, job: str, due_at: datetime, error: str | None = None
) -> None:
    """Record the end; a run with an error stays open and may be begun again."""
    async with database.unit_of_work() as unit:
        await unit.connection.execute(_END, job, due_at, error)
        await unit.commit()
