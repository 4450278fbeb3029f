"""What waits while the load lasts: accepted and not yet final."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import asyncpg

SAMPLE_EVERY_SECONDS = 0.25
_SAMPLE = """
SELECT count(*) AS pending,
       coalesce(extract(epoch FROM clock_timestamp() - min(created_at)), 0)::float8
         AS oldest_seconds
FROM transactions WHERE status = 'pending'
"""
_ANY = "SELECT EXISTS (SELECT 1 FROM transactions WHERE status = 'pending')"


@dataclass
class Backlog:
    """Samples of the number of pending transactions and the age of the oldest, in seconds."""

    pending: list[int] = field(default_factory=list)
    oldest_seconds: list[float] = field(default_factory=list)

    def summary(self) -> dict[str, float]:
        """Most, mean and last of the pending, and the oldest age seen."""
        counts = self.pending or [0]
        return {
            "most": max(counts),
            "mean": round(sum(counts) / len(counts), 1),
            "last": counts[-1],
            "oldest_seconds": round(max(self.oldest_seconds or [0.0]), 3),
        }


@asynccontextmanager
async def watched(database_url: str) -> AsyncIterator[Backlog]:
    """Sample the backlog for as long as the block lasts."""
    backlog = Backlog()
    connection = await asyncpg.connect(database_url)
    task = asyncio.create_task(_sample(connection, backlog))
    try:
        yield backlog
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        await connection.close()


async def until_drained(database_url: str, timeout_seconds: float = 300) -> float:
    """Wait until nothing is pending; the seconds that took. TimeoutError otherwise."""
    connection = await asyncpg.connect(database_url)
    started = asyncio.get_running_loop().time()
    try:
        async with asyncio.timeout(timeout_seconds):
            while await connection.fetchval(_ANY):  # noqa: ASYNC110  (it happens elsewhere)
                await asyncio.sleep(0.02)
    finally:
        await connection.close()
    return asyncio.get_running_loop().time() - started


async def _sample(connection: "asyncpg.Connection[asyncpg.Record]", backlog: Backlog) -> None:
    while True:
        (sample,) = await connection.fetch(_SAMPLE)
        backlog.pending.append(sample["pending"])
        backlog.oldest_seconds.append(sample["oldest_seconds"])
        await asyncio.sleep(SAMPLE_EVERY_SECONDS)
