"""A run's chunks: the shares of its parts, each worked on by one worker at a time.

A lease is in the database, with an owner and an expiry: a worker that dies leaves nothing locked
for longer than ``LEASE_SECONDS``. A worker that was only slow notices at its commit that the
lease is another's, and rolls back. A chunk that fails again and again is cut in halves until what
cannot be done stands alone; it is set aside for this run.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from core.business_day.steps import Part, Share
from core.foundation.database import Connection, Database, Reader
from core.foundation.logging import describe, get_logger
from core.foundation.sqlstates import is_retryable
from core.transactions.results import all_final

log = get_logger(__name__)

LEASE_SECONDS: Final = 10
MAX_ATTEMPTS: Final = 5
# Where more would have to be set aside it is the fault of none of them.
MAX_SET_ASIDE: Final = 20
# So many chunks that wait are looked at, the first ones: they all have to come to their end.
LOOKS: Final = 4

_INSERT = """
INSERT INTO business_day_chunks (run_id, number, part, first_id, next_id, size, phase)
SELECT $1, $2 + place, $3, first_id, next_id, size, $4
FROM unnest($5::uuid[], $6::uuid[], $7::int[]) WITH ORDINALITY
  AS s (first_id, next_id, size, place)
"""
# A lease that ends later than any that is given was given before the clock stepped back.
_IS_FREE = """
phase <> 'done' AND (
  lease_until IS NULL OR lease_until < clock_timestamp()
  OR (lease_until > clock_timestamp() + make_interval(secs => 2 * $2::float8)
      AND lease_until < 'infinity')
)
"""
# A part begins when those before it are done, or given up.
_IS_NEXT = f"""
SELECT number, phase, waiting_for FROM business_day_chunks c
WHERE run_id = $1 AND {_IS_FREE} AND NOT EXISTS (
  SELECT FROM business_day_chunks e
  WHERE e.run_id = $1 AND e.phase <> 'done' AND e.lease_until IS DISTINCT FROM 'infinity'
    AND array_position($3::text[], e.part) < array_position($3::text[], c.part)
)
"""  # noqa: S608 - our own condition
# Each worker finds another: none queues for a chunk that is being taken.
_FREE = f"{_IS_NEXT} AND waiting_for = '{{}}' ORDER BY number LIMIT 1 FOR UPDATE OF c SKIP LOCKED"
_WAITING = f"{_IS_NEXT} AND waiting_for <> '{{}}' ORDER BY number LIMIT $4"
_TAKE = f"""
UPDATE business_day_chunks SET lease_owner = $5, attempts = attempts + 1,
       lease_until = clock_timestamp() + make_interval(secs => $2::float8)
WHERE run_id = $1 AND number = $3 AND phase = $4 AND {_IS_FREE}
RETURNING run_id, number, part, first_id, next_id, size, phase, attempts, waiting_for
"""  # noqa: S608 - our own condition
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
# The second half becomes a chunk of its own, the last of the run. What the chunk waited for stays
# with the first half. Each half has one more attempt before it is cut again.
_SPLIT = """
WITH first AS (
  UPDATE business_day_chunks SET next_id = $4, size = size - $6, attempts = $7,
         lease_owner = NULL, lease_until = NULL
  WHERE run_id = $1 AND number = $2 AND lease_owner = $3
  RETURNING run_id, part, phase
)
INSERT INTO business_day_chunks (run_id, number, part, first_id, next_id, size, phase, attempts)
SELECT run_id, (SELECT max(number) + 1 FROM business_day_chunks WHERE run_id = $1), part, $4, $5,
       $6, phase, $7
FROM first
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
    part: str
    share: Share
    phase: str
    attempts: int
    waiting_for: Sequence[UUID]
    owner: str


async def insert(
    connection: Connection, run_id: UUID, part: Part, shares: Sequence[Share], *, after: int
) -> None:
    """Write a part's shares as chunks at their first phase, numbered from ``after`` + 1."""
    await connection.execute(
        _INSERT,
        run_id,
        after,
        part.name,
        part.phases[0].name,
        [share.first_id for share in shares],
        [share.next_id for share in shares],
        [share.size for share in shares],
    )


async def count(reader: Reader, run_id: UUID) -> int:
    """How many chunks the run has."""
    found: int = await reader.fetchval(
        "SELECT count(*) FROM business_day_chunks WHERE run_id = $1", run_id
    )
    return found


async def take(
    connection: Connection, run_id: UUID, parts: Sequence[Part], owner: str
) -> Chunk | None:
    """Lease a chunk whose next phase can be done now; None if there is none.

    ``parts``: the run's, in their order.
    """
    names = [part.name for part in parts]
    found = await connection.fetch(_FREE, run_id, LEASE_SECONDS, names)
    if not found:
        found = await connection.fetch(_WAITING, run_id, LEASE_SECONDS, names, LOOKS)
    for free in found:
        if await all_final(connection, free["waiting_for"]):
            row = await connection.fetchrow(
                _TAKE, run_id, LEASE_SECONDS, free["number"], free["phase"], owner
            )
            if row is not None:  # None: another worker was quicker
                return _chunk(row, owner)
    return None


def _chunk(row: Any, owner: str) -> Chunk:
    return Chunk(
        run_id=row["run_id"],
        number=row["number"],
        part=row["part"],
        share=Share(row["first_id"], row["next_id"], row["size"]),
        phase=row["phase"],
        attempts=row["attempts"],
        waiting_for=row["waiting_for"],
        owner=owner,
    )


async def move_on(
    connection: Connection, chunk: Chunk, phase: str, waiting_for: Sequence[UUID] = ()
) -> None:
    """Commit with the phase's work: the chunk goes on once ``waiting_for`` are settled.

    Raises LeaseLost where the chunk is no longer held.
    """
    moved = await connection.execute(
        _MOVE_ON, chunk.run_id, chunk.number, chunk.owner, phase, list(waiting_for)
    )
    if not moved.endswith("1"):
        raise LeaseLost


async def give_back(connection: Connection, chunk: Chunk, error: str) -> None:
    """Let others try, with a note of what went wrong."""
    await connection.execute(_GIVE_BACK, chunk.run_id, chunk.number, chunk.owner, error)


async def split(connection: Connection, chunk: Chunk, second: Share) -> None:
    """Cut the chunk in halves for others to take; ``second`` is what is cut off.

    Raises LeaseLost where the chunk is no longer held.
    """
    # One at a time, for the numbers' sake.
    await connection.execute("SELECT FROM business_day_runs WHERE id = $1 FOR UPDATE", chunk.run_id)
    done = await connection.execute(
        _SPLIT, chunk.run_id, chunk.number, chunk.owner, second.first_id, second.next_id,
        min(second.size, chunk.share.size), MAX_ATTEMPTS - 1,
    )  # fmt: skip
    if not done.endswith("1"):
        raise LeaseLost


async def set_aside(connection: Connection, chunk: Chunk, error: str) -> bool:
    """Leave the chunk out of the run; False where too many were left out before.

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
            async with database.unit_of_work() as unit:
                await unit.connection.execute(
                    _EXTEND, chunk.run_id, chunk.number, chunk.owner, LEASE_SECONDS
                )
                await unit.commit()
        except Exception as error:
            if not is_retryable(error):
                raise
            log.warning("lease_not_extended", chunk=chunk.number, error=describe(error))
