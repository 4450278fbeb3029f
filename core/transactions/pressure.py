"""Batches wait at the door while settlement is behind.

A batch is accepted with far less work than it takes to settle it. Without a limit, a few clients
that send batch after batch make a backlog in which everybody's transactions wait. A process lets
one batch in at a time, and none while more than ``MAX_PENDING`` transactions are pending; single
submissions never wait. Patience is limited: acceptance must not depend on a worker being alive.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from time import monotonic
from typing import Final

from core.database import Database

MAX_PENDING: Final = 5_000
PATIENCE_SECONDS: Final = 5.0
LOOK_SECONDS: Final = 0.02

# Counts no further than it must.
_CROWDED: Final = """
SELECT count(*) > $1 FROM (
  SELECT FROM transactions WHERE status = 'pending' LIMIT $1 + 1
) AS waiting
"""


class BatchGate:
    """The gate of one process."""

    def __init__(
        self,
        database: Database,
        *,
        max_pending: int = MAX_PENDING,
        patience_seconds: float = PATIENCE_SECONDS,
    ) -> None:
        self._database = database
        self._max_pending = max_pending
        self._patience_seconds = patience_seconds
        self._turn = asyncio.Lock()

    @asynccontextmanager
    async def admitted(self) -> AsyncIterator[None]:
        """Wait for this batch's turn and for room; the block accepts it."""
        async with self._turn:
            deadline = monotonic() + self._patience_seconds
            while monotonic() < deadline and await self._is_crowded():  # noqa: ASYNC110
                await asyncio.sleep(LOOK_SECONDS)
            yield

    async def _is_crowded(self) -> bool:
        async with self._database.raw_connection() as connection:
            return bool(await connection.fetchval(_CROWDED, self._max_pending))
