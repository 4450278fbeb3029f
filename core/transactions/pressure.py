"""Batches wait at the door while settlement is behind.

A batch is accepted with far less work than it takes to settle it. Without a limit, a few clients
that send batch after batch make a backlog in which everybody's transactions wait. A process lets
one batch in at a time, and none while more than ``MAX_PENDING`` transactions are pending; single
submissions never wait. Patience is limited: acceptance must not depend on a worker being alive.
Few batches may wait; the others are refused at once, before they are read.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from time import monotonic
from typing import Final
from uuid import UUID

from core.foundation.database import Database
from core.foundation.turns import Turns

MAX_PENDING: Final = 5_000
PATIENCE_SECONDS: Final = 5.0
LOOK_SECONDS: Final = 0.02
# Batches that are read or wait to be accepted in one process: each is some megabytes of it.
PLACES: Final = 32
PLACES_EACH: Final = 8
# Batches that wait to be read: each is little more than a connection.
WAITING: Final = 96
WAITING_EACH: Final = 48
TURN_WITHIN_SECONDS: Final = 10.0

# Counts no further than it must.
_CROWDED: Final = """
SELECT count(*) > $1 FROM (
  SELECT FROM transactions WHERE status = 'pending' LIMIT $1 + 1
) AS waiting
"""


class BatchGate:
    """The gate of one process.

    A batch first takes a place, before it is read, of which there are few, and fewer for each
    customer; then its turn, in rounds among the customers.
    """

    def __init__(
        self,
        database: Database,
        *,
        max_pending: int = MAX_PENDING,
        patience_seconds: float = PATIENCE_SECONDS,
        places: int = PLACES,
        places_each: int = PLACES_EACH,
        turn_within_seconds: float = TURN_WITHIN_SECONDS,
    ) -> None:
        self._database = database
        self._max_pending = max_pending
        self._patience_seconds = patience_seconds
        self._places = Turns(
            "batch_places",
            places,
            running_each=places_each,
            max_waiting=WAITING,
            waiting_each=WAITING_EACH,
            patience_seconds=turn_within_seconds,
        )
        self._turns = Turns("batches", 1, max_waiting=places, patience_seconds=turn_within_seconds)

    @asynccontextmanager
    async def place(self, whose: UUID) -> AsyncIterator[None]:
        """Room for one batch to be read. Raises Overloaded, at once where too many want some."""
        async with self._places.turn(whose):
            yield

    @asynccontextmanager
    async def admitted(self, whose: UUID) -> AsyncIterator[None]:
        """Wait for this batch's turn and for room; the block accepts it.

        Raises Overloaded where its turn does not come in time.
        """
        async with self._turns.turn(whose):
            deadline = monotonic() + self._patience_seconds
            while monotonic() < deadline and await self._is_crowded():  # noqa: ASYNC110
                await asyncio.sleep(LOOK_SECONDS)
            yield

    async def _is_crowded(self) -> bool:
        async with self._database.read() as reader:
            return bool(await reader.fetchval(_CROWDED, self._max_pending))
