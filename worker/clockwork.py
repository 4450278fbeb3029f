"""What the leading scheduler does again and again, by the database's clock.

How long it pauses is measured by the event loop's monotonic clock, and what falls due by the
database's: the clock of the scheduler's own host may be wrong, and may step.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from core.business_day.drive import drive, forgotten_runs
from core.foundation.logging import describe, get_logger
from core.foundation.sqlstates import is_retryable
from core.operations.leadership import database_now
from core.operations.ticks import begin_tick, end_tick
from core.rewards.cashback import credit_due
from core.transactions.backlog import Front
from worker.desk import desk
from worker.runtime import Runtime
from worker.schedule import DailyDuty, daily_duties

log = get_logger(__name__)

Duty = Callable[[], Awaitable[None]]

SWEEP_SECONDS: Final = 1.0
LOOK_FOR_DUE_SECONDS: Final = 15.0
RESUME_SECONDS: Final = 5.0
CASHBACK_SECONDS: Final = 15.0


class Clockwork:
    """A leader's duties. Its runtime's database is fenced by the leader's term."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._front = Front(runtime.database)

    def start(self) -> set[asyncio.Task[None]]:
        """Begin every duty; each goes on in a task of its own until that is cancelled."""
        return {
            asyncio.create_task(again_and_again(duty, seconds), name=duty.__name__)
            for duty, seconds in (
                (self.sweep, SWEEP_SECONDS),
                (self.resume_runs, RESUME_SECONDS),
                (self.credit_cashbacks, CASHBACK_SECONDS),
                (self.run_due, LOOK_FOR_DUE_SECONDS),
            )
        }

    async def sweep(self) -> None:
        """Ring for transactions that have waited too long; settle them here where none can hear.

        A bell that cannot be rung, or that one turn later nobody has answered: the workers may all
        be gone.
        """
        patience = self._runtime.settings.sweep_after_seconds
        if not await self._front.has_stood_for(patience):
            return
        log.info("sweep_rings")
        rung = await self._runtime.jobs.ring()
        if not rung or await self._front.has_stood_for(patience + SWEEP_SECONDS):
            await self._runtime.settler.drain()

    async def resume_runs(self) -> None:
        """Go on with runs of the business day that nobody works on."""
        for run_id in await forgotten_runs(self._runtime.database):
            log.info("run_resumed", run_id=str(run_id))
            await drive(desk(self._runtime), run_id)

    async def credit_cashbacks(self) -> None:
        """Credit the cashbacks that have fallen due."""
        database = self._runtime.database
        await credit_due(database, self._runtime.intake, await database_now(database))

    async def run_due(self) -> None:
        """Run every daily duty for its latest due instant, unless that was done."""
        for duty in daily_duties(self._runtime):
            await self.run_once(duty)

    async def run_once(self, duty: DailyDuty) -> None:
        """Run ``duty`` for its latest due instant, unless that was done; record how it ended."""
        database = self._runtime.database
        due_at = duty.latest_due(await database_now(database))
        if not await begin_tick(database, duty.name, due_at):
            return
        log.info("duty_due", duty=duty.name, due_at=due_at.isoformat())
        error: str | None = None
        try:
            await duty.run(self._runtime, due_at)
        except Exception as failure:
            log.exception("due_duty_failed", duty=duty.name, due_at=due_at.isoformat())
            error = describe(failure)
        await end_tick(database, duty.name, due_at, error)


async def again_and_again(duty: Duty, seconds: float) -> None:
    """Do ``duty`` with pauses of ``seconds``, whatever becomes of it, until cancelled."""
    while True:
        try:
            await next_time_again(duty)()
        except Exception:
            log.exception("duty_failed", action=duty.__name__)
        await asyncio.sleep(seconds)


def next_time_again(duty: Duty) -> Duty:
    """``duty``, for which a database that is away is one line: its next turn does the work."""

    async def run() -> None:
        try:
            await duty()
        except Exception as error:
            if not is_retryable(error):
                raise
            log.warning("put_off", action=duty.__name__, error=describe(error))

    return run
