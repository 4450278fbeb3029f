"""Our own processes are killed and hung: API, workers, schedulers, the supervisor itself."""

import asyncio
from collections.abc import AsyncIterator

from tests.faults.nemesis.fault import Scene, fault, hung
from tests.faults.processes import kill, title
from tests.faults.stage import Shape

HANG_SECONDS = 8.0


@fault("none", "nothing goes wrong", seconds=4)
async def none(_scene: Scene) -> AsyncIterator[None]:
    yield


@fault("api-killed", "one of two API processes: SIGKILL", seconds=0)
async def api_killed(scene: Scene) -> AsyncIterator[None]:
    kill([_serving(scene)])
    yield


@fault("apis-killed", "the whole API: SIGKILL", seconds=0, short=True)
async def apis_killed(scene: Scene) -> AsyncIterator[None]:
    kill(scene.stage.families("api")["api"])
    yield


@fault("api-hung", "one of two API processes: SIGSTOP", seconds=HANG_SECONDS)
async def api_hung(scene: Scene) -> AsyncIterator[None]:
    with hung([_serving(scene)]):
        yield


@fault("worker-killed", "one of two workers: SIGKILL", seconds=0)
async def worker_killed(scene: Scene) -> AsyncIterator[None]:
    kill(_one(scene, "worker"))
    yield


@fault("workers-killed", "both workers, three times in a row: SIGKILL", short=True)
async def workers_killed(scene: Scene) -> AsyncIterator[None]:
    for _ in range(3):
        kill([pid for pids in scene.stage.families("worker").values() for pid in pids])
        await asyncio.sleep(scene.seconds / 3)
    yield


@fault("worker-hung", "one of two workers: SIGSTOP", seconds=HANG_SECONDS, short=True)
async def worker_hung(scene: Scene) -> AsyncIterator[None]:
    with hung(_one(scene, "worker")):
        yield


@fault("scheduler-killed", "the only scheduler: SIGKILL", seconds=0)
async def scheduler_killed(scene: Scene) -> AsyncIterator[None]:
    kill(_one(scene, "scheduler"))
    yield


@fault("scheduler-hung", "the only scheduler: SIGSTOP", seconds=HANG_SECONDS)
async def scheduler_hung(scene: Scene) -> AsyncIterator[None]:
    with hung(_one(scene, "scheduler")):
        yield


@fault(
    "three-schedulers",
    "each of three schedulers in turn: SIGSTOP, and Redis emptied meanwhile",
    seconds=HANG_SECONDS,
    shape=Shape(schedulers=3),
)
async def three_schedulers(scene: Scene) -> AsyncIterator[None]:
    redis = scene.stage.redis()
    for pids in scene.stage.families("scheduler").values():
        with hung(pids):
            await redis.flushall()
            await asyncio.sleep(scene.seconds / 3)
    await redis.aclose()
    yield


@fault("supervisor-hung", "the supervisor: SIGSTOP", seconds=HANG_SECONDS)
async def supervisor_hung(scene: Scene) -> AsyncIterator[None]:
    with hung([scene.stage.host.pid]):
        yield


@fault(
    "supervisor-killed",
    "the supervisor: SIGKILL; all goes with it, and is started again",
    seconds=0,
    spares_postgres=False,
)
async def supervisor_killed(scene: Scene) -> AsyncIterator[None]:
    await scene.stage.revive()
    yield


def _one(scene: Scene, prefix: str) -> list[int]:
    """One of the children of that name, with everything below it."""
    families = scene.stage.families(prefix)
    return families[scene.draw.choice(sorted(families))]


def _serving(scene: Scene) -> int:
    """One of the API's processes that serve: children of the one that only watches them."""
    _, *below = scene.stage.families("api")["api"]
    return scene.draw.choice([pid for pid in below if "resource_tracker" not in title(pid)])
