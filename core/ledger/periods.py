"""Accounting periods: the books are locked through a date, for good.

What belongs to a locked period is booked on the first open date (``moment``); the database refuses
what is not, once a statement, by the trigger on the postings (migration 0031). A lock never moves
back: what was wrong in a locked period is put right in the open one.

A lock binds every statement that begins after its commit. Units of work that had posted already may
still commit into the period: the lock is **sealed** when the last of them has ended, and notes the
last posting's number by then. Numbers and not times, since a clock may be set back.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final
from uuid import UUID

from core.foundation.database import Connection, Database, Reader, UnitOfWork
from core.foundation.errors import PeriodLocked, PeriodNotOver
from core.ledger.moment import read_moment
from core.ledger.under_way import last_begun, wait_until_ended

# Units of work last milliseconds; what takes longer than this is waited for by the next who asks.
PATIENCE_SECONDS: Final = 10.0
_ONE_AT_A_TIME: Final = 0x6769726F_03

_COLUMNS = "locked_through, locked_at, locked_by, reason, through_entry_no IS NOT NULL AS sealed"
_LAST = f"SELECT {_COLUMNS} FROM accounting_periods ORDER BY locked_through DESC LIMIT 1"  # noqa: S608
_PAGE = f"""
SELECT {_COLUMNS} FROM accounting_periods
WHERE $1::date IS NULL OR locked_through < $1 ORDER BY locked_through DESC LIMIT $2
"""  # noqa: S608 - columns of this file
_LOCK = f"""
INSERT INTO accounting_periods (locked_through, locked_at, locked_by, reason)
VALUES ($1, $2, $3, $4) RETURNING {_COLUMNS}
"""  # noqa: S608 - columns of this file
_SEAL = """
UPDATE accounting_periods
SET through_entry_no = coalesce(pg_sequence_last_value('postings_entry_no_seq'), 0)
WHERE locked_through <= $1 AND through_entry_no IS NULL
"""


@dataclass(frozen=True, slots=True)
class Lock:
    """The books are locked through a date; ``sealed`` once nothing under way can evade it."""

    locked_through: date
    locked_at: datetime
    locked_by: UUID
    reason: str | None
    sealed: bool


async def lock_through(
    unit: UnitOfWork, day: date, *, by: UUID, reason: str | None, time_zone: str
) -> tuple[Lock, bool]:
    """Lock the books through ``day``; answers the lock, and whether it is new. The caller commits.

    The same date again is the same lock. Raises PeriodNotOver for a date that is not over by the
    bank's business date, PeriodLocked where a later one is locked already.
    """
    connection = unit.connection
    await connection.execute("SELECT pg_advisory_xact_lock($1)", _ONE_AT_A_TIME)
    last = await _last(connection)
    if last is not None and day == last.locked_through:
        return last, False
    if last is not None and day < last.locked_through:
        raise PeriodLocked(f"the books are locked through {last.locked_through} already")
    moment = await read_moment(connection)
    yesterday = moment.business_date(time_zone) - timedelta(days=1)
    if day > yesterday:
        raise PeriodNotOver(f"{day} is not over; the books may be locked through {yesterday}")
    row = await connection.fetchrow(_LOCK, day, moment.now, by, reason)
    if row is None:
        raise AssertionError("an insert answers its row")
    return Lock(*row), True


async def seal(database: Database, lock: Lock) -> Lock:
    """Wait for what was under way when ``lock`` was committed, and note that it has ended.

    Answers the lock unsealed where that takes too long: it holds, and may be sealed later.
    """
    try:
        mark = await last_begun(database)
        await wait_until_ended(database, mark, patience_seconds=PATIENCE_SECONDS)
    except TimeoutError:
        return lock
    async with database.unit_of_work() as unit:
        await unit.connection.execute(_SEAL, lock.locked_through)
        await unit.commit()
    return Lock(lock.locked_through, lock.locked_at, lock.locked_by, lock.reason, sealed=True)


async def page_of_locks(reader: Reader, *, before: date | None, limit: int) -> list[Lock]:
    """Up to ``limit`` locks, the latest first, those before the date ``before``."""
    return [Lock(*row) for row in await reader.fetch(_PAGE, before, limit)]


async def _last(connection: Connection) -> Lock | None:
    row = await connection.fetchrow(_LAST)
    return None if row is None else Lock(*row)
