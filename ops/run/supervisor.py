"""Children that stay up: started tied to us, watched, restarted at once, stopped in order.

Only what dies young, and again and again, has to wait for its next start (`backoff`); of several of
a kind (the workers) never all at the same time.
"""

import asyncio
import time
from collections.abc import Callable, Sequence

from ops.run.child import Child, ChildFailedError, Spec
from ops.run.output import Output
from ops.run.watchdog import Watchdog


class Supervisor:
    """All children of one home, in the order in which they were started."""

    def __init__(self, output: Output, on_change: Callable[[], None] = lambda: None) -> None:
        self.children: list[Child] = []
        self.hurry = asyncio.Event()
        self._output = output
        self._on_change = on_change
        self._watchdog = Watchdog()

    async def start(self, spec: Spec) -> Child:
        """Start a child and keep it running."""
        child = Child(spec, self._output, self._watchdog, self._on_change, self._is_alone)
        self.children.append(child)
        await child.start()
        return child

    def _is_alone(self, child: Child) -> bool:
        """Whether nobody else of its kind runs now."""
        return not any(
            other is not child and other.spec.kind == child.spec.kind and other.pid is not None
            for other in self.children
        )

    async def until_ready(
        self, child: Child, is_ready: Callable[[int], bool], timeout_seconds: float = 120
    ) -> None:
        """Wait until `is_ready(pid)`, asked in a thread.

        Raises ChildFailedError when the time is over or the child has died three times.
        """
        deadline = time.monotonic() + timeout_seconds
        while time.monotonic() < deadline and child.starts <= 3:
            pid = child.pid
            if pid is not None and await asyncio.to_thread(is_ready, pid):
                return
            await asyncio.sleep(0.05)
        lines = "\n".join(child.last_lines)
        raise ChildFailedError(f"{child.spec.name} did not come up; it said last:\n{lines}")

    async def stop(self, *groups: Sequence[str]) -> None:
        """Stop the children whose names begin like this, one group after the other."""
        for prefixes in groups:
            named = [c for c in self.children if c.spec.name.startswith(tuple(prefixes))]
            await asyncio.gather(*(child.stop(self.hurry) for child in named))

    def close(self) -> None:
        """All children have been stopped; the watchdog may go."""
        self._watchdog.close()
