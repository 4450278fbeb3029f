"""Work on the side: what computes for long does it in a process of its own, behind all others.

On a thread it would take Python's lock from every request of the process. The process starts with
the first work and goes with its parent; one piece of work at a time, so who sends some takes turns.
"""

import asyncio
import os
import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import Executor, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from typing import Final, TypeVar, TypeVarTuple

from core.foundation.errors import Overloaded
from core.foundation.logging import get_logger

log = get_logger(__name__)

Arguments = TypeVarTuple("Arguments")
Result = TypeVar("Result")

# Money moves first.
NICENESS: Final = 10


class Aside:
    """The process beside this one; ``name`` is what the log calls it."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._executor: Executor | None = None

    async def run(self, work: Callable[[*Arguments], Result], *args: *Arguments) -> Result:
        """Do ``work`` over there: a function of a module, with values that can be sent.

        Raises Overloaded where the process dies over it.
        """
        if self._executor is None:
            self._executor = ProcessPoolExecutor(
                1, mp_context=get_context("spawn"), initializer=_begin, initargs=(os.getpid(),)
            )
        try:
            return await asyncio.get_running_loop().run_in_executor(self._executor, work, *args)
        except BrokenProcessPool as error:  # killed, for want of memory or by hand
            log.warning("process_aside_died", work=self._name)
            self.close()
            raise Overloaded from error

    def close(self) -> None:
        """Let the process go."""
        if self._executor is not None:
            self._executor.shutdown(wait=False, cancel_futures=True)
            self._executor = None


def _begin(parent: int) -> None:
    """In the new process: behind all others, deaf to the terminal, gone with its parent."""
    os.nice(NICENESS)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(0)
