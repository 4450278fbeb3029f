"""A run's chunks: all loans of some borrowers, worked on by one worker at a time.

A lease is in the database, with an owner and an expiry: a worker that dies leaves nothing locked
for longer than ``LEASE_SECONDS``. A worker that was only slow notices at its commit that the
lease is another's, and rolls back. A chunk that fails again and again is cut in halves until the
one borrower stands alone for whom it cannot be done; he is set aside for this run.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import Final
from uuid import UUID

from core.business_day.runs import Job
from core.foundation.database import Connection, Database
from core.foundation.logging import describe, get_logger
from core.foundation.sqlstates import is_retryable

log = get_logger(__name__)

CHUNK_LOANS: Final = 1_000
LEASE_SECONDS: Final = 10
MAX_ATTEMPTS: Final = 5
# Where more borrowers than this would have to be set aside it is no borrower's fault.
MAX_SET_ASIDE: Final = 20


class Phase(StrEnum):
    """What is to be done next with a chunk."""

    COLLECT = "collect"
    ASSESS = "assess"
    RECOVER = "recover"
    DONE = "done"


FIRST_PHASE: Final = {
    Job.CLOSE_DAY: Phase.COLLECT,
    Job.EMI_COLLECTION: Phase.COLLECT,
    Job.DEFAULT_RECOVERY: Phase.ASSESS,
}

# Chunks cover all borrowers without a gap, so that a loan disbursed meanwhile falls into one.
_PLAN = """
WITH borrowers AS (
  SELECT user_id, count(*) AS loans FROM loans
  WHERE status IN ('active', 'restructured') GROUP BY user_id
), numbered AS (
  SELECT user_id, loans, ((sum(loans) OVER (ORDER BY user_id) - 1) / $2)::int AS bucket
  FROM borrowers
), ranges AS (
  SELECT (array_agg(user_id ORDER BY user_id))[1] AS first_user, sum(loans)::int AS loans,
         row_number() OVER (ORDER BY bucket) AS number
  FROM numbered GROUP BY bucket
)
INSERT INTO business_day_chunks (run_id, number, first_user, next_user, loans, phase)
SELECT $1, number,
       CASE WHEN number = 1 THEN '00000000-0000-0000-0000-000000000000' ELSE first_user END,
       lead(first_user) OVER (ORDER BY number), loans, $3
FROM ranges
"""
_BEGIN = """
UPDATE business_day_runs SET status = 'running', started_at = clock_timestamp()
WHERE id = $1 AND status = 'queued' RETURNING job
"""
# A lease that ends later than any that is given was given before the clock stepped back.
_TAKE = """
UPDATE business_day_chunks SET lease_owner = $2, attempts = attempts + 1,
       lease_until = clock_timestamp() + make_interval(secs => $3)
WHERE (run_id, number) = (
  SELECT run_id, number FROM business_day_chunks c
  WHERE run_id = $1 AND phase <> 'done'
    AND (lease_until IS NULL OR lease_until < clock_timestamp() OR (
      lease_until > clock_timestamp() + make_interval(secs => 2 * $3) AND lease_until < 'infinity'
    ))
    AND NOT EXISTS (
      SELECT FROM unnest(c.waiting_for) AS awaited (id)
      JOIN transactions t ON t.id = awaited.id AND t.status = 'pending'
    )
  ORDER BY number LIMIT 1 FOR UPDATE SKIP LOCKED
)
RETURNING run_id, number, first_user, next_user, loans, phase, attempts, waiting_for
"""
_EXTEND = """
UPDATE business_day_chunks SET lease_until = clock_timestamp() + make_interval(secs => $4)
WHERE run_id = $1 AND number = $2 AND lease_owner = $3
"""
_MOVE_ON = """
UPDATE business_day_chunks SET phase = $4, waiting_for = $5, attempts = 0, error = NULL,
       lease_owner = NULL, lease_until = NULL
WHERE run_id = $1 AND number = $2 AND lease_owner = $3
"""
_GIVE_BACK = """
UPDATE business_day_chunks SET lease_owner = NULL, lease_until = NULL, error = $4
WHERE run_id = $1 AND number = $2 AND lease_owner = $3
"""
# The second half of a chunk's borrowers becomes a chunk of its own, the last of the run. What the
# chunk waited for stays with the first half. Each half has one more attempt before it is cut again.
_SPLIT = """
WITH borrowers AS (
  SELECT user_id, count(*) AS loans, row_number() OVER (ORDER BY user_id) AS place,
         count(*) OVER () AS number
  FROM loans WHERE user_id >= $4 AND ($5::uuid IS NULL OR user_id < $5)
    AND status IN ('active', 'restructured')
  GROUP BY user_id
), second AS (
  SELECT (array_agg(user_id ORDER BY user_id))[1] AS first_user,
         least(sum(loans), $6)::int AS loans
  FROM borrowers WHERE place > number / 2 AND number > 1
), first AS (
  UPDATE business_day_chunks c SET next_user = s.first_user, loans = c.loans - s.loans,
         attempts = $7, lease_owner = NULL, lease_until = NULL
  FROM second s
  WHERE c.run_id = $1 AND c.number = $2 AND c.lease_owner = $3 AND s.first_user IS NOT NULL
  RETURNING c.run_id, c.phase
)
INSERT INTO business_day_chunks (run_id, number, first_user, next_user, loans, phase, attempts)
SELECT f.run_id, (SELECT max(number) + 1 FROM business_day_chunks WHERE run_id = $1),
       s.first_user, $5, s.loans, f.phase, $7
FROM first f, second s
"""
_LOANS = """
SELECT id FROM loans WHERE user_id >= $1 AND ($2::uuid IS NULL OR user_id < $2)
  AND status IN ('active', 'restructured') ORDER BY id
