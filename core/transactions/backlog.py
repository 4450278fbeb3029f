"""What is waiting to be settled."""

import asyncio
from dataclasses import dataclass
from datetime import datetime
from math import nan
from time import monotonic
from typing import Final

from redis.exceptions import RedisError

from core.foundation import clock, metrics
from core.foundation.database import Database
from core.foundation.jobs import QUEUES, Jobs
from core.foundation.logging import describe, get_logger
from core.foundation.sqlstates import is_retryable

log = get_logger(__name__)

REFRESH_SECONDS: Final = 2.0

_BACKLOG = """
SELECT count(*) AS pending, min(created_at) AS oldest FROM transactions WHERE status = 'pending'
"""
_FIRST = "SELECT seq FROM transactions WHERE status = 'pending' ORDER BY seq LIMIT 1"


@dataclass(frozen=True, slots=True)
class Backlog:
    """How many transactions are pending, and since when the oldest."""

    pending: int
    oldest: datetime | None


async def backlog(database: Database) -> Backlog:
    """The backlog at this moment."""
    async with database.read() as reader:
        row = await reader.fetchrow(_BACKLOG)
    return Backlog(row["pending"], row["oldest"]) if row else Backlog(0, None)


class Front:
    """The first pending transaction, and for how long it has been that.

    By its number, and by this process's own clock that nobody sets: the times of acceptance come
    from other hosts, and may lie in the future.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._first: int | None = None
        self._since = 0.0

    async def has_stood_for(self, seconds: float) -> bool:
        """Whether the same transaction has been the first for ``seconds``, as far as we looked."""
        async with self._database.read() as reader:
            first: int | None = await reader.fetchval(_FIRST)
        if first != self._first:
            self._first, self._since = first, monotonic()
        return first is not None and monotonic() - self._since >= seconds


class BacklogGauges:
    """Keeps a process's gauges of the backlog fresh; NaN while a store cannot be asked.

    Every process tells the whole bank's backlog: whichever of them is scraped, the figure is right.
    """

    def __init__(self, database: Database, jobs: Jobs) -> None:
        self._database = database
        self._jobs = jobs
        self._task: asyncio.Task[None] | None = None
        self._closing = False

    def start(self) -> None:
        """Refresh in the background until closed."""
        self._task = asyncio.create_task(self._refresh_again_and_again())

    async def close(self) -> None:
        """Stop refreshing."""
        self._closing = True
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _refresh_again_and_again(self) -> None:
        while not self._closing:
            await self.refresh()
            await asyncio.sleep(REFRESH_SECONDS)

    async def refresh(self) -> None:
        """Ask both stores once."""
        await asyncio.gather(self._look_at_transactions(), self._look_at_queues())

    async def _look_at_transactions(self) -> None:
        pending, age = nan, nan
        try:
            found = await backlog(self._database)
            pending = found.pending
            age = max((clock.now() - found.oldest).total_seconds(), 0) if found.oldest else 0
        except Exception as error:
            # Whatever it is, the process has better things to do than to die of its gauges.
            if is_retryable(error):
                log.warning("backlog_unknown", error=describe(error))
            else:
                log.exception("backlog_unknown")
        metrics.pending.set(pending)
        metrics.oldest_pending_seconds.set(age)

    async def _look_at_queues(self) -> None:
        depths: dict[str, float] = dict.fromkeys(QUEUES, nan)
        try:
            depths |= await self._jobs.depths()
        except (RedisError, OSError) as error:
            log.warning("queues_unknown", error=describe(error))
        for queue, depth in depths.items():
            metrics.queue_depth.labels(queue).set(depth)
