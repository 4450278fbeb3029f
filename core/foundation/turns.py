"""Taking turns at what there is little of: bounded, at once or not at all, and fair.

Who would have to wait among too many is told so at once. Those who wait are served in rounds, one
of each, so that a customer who asks a hundred times waits for himself and not for him everybody.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager
from typing import Final

from core.foundation import metrics
from core.foundation.errors import Overloaded

EVERYBODY: Final = ""


class Turns:
    """``slots`` turns at a time; ``name`` is what the metric calls it.

    Of those who come under one key at most ``running_each`` have a turn and ``waiting_each`` wait;
    ``max_waiting`` wait in all, each ``patience_seconds`` at most.
    """

    def __init__(
        self,
        name: str,
        slots: int,
        *,
        max_waiting: int,
        patience_seconds: float,
        running_each: int | None = None,
        waiting_each: int | None = None,
    ) -> None:
        self._name = name
        self._free = slots
        self._running_each = running_each or slots
        self._waiting_each = waiting_each or max_waiting
        self._max_waiting = max_waiting
        self._patience_seconds = patience_seconds
        self._running: dict[Hashable, int] = {}
        # The first key is the next to be served; one that was served goes to the end.
        self._waiting: dict[Hashable, deque[asyncio.Future[None]]] = {}
        self._waiting_in_all = 0

    @asynccontextmanager
    async def turn(self, whose: Hashable = EVERYBODY) -> AsyncIterator[None]:
        """Have a turn in the block. Raises Overloaded: too many wait, or it took too long."""
        await self.take(whose)
        try:
            yield
        finally:
            self.give_back(whose)

    async def take(self, whose: Hashable = EVERYBODY) -> None:
        """Take a turn, and give it back with ``give_back``. Raises Overloaded."""
        running = self._running.get(whose, 0)
        if self._free and running < self._running_each:
            self._start(whose)
            return
        queue = self._waiting.setdefault(whose, deque())
        if self._waiting_in_all >= self._max_waiting or len(queue) >= self._waiting_each:
            self._forget(whose)
            self._refuse()
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        queue.append(turn)
        self._waiting_in_all += 1
        try:
            async with asyncio.timeout(self._patience_seconds):
                await turn
        except BaseException as error:
            self._leave(whose, turn)
            if isinstance(error, TimeoutError):
                self._refuse()
            raise

    def give_back(self, whose: Hashable = EVERYBODY) -> None:
        """End a turn; the next begins."""
        self._free += 1
        left = self._running[whose] - 1
        if left:
            self._running[whose] = left
        else:
            del self._running[whose]
        if self._waiting:
            self._serve()

    def _start(self, whose: Hashable) -> None:
        self._free -= 1
        self._running[whose] = self._running.get(whose, 0) + 1

    def _serve(self) -> None:
        """Give the free turns away, in rounds."""
        while self._free:
            whose = next((key for key in self._waiting if self._may_run(key)), None)
            if whose is None:
                return
            queue = self._waiting.pop(whose)
            turn = queue.popleft()
            self._waiting_in_all -= 1
            if queue:
                self._waiting[whose] = queue
            if not turn.done():  # who has just left is on the way out
                self._start(whose)
                turn.set_result(None)

    def _may_run(self, whose: Hashable) -> bool:
        return self._running.get(whose, 0) < self._running_each

    def _leave(self, whose: Hashable, turn: "asyncio.Future[None]") -> None:
        """Stop waiting; a turn that was given in the same moment goes to the next."""
        if not turn.cancelled():
            self.give_back(whose)
            return
        queue = self._waiting.get(whose, ())
        if turn in queue:
            self._waiting[whose].remove(turn)
            self._waiting_in_all -= 1
            self._forget(whose)

    def _forget(self, whose: Hashable) -> None:
        if not self._waiting[whose]:
            del self._waiting[whose]

    def _refuse(self) -> None:
        metrics.shed.labels(self._name).inc()
        raise Overloaded
