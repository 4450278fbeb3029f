"""Which scheduler leads: a lease in the database, kept by beats, fenced by its term.

The leader beats about once a second. A candidate that has seen the same beat of the same term for
``LEASE_SECONDS`` *by its own monotonic clock* takes the lease with the next term: no host's wall
clock, and not the database's either, has a say, so that none may step. A leader that was only
slow, stopped or cut off finds out at its next beat, or at its next duty: every unit of work of a
leader begins with ``fence``, which holds the term until the commit, and whoever takes the lease
waits for the commits under way. What a deposed leader still tries is rolled back.

See docs/decisions/0016 for why this is no advisory lock.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NoReturn
from uuid import UUID

from core.foundation.database import Bounds, Connection, Database, UnitOfWork

BEAT_SECONDS: Final = 1.0
LOOK_SECONDS: Final = 0.5
LEASE_SECONDS: Final = 3.0
# A leader that could not renew stops before anybody else may begin.
RENEWED_WITHIN_SECONDS: Final = 2.5

_LOOK = "SELECT holder, term, beat FROM scheduler_leadership WHERE id = 1"
# The one statement that conflicts with the fences of the units of work under way: it waits.
_LOOK_AND_HOLD = f"{_LOOK} FOR UPDATE"
_TAKE = """
UPDATE scheduler_leadership SET holder = $1, term = term + 1, beat = 0,
       taken_at = clock_timestamp(), renewed_at = clock_timestamp()
WHERE id = 1 RETURNING term
"""
_RENEW = """
UPDATE scheduler_leadership SET beat = beat + 1, renewed_at = clock_timestamp()
WHERE id = 1 AND holder = $1 AND term = $2 RETURNING beat
"""
_RESIGN = "UPDATE scheduler_leadership SET holder = NULL WHERE id = 1 AND holder = $1 AND term = $2"
# A leader that hangs in a unit of work must not hold off its heirs: the server ends it.
_FENCE = """
SELECT set_config('idle_in_transaction_session_timeout', $3, true) FROM scheduler_leadership
WHERE id = 1 AND holder = $1 AND term = $2 FOR KEY SHARE
"""
_HUNG_AFTER_MS: Final = str(int(LEASE_SECONDS * 1000))


class Deposed(asyncio.CancelledError):
    """Another scheduler leads: whatever this one was doing is cancelled and rolled back.

    A cancellation and no ordinary error, so that nobody on the way tries again or notes a failure.
    """


@dataclass(frozen=True, slots=True)
class Term:
    """A scheduler's time in office; numbers only grow."""

    holder: UUID
    number: int


@dataclass(frozen=True, slots=True)
class Beat:
    """What a candidate sees of the lease. ``holder`` None: it is vacant."""

    holder: UUID | None
    term: int
    number: int


class Candidate:
    """One who would lead; ``clock`` is monotonic, in seconds."""

    def __init__(self, holder: UUID, clock: Callable[[], float] = time.monotonic) -> None:
        self._holder = holder
        self._clock = clock
        self._seen: Beat | None = None
        self._seen_since = 0.0

    async def stand(self, connection: Connection) -> Term | None:
        """Look at the lease once, and take it if nobody keeps it."""
        seen = _beat(await connection.fetchrow(_LOOK))
        if not self.may_take(seen):
            return None
        async with connection.transaction():
            if _beat(await connection.fetchrow(_LOOK_AND_HOLD)) != seen:
                return None
            return Term(self._holder, await connection.fetchval(_TAKE, self._holder))

    def may_take(self, seen: Beat) -> bool:
        """Whether the lease is vacant, our own of an earlier term, or silent for too long."""
        if seen != self._seen:
            self._seen, self._seen_since = seen, self._clock()
        silent = self._clock() - self._seen_since >= LEASE_SECONDS
        return seen.holder is None or seen.holder == self._holder or silent


def _beat(row: Any) -> Beat:
    if row is None:
        raise LookupError("the scheduler's lease has no row: the schema is not Giro's")
    return Beat(*row)


async def renew(connection: Connection, term: Term) -> bool:
    """Beat once; False where another has taken the lease."""
    return await connection.fetchval(_RENEW, term.holder, term.number) is not None


async def resign(connection: Connection, term: Term) -> None:
    """Leave the lease vacant, if it is still ours: somebody else may take it at once."""
    await connection.execute(_RESIGN, term.holder, term.number)


async def fence(connection: Connection, term: Term) -> None:
    """Hold ``term`` until the end of this unit of work. Raises Deposed where it is over."""
    if await connection.fetchval(_FENCE, term.holder, term.number, _HUNG_AFTER_MS) is None:
        raise Deposed(f"term {term.number} is over")


class FencedDatabase(Database):
    """The database as a leader may use it: every unit of work begins with the fence."""

    term: Term

    @asynccontextmanager
    async def unit_of_work(self, bounds: Bounds | None = None) -> AsyncIterator[UnitOfWork]:
        """As ``Database.unit_of_work``. Raises Deposed."""
        async with super().unit_of_work(bounds) as unit:
            await fence(unit.connection, self.term)
            yield unit

    def autocommit(self) -> NoReturn:
        """Nothing goes past the fence."""
        raise AssertionError("a leader writes in units of work, inside its fence")


async def database_now(database: Database) -> datetime:
    """The instant by the database's clock, which is the bank's."""
    async with database.read() as reader:
        now: datetime = await reader.fetchval("SELECT clock_timestamp()")
    return now
