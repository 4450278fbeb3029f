"""What became of a commit whose answer was lost: found by what it made, or plainly not known.

After the commit nothing may say that nothing was accepted. So whoever makes something names it
here while it commits: where the answer is lost the row is looked for, and only where it cannot be
found is the caller told that the outcome is unknown, with the ids to look for.
"""

import asyncio
from collections.abc import Mapping
from typing import Final
from uuid import UUID

from core.foundation.database import Database, UnitOfWork
from core.foundation.errors import OutcomeUnknown
from core.foundation.logging import describe, get_logger
from core.foundation.sqlstates import CommitUnknownError, is_retryable

log = get_logger(__name__)

LOOKS: Final = 3
SECONDS_BETWEEN_LOOKS: Final = 0.1
# By the name that an answer gives the id.
_THERE: Final[Mapping[str, str]] = {
    "transaction_id": "SELECT EXISTS (SELECT FROM transactions WHERE id = $1)",
    "batch_id": "SELECT EXISTS (SELECT FROM transaction_batches WHERE id = $1)",
    "account_id": "SELECT EXISTS (SELECT FROM accounts WHERE id = $1)",
    "loan_id": "SELECT EXISTS (SELECT FROM loans WHERE id = $1)",
    "user_id": "SELECT EXISTS (SELECT FROM users WHERE id = $1)",
    "approval_id": "SELECT EXISTS (SELECT FROM approvals WHERE id = $1)",
    "decision_id": "SELECT EXISTS (SELECT FROM approvals WHERE decision_id = $1)",
    "run_id": "SELECT EXISTS (SELECT FROM business_day_runs WHERE id = $1)",
}


async def commit(database: Database, unit: UnitOfWork, **made: UUID) -> None:
    """Commit ``unit``, which makes what ``made`` names, its own row first: ``account_id=…``.

    Returns where that row is known to be there, even if the answer to the commit was lost. Raises
    OutcomeUnknown, with all of ``made``, where it cannot be told.
    """
    try:
        await unit.commit()
    except CommitUnknownError as lost:
        if not await is_there(database, **made):
            raise OutcomeUnknown(**made) from lost
        unit.found()


async def is_there(database: Database, **made: UUID) -> bool:
    """Whether the first of ``made`` is on disk; False where it is not, or nobody can tell."""
    name, row_id = next(iter(made.items()))
    for look in range(1, LOOKS + 1):
        try:
            async with database.read() as reader:
                if await reader.fetchval(_THERE[name], row_id):
                    return True
        except Exception as error:
            if not is_retryable(error):
                raise
            log.warning("outcome_not_read", look=look, error=describe(error), **{name: str(row_id)})
        await asyncio.sleep(SECONDS_BETWEEN_LOOKS)
    return False
