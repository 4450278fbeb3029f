"""Settlement in the process that drives a run, beside the work on the next chunks."""

import asyncio
from collections.abc import Awaitable, Callable


class Settling:
    """Settles now and then while a run goes on; ``settle`` None leaves that to the workers."""

    def __init__(self, settle: Callable[[], Awaitable[object]] | None) -> None:
        self._settle = settle
        self._task: asyncio.Task[object] | None = None

    async def __aenter__(self) -> "Settling":
        return self

    async def __aexit__(self, error: type[BaseException] | None, *_: object) -> None:
        if self._task is not None:
            if error is not None:
                self._task.cancel()
            # Not cut off otherwise: others' transactions would wait for its locks to expire.
            await asyncio.gather(self._task, return_exceptions=True)

    def begin(self) -> None:
        """Settle what is pending, unless that is under way."""
        if self._settle is not None and (self._task is None or self._task.done()):
            self._task = asyncio.ensure_future(self._settle())

    async def wait(self, seconds: float) -> bool:
        """Wait a moment; True where something was settled here meanwhile."""
        self.begin()
        if self._task is None:
            await asyncio.sleep(seconds)
            return False
        await asyncio.wait({self._task})
        settled = bool(self._task.result())
        if not settled:
            await asyncio.sleep(seconds)
        return settled
