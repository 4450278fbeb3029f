"""The business day's desk of a process: its database, its settler, its helpers."""

import asyncio
from uuid import UUID

from redis.exceptions import RedisError

from core.business_day.dates import BankClock
from core.business_day.desk import Desk
from core.foundation.jobs import DRIVE_RUN_ACTOR, LENDING_QUEUE
from core.foundation.logging import describe, get_logger
from core.transactions.settle import LANES
from worker.runtime import Runtime
from worker.steps import every_step

log = get_logger(__name__)


def desk(runtime: Runtime, *, helpers: bool = True) -> Desk:
    """A desk that settles in this process while it waits, and calls other workers to help."""

    async def call_helpers(run_id: UUID) -> None:
        try:
            await runtime.jobs.enqueue(DRIVE_RUN_ACTOR, str(run_id), queue=LENDING_QUEUE)
        except RedisError as error:
            log.warning("helpers_not_called", run_id=str(run_id), error=describe(error))

    async def settle_some() -> int:
        # Two batches side by side, and not all there is: on a busy day that would never end.
        rounds = await asyncio.gather(*(runtime.settler.round() for _ in range(LANES)))
        return sum(done.settled for done in rounds)

    return Desk(
        database=runtime.database,
        steps=every_step(runtime.settings, runtime.intake),
        bank_clock=BankClock.of(runtime.settings),
        settle=settle_some,
        call_helpers=call_helpers if helpers else None,
    )
