"""Sharing one round trip among requests that arrive together.

While a flush is under way, what arrives waits and goes together in the next one. No timer is
needed: the flush itself is the window, so a lone request waits for nobody and a crowd shares.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, Generic, TypeVar

from core.foundation import metrics
from core.foundation.errors import Overloaded

MAX_WAITING: Final = 2_000

Item = TypeVar("Item")
Result = TypeVar("Result")


class Coalescer(Generic[Item, Result]):
    """Collects items and flushes them in batches, ``lanes`` flushes at a time at most.

    ``flush`` takes up to ``max_batch`` items and returns one result for each, in order; a result
    that is an exception is raised to its submitter alone. An exception raised by ``flush`` itself
    is raised to all submitters of that batch. Where ``max_waiting`` items wait already, the next
    is refused at once.
    """

    def __init__(
        self,
        flush: Callable[[list[Item]], Awaitable[Sequence[Result | Exception]]],
        *,
        max_batch: int = 500,
        lanes: int = 1,
        max_waiting: int = MAX_WAITING,
    ) -> None:
        self._flush = flush
        self._max_waiting = max_waiting
        self._max_batch = max_batch
        self._free_lanes = lanes
        self._waiting: list[tuple[Item, asyncio.Future[Result]]] = []
        self._tasks: set[asyncio.Task[None]] = set()

    async def submit(self, item: Item) -> Result:
        """The result for ``item``, once the batch it travelled in has been flushed.

        Raises Overloaded, and the item is not taken, where too many wait.
        """
        if len(self._waiting) >= self._max_waiting:
            metrics.shed.labels("shared").inc()
            raise Overloaded
        future: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, future))
        if self._free_lanes:
            self._free_lanes -= 1
            task = asyncio.create_task(self._drain())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return await future

    async def _drain(self) -> None:
        try:
            while self._waiting:
                batch = self._waiting[: self._max_batch]
                del self._waiting[: self._max_batch]
                await self._flush_batch(batch)
        finally:
            self._free_lanes += 1

    async def _flush_batch(self, batch: list[tuple[Item, asyncio.Future[Result]]]) -> None:
        try:
            results = await self._flush([item for item, _ in batch])
            if len(results) != len(batch):
                raise ValueError(f"{len(batch)} items were flushed, {len(results)} answered")
        except Exception as error:  # noqa: BLE001 - handed on to every submitter, who raises it
            results = [error] * len(batch)
        for (_, future), result in zip(batch, results, strict=True):
            if future.done():  # its request was cancelled while the batch was under way
                continue
            if isinstance(result, Exception):
                future.set_exception(result)
            else:
                future.set_result(result)
