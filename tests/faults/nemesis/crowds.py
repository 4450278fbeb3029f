"""More clients than can be served; and one thing after another going wrong."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

from tests.faults.flood import Orders, pour
from tests.faults.nemesis.fault import FAULTS, Scene, fault

# Each finds the database there, or somebody who starts it again.
STORM = (
    ("messages-doubled", "messages-shuffled", "messages-forged", "locks-forged"),
    ("redis-flushed", "redis-killed", "redis-hung", "redis-refused", "redis-full"),
    ("postgres-killed", "postgres-restarted", "backend-killed", "backends-terminated",
     "few-connections", "rows-held"),
    ("worker-killed", "worker-hung", "workers-killed"),
    ("api-killed", "api-hung", "scheduler-killed", "scheduler-hung"),
)  # fmt: skip


@fault("overload", "200 more clients, half of them with batches of 200", short=True)
async def overload(scene: Scene) -> AsyncIterator[None]:
    log = scene.stage.home / "flood.jsonl"
    log.unlink(missing_ok=True)
    crowd = [(h.caller.email, h.caller.password, list(h.accounts)) for h in scene.cast.crowd]
    label, seed = f"{scene.work.label}crowd-", str(scene.draw.random())
    pouring = asyncio.create_task(
        pour(Orders(scene.stage.url, scene.seconds, seed, label, str(log), crowd))
    )
    yield
    scene.others.append(await pouring)


# What is drawn of the database may be a backend's death, which restarts all of it.
@fault("storm", "one after the other, drawn: jobs, a store, the database, two programs", seconds=10,
       spares_postgres=False)  # fmt: skip
async def storm(scene: Scene) -> AsyncIterator[None]:
    chosen = [scene.draw.choice(kind) for kind in STORM]
    scene.note("storm", faults=chosen)
    async with AsyncExitStack() as lasting:
        for name in chosen:
            await lasting.enter_async_context(FAULTS[name].block(scene))
            await asyncio.sleep(scene.seconds / len(chosen))
        yield
