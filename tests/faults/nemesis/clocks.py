"""The wall clock of one kind of process is stepped, back and ahead, and set right again."""

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Final

from tests.faults.clocks import set_offset
from tests.faults.nemesis.fault import Scene, fault
from tests.faults.stage import Shape

CLOCKED: Final = Shape(clocks=True)
# Less than a token lives: whoever has logged in stays so.
STEP_SECONDS: Final = 600
HOUR_SECONDS: Final = 3_600


@contextmanager
def _stepped(scene: Scene, prefix: str, seconds: int) -> Iterator[None]:
    children = scene.stage.pids(prefix)
    for child in children:
        set_offset(scene.stage.clocks, child, seconds)
    try:
        yield
    finally:
        for child in children:
            set_offset(scene.stage.clocks, child, 0)


@fault("clock-database-back", "PostgreSQL's clock: ten minutes back", shape=CLOCKED)
async def clock_database_back(scene: Scene) -> AsyncIterator[None]:
    with _stepped(scene, "postgres", -STEP_SECONDS):
        yield


@fault("clock-database-ahead", "PostgreSQL's clock: ten minutes ahead, and back", shape=CLOCKED)
async def clock_database_ahead(scene: Scene) -> AsyncIterator[None]:
    with _stepped(scene, "postgres", STEP_SECONDS):
        yield


@fault("clock-api-back", "the API's clock: ten minutes back", shape=CLOCKED)
async def clock_api_back(scene: Scene) -> AsyncIterator[None]:
    with _stepped(scene, "api", -STEP_SECONDS):
        yield


@fault("clock-api-ahead", "the API's clock: ten minutes ahead", shape=CLOCKED)
async def clock_api_ahead(scene: Scene) -> AsyncIterator[None]:
    with _stepped(scene, "api", STEP_SECONDS):
        yield


@fault("clock-workers-back", "the workers' clock: an hour back", shape=CLOCKED)
async def clock_workers_back(scene: Scene) -> AsyncIterator[None]:
    with _stepped(scene, "worker", -HOUR_SECONDS):
        yield


@fault("clock-workers-ahead", "the workers' clock: an hour ahead", shape=CLOCKED)
async def clock_workers_ahead(scene: Scene) -> AsyncIterator[None]:
    with _stepped(scene, "worker", HOUR_SECONDS):
        yield


@fault(
    "clock-leader-back",
    "the leading scheduler's clock: an hour back, and Redis emptied",
    shape=CLOCKED,
)
async def clock_leader_back(scene: Scene) -> AsyncIterator[None]:
    async with scene.stage.redis() as redis:
        with _stepped(scene, "scheduler", -HOUR_SECONDS):
            await redis.flushall()
            yield


@fault("clock-redis-ahead", "Redis's clock: an hour ahead, and back", shape=CLOCKED)
async def clock_redis_ahead(scene: Scene) -> AsyncIterator[None]:
    with _stepped(scene, "valkey", HOUR_SECONDS):
        yield
