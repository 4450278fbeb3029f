"""More clients than can be served; and one thing after another going wrong."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

from tests.faults.flood import Orders, pour
from tests.faults.nemesis.fault import FAULTS, Scene, fault
from tests.faults.stage import USUAL

STORM_FAULTS = 5
TOO_MUCH = {
    "none", "storm", "overload", "postmaster-hung", "supervisor-hung", "supervisor-killed",
}  # fmt: skip


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


@fault("storm", f"{STORM_FAULTS} of the others, drawn, each into the one before", seconds=10)
async def storm(scene: Scene) -> AsyncIterator[None]:
    mild = [
        other.name
        for other in FAULTS.values()
        if other.shape == USUAL
        # Each has to find the database there, or somebody to start it again.
        and (other.spares_postgres or not other.seconds)
        and other.name not in TOO_MUCH
    ]
    chosen = scene.draw.sample(mild, STORM_FAULTS)
    scene.note("storm", faults=chosen)
    async with AsyncExitStack() as lasting:
        for name in chosen:
            await lasting.enter_async_context(FAULTS[name].block(scene))
            await asyncio.sleep(scene.seconds / STORM_FAULTS)
        yield
