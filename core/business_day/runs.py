"""Runs of the business day's jobs: one per job and date under way, with progress to look at."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

from core.business_day import notices
from core.business_day.dates import BankClock, refuse_future
from core.business_day.steps import Progress
from core.foundation.database import Connection, Reader
from core.foundation.errors import RunNotFound
from core.foundation.ids import new_id
from core.foundation.outcome import Trace
from core.ledger.moment import mark_closed
from core.notifications import inbox

_IS_THERE = "SELECT EXISTS (SELECT FROM business_day_runs WHERE id = $1)"
# The job that closes its date: once a run of it is completed, the bank's date has moved on.
CLOSE_DAY: Final = "close-day"


@dataclass(frozen=True, slots=True)
class Run:
    """A run and its progress."""

    id: UUID
    job: str
    business_date: date
    status: str
    total: int
    done: int
    succeeded: int
    failed: int
    started_at: datetime | None
    finished_at: datetime | None
    error: str | None

    @property
    def is_over(self) -> bool:
        """Whether it has completed or failed."""
        return self.status in {"completed", "failed"}


_COLUMNS = """
id, job, business_date, status, total, done, succeeded, failed, started_at, finished_at, error
"""
_START = """
INSERT INTO business_day_runs (id, job, business_date, requested_by, created_at)
VALUES ($1, $2, $3, $4, clock_timestamp())
ON CONFLICT (job, business_date) WHERE status IN ('queued', 'running') DO NOTHING
"""
_UNDER_WAY = """
SELECT id FROM business_day_runs
WHERE job = $1 AND business_date = $2 AND status IN ('queued', 'running')
"""
_BEGIN = f"""
UPDATE business_day_runs SET status = 'running', started_at = clock_timestamp()
WHERE id = $1 AND status = 'queued' RETURNING {_COLUMNS}
"""  # noqa: S608 - our own columns
_FIND = f"SELECT {_COLUMNS} FROM business_day_runs WHERE id = $1"  # noqa: S608 - our own columns
_LATEST = f"""
SELECT {_COLUMNS} FROM business_day_runs
WHERE ($1::text IS NULL OR status = $1) AND ($2::uuid IS NULL OR id < $2)
ORDER BY id DESC LIMIT $3
"""  # noqa: S608 - our own columns
# What was begun later than now, or is held for longer than anybody may, was so before the
# database's clock stepped back.
_FORGOTTEN = """
SELECT r.id FROM business_day_runs r
WHERE r.status IN ('queued', 'running')
  AND r.created_at NOT BETWEEN clock_timestamp() - interval '5 seconds' AND clock_timestamp()
  AND NOT EXISTS (
    SELECT FROM business_day_chunks c WHERE c.run_id = r.id
      AND c.lease_until BETWEEN clock_timestamp()
                            AND clock_timestamp() + make_interval(secs => 2 * $1::float8)
  )
ORDER BY r.created_at
"""
_COUNT = """
UPDATE business_day_runs SET total = total + $2, succeeded = succeeded + $3, failed = failed + $4,
       done = done + $3 + $4
WHERE id = $1
"""
# A chunk that was given up holds its lease for ever; one that was set aside is done with an error.
_FINISH = """
UPDATE business_day_runs r SET finished_at = clock_timestamp(), error = rest.error,
       status = CASE WHEN rest.given_up > 0 THEN 'failed' ELSE 'completed' END
FROM (
  SELECT count(*) FILTER (
           WHERE phase <> 'done' AND lease_until IS DISTINCT FROM 'infinity'
         ) AS open,
         count(*) FILTER (WHERE phase <> 'done' AND lease_until = 'infinity') AS given_up,
         min(error) FILTER (WHERE phase = 'done' OR lease_until = 'infinity') AS error
  FROM business_day_chunks WHERE run_id = $1
) AS rest
WHERE r.id = $1 AND r.status = 'running' AND rest.open = 0
RETURNING r.job, r.business_date, r.status
"""


async def start(
    connection: Connection,
    job: str,
    business_date: date,
    bank_clock: BankClock,
    requested_by: UUID | None = None,
) -> UUID:
    """Start a run, or join the one under way for the same job and date; answers its id.

    The one door to a run: what is not due yet is never collected. Raises BusinessDateInFuture.
    """
    await refuse_future(connection, business_date, bank_clock)
    while True:
        run_id = new_id()
        made = await connection.execute(_START, run_id, job, business_date, requested_by)
        if made.endswith("1"):
            return run_id
        known: UUID | None = await connection.fetchval(_UNDER_WAY, job, business_date)
        if known is not None:
            return known


async def begin(connection: Connection, run_id: UUID) -> Run | None:
    """Set a queued run running; None where it is under way or over, or unknown."""
    row: Any = await connection.fetchrow(_BEGIN, run_id)
    return None if row is None else _run(row)


async def find(reader: Reader, run_id: UUID) -> Run:
    """The run. Raises RunNotFound."""
    row: Any = await reader.fetchrow(_FIND, run_id)
    if row is None:
        raise RunNotFound
    return _run(row)


async def latest(
    reader: Reader, *, status: str | None, before_id: UUID | None, limit: int
) -> list[Run]:
    """The newest runs first: all, or those of one status; before a run if one is given."""
    return [_run(row) for row in await reader.fetch(_LATEST, status, before_id, limit)]


def _run(row: Any) -> Run:
    return Run(*row)


async def forgotten(reader: Reader, lease_seconds: float) -> list[UUID]:
    """The unfinished runs, some seconds old, of which nobody holds a chunk; oldest first.

    ``lease_seconds``: for how long a chunk is held at most.
    """
    return [row["id"] for row in await reader.fetch(_FORGOTTEN, lease_seconds)]


async def count(connection: Connection, run_id: UUID, progress: Progress) -> None:
    """Add to the run's counts, in the unit of work of what they count."""
    total, succeeded, failed = progress.total, progress.succeeded, progress.failed
    if total or succeeded or failed:
        await connection.execute(_COUNT, run_id, total, succeeded, failed)


async def finish(connection: Connection, run_id: UUID) -> bool:
    """End the run if nothing is left to do; whether this was its end.

    ``close-day`` closes its date. With chunks given up the run has failed: the staff are told, the
    date stays open, and the job can be run for it again.
    """
    row: Any = await connection.fetchrow(_FINISH, run_id)
    if row is None:
        return False
    job, day = row["job"], row["business_date"]
    if row["status"] == "failed":
        await inbox.write(connection, [notices.run_failed(run_id, job, day)])
    elif job == CLOSE_DAY:
        await mark_closed(connection, day)
    return True


def trace(run_id: UUID) -> Trace:
    """How a run is found whose commit was not answered."""
    return Trace("run_id", run_id, _IS_THERE)