"""
_COUNT_SET_ASIDE = """
SELECT count(*) FROM business_day_chunks WHERE run_id = $1 AND phase = 'done' AND error IS NOT NULL
"""
_SET_ASIDE = """
UPDATE business_day_chunks SET phase = 'done', error = $4, lease_owner = NULL, lease_until = NULL
WHERE run_id = $1 AND number = $2 AND lease_owner = $3
"""
# A lease for ever: nobody tries again in this run, and the other chunks go on.
_GIVE_UP = """
UPDATE business_day_chunks SET lease_owner = 'given up', lease_until = 'infinity', error = $4
WHERE run_id = $1 AND number = $2 AND lease_owner = $3
"""


class LeaseLost(Exception):  # noqa: N818 - an event between workers, not an error
    """Another worker took the chunk over; the unit of work rolls back."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """A chunk that this worker holds, and the phase to do."""

    run_id: UUID
    number: int
    first_user: UUID
    next_user: UUID | None
    loans: int
    phase: Phase
    attempts: int
    waiting_for: Sequence[UUID]
    owner: str


async def plan(connection: Connection, run_id: UUID) -> None:
    """Cut a queued run into chunks and set it running; a run that is under way stays as it is."""
    job = await connection.fetchval(_BEGIN, run_id)
    if job is None:
        return
    await connection.execute(_PLAN, run_id, CHUNK_LOANS, FIRST_PHASE[Job(job)].value)
    if job != Job.EMI_COLLECTION:
        await connection.execute(
            "UPDATE business_day_runs SET total = coalesce("
            "(SELECT sum(loans) FROM business_day_chunks WHERE run_id = $1), 0) WHERE id = $1",
            run_id,
        )


async def count(connection: Connection, run_id: UUID) -> int:
    """How many chunks the run has."""
    found: int = await connection.fetchval(
        "SELECT count(*) FROM business_day_chunks WHERE run_id = $1", run_id
    )
    return found


async def take(connection: Connection, run_id: UUID, owner: str) -> Chunk | None:
    """Lease a chunk whose next phase can be done now; None if there is none."""
    row = await connection.fetchrow(_TAKE, run_id, owner, LEASE_SECONDS)
    if row is None:
        return None
    return Chunk(
        run_id=row["run_id"],
        number=row["number"],
        first_user=row["first_user"],
        next_user=row["next_user"],
        loans=row["loans"],
        phase=Phase(row["phase"]),
        attempts=row["attempts"],
        waiting_for=row["waiting_for"],
        owner=owner,
    )


async def move_on(
    connection: Connection, chunk: Chunk, phase: Phase, waiting_for: Sequence[UUID] = ()
) -> None:
    """Commit with the phase's work: the chunk goes on once ``waiting_for`` are settled.

    Raises LeaseLost where the chunk is no longer held.
    """
    moved = await connection.execute(
        _MOVE_ON, chunk.run_id, chunk.number, chunk.owner, phase.value, list(waiting_for)
    )
    if not moved.endswith("1"):
        raise LeaseLost


async def loans_of(connection: Connection, chunk: Chunk) -> list[UUID]:
    """The running loans of the chunk's borrowers."""
    rows = await connection.fetch(_LOANS, chunk.first_user, chunk.next_user)
    return [row["id"] for row in rows]


async def give_back(connection: Connection, chunk: Chunk, error: str) -> None:
    """Let others try, with a note of what went wrong."""
    await connection.execute(_GIVE_BACK, chunk.run_id, chunk.number, chunk.owner, error)


async def split(connection: Connection, chunk: Chunk) -> bool:
    """Cut the chunk in halves for others to take; False where it holds one borrower only."""
    # One at a time, for the numbers' sake.
    await connection.execute("SELECT FROM business_day_runs WHERE id = $1 FOR UPDATE", chunk.run_id)
    done = await connection.execute(
        _SPLIT, chunk.run_id, chunk.number, chunk.owner, chunk.first_user, chunk.next_user,
        chunk.loans, MAX_ATTEMPTS - 1,
    )  # fmt: skip
    return done.endswith("1")


async def set_aside(connection: Connection, chunk: Chunk, error: str) -> bool:
    """Leave the one borrower out of the run; False where too many were left out before.

    Raises LeaseLost where the chunk is no longer held.
    """
    if await connection.fetchval(_COUNT_SET_ASIDE, chunk.run_id) >= MAX_SET_ASIDE:
        return False
    done = await connection.execute(_SET_ASIDE, chunk.run_id, chunk.number, chunk.owner, error)
    if not done.endswith("1"):
        raise LeaseLost
    return True


async def give_up(connection: Connection, chunk: Chunk, error: str) -> None:
    """Leave the chunk as it is for the rest of the run, which will have failed."""
    await connection.execute(_GIVE_UP, chunk.run_id, chunk.number, chunk.owner, error)


@asynccontextmanager
async def kept(database: Database, chunk: Chunk) -> AsyncIterator[None]:
    """Extend the chunk's lease for as long as the block runs; what fails is tried again in time."""
    extender = asyncio.create_task(_extend(database, chunk))
    try:
        yield
    finally:
        extender.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await extender


async def _extend(database: Database, chunk: Chunk) -> None:
    while True:
        await asyncio.sleep(LEASE_SECONDS / 3)
        try:
            async with database.raw_connection() as connection:
                await connection.execute(
                    _EXTEND, chunk.run_id, chunk.number, chunk.owner, LEASE_SECONDS
                )
        except Exception as error:
            if not is_retryable(error):
                raise
            log.warning("lease_not_extended", chunk=chunk.number, error=describe(error))
