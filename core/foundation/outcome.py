"""What became of a commit whose answer was lost: found by what it made, or plainly not known.

After the commit nothing may say that nothing was accepted. So whoever makes something names it
here while it commits: where the answer is lost the row is looked for, and only where it cannot be
found is the caller told that the outcome is unknown, with the ids to look for.
"""

import asyncio
from typing import Final, NamedTuple
from uuid import UUID

from core.foundation.database import Database, UnitOfWork
from core.foundation.errors import OutcomeUnknown
from core.foundation.logging import describe, get_logger
from core.foundation.sqlstates import CommitUnknownError, is_retryable

log = get_logger(__name__)

LOOKS: Final = 3
SECONDS_BETWEEN_LOOKS: Final = 0.1


class Trace(NamedTuple):
    """A row that a commit leaves: the name by which an answer gives its id, the id, and the query
    of the feature that owns it, which takes the id and answers whether the row is there."""

    name: str
    id: UUID
    is_there: str


async def commit(database: Database, unit: UnitOfWork, *traces: Trace) -> None:
    """Commit ``unit``, which leaves ``traces``, its own row first.

    Returns where that row is known to be there, even if the answer to the commit was lost. Raises
    OutcomeUnknown, with the ids of all of them, where it cannot be told.
    """
    try:
        await unit.commit()
    except CommitUnknownError as lost:
        if not traces or not await is_found(database, traces[0]):
            raise OutcomeUnknown(**{trace.name: trace.id for trace in traces}) from lost
        unit.found()


async def is_found(database: Database, trace: Trace) -> bool:
    """Whether the row is on disk; False where it is not, or nobody can tell."""
    for look in range(1, LOOKS + 1):
        if look > 1:  # the commit may be under way still
            await asyncio.sleep(SECONDS_BETWEEN_LOOKS)
        try:
            async with database.read() as reader:
                if await reader.fetchval(trace.is_there, trace.id):
                    return True
        except Exception as error:
            if not is_retryable(error):
                raise
            told = {trace.name: str(trace.id)}
            log.warning("outcome_not_read", look=look, error=describe(error), **told)
    return False
