"""A fault, and the scene in which it is injected."""

import asyncio
import random
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import (
    AbstractAsyncContextManager,
    asynccontextmanager,
    contextmanager,
    suppress,
)
from dataclasses import dataclass, field
from typing import Final

import asyncpg
from redis.exceptions import RedisError

from tests.faults.cast import Cast
from tests.faults.history import History
from tests.faults.processes import tell
from tests.faults.stage import USUAL, Shape, Stage
from tests.faults.workload import Workload

HOLD_SECONDS: Final = 6.0


@dataclass
class Scene:
    """What a fault may reach: the stack, those who use it, and how long it shall last.

    ``held`` are numbers of accounts that the fault itself holds: what touches them has to wait.
    ``others``: histories of clients that the fault itself has brought along.
    """

    stage: Stage
    cast: Cast
    work: Workload
    draw: random.Random
    seconds: float
    note: Callable[..., object]
    held: set[str] = field(default_factory=set)
    others: list[History] = field(default_factory=list)


Injection = Callable[[Scene], AsyncIterator[None]]


@dataclass(frozen=True)
class Fault:
    """One thing that goes wrong. ``spares_postgres``: PostgreSQL lives and answers all the while.

    ``seconds`` is how long it is held; 0 for what happens at once and cannot be lifted.
    """

    name: str
    tells: str
    block: Callable[[Scene], AbstractAsyncContextManager[None]]
    seconds: float = HOLD_SECONDS
    spares_postgres: bool = True
    shape: Shape = USUAL
    short: bool = False


FAULTS: Final[dict[str, Fault]] = {}


def fault(
    name: str,
    tells: str,
    *,
    seconds: float = HOLD_SECONDS,
    spares_postgres: bool = True,
    shape: Shape = USUAL,
    short: bool = False,
) -> Callable[[Injection], Injection]:
    """Enter a fault under its name: inject, ``yield`` while it lasts, lift.

    ``short`` puts it into the short form, which runs with the continuous integration.
    """

    def enter(injection: Injection) -> Injection:
        block = asynccontextmanager(injection)
        FAULTS[name] = Fault(name, tells, block, seconds, spares_postgres, shape, short)
        return injection

    return enter


@contextmanager
def hung(pids: Sequence[int]) -> Iterator[None]:
    """These processes stand still for the length of the block."""
    tell(pids, signal.SIGSTOP)
    try:
        yield
    finally:
        tell(pids, signal.SIGCONT)


@asynccontextmanager
async def all_the_while(deed: Callable[[], Awaitable[object]], pause: float) -> AsyncIterator[None]:
    """Do something again and again for the length of the block, with a pause between.

    What it reaches for may be down itself: then the next turn tries again.
    """
    over = asyncio.Event()

    async def repeat() -> None:
        while not over.is_set():
            with suppress(OSError, RedisError, asyncpg.PostgresError, asyncpg.InterfaceError):
                await deed()
            await asyncio.sleep(pause)

    task = asyncio.create_task(repeat())
    try:
        yield
    finally:
        over.set()
        await task
