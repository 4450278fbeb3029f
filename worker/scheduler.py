"""The clock: one leader among the schedulers, which rings for forgotten work and runs what is due.

The leader holds an advisory lock on a connection of its own; when it dies, the server drops the
connection and another takes over within ``CANDIDATE_SECONDS``. A leader that lost its connection
steps down. Two that believe themselves leaders for a moment do no harm: a ring is only a ring, and
what falls due is recorded for its instant in the database before it runs.
"""

import asyncio
import contextlib
import signal
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Final

import asyncpg
import uvloop
from apscheduler.schedulers.asyncio import AsyncIOScheduler

from core import clock
from core.config import get_settings
from core.database import is_retryable
from core.lending.business_day.close import drive, forgotten_runs
from core.logging import configure, describe, get_logger
from core.platform.ticks import begin_tick, end_tick
from core.transactions.backlog import has_waited_since
from worker.cashbacks import credit_cashbacks
from worker.desk import desk
from worker.runtime import Runtime
from worker.schedule import DailyJob, daily_jobs

log = get_logger(__name__)

LEADER_LOCK: Final = 0x6769726F_01
CANDIDATE_SECONDS: Final = 1.0
SWEEP_SECONDS: Final = 1.0
LOOK_FOR_DUE_SECONDS: Final = 15.0
RESUME_SECONDS: Final = 5.0
CASHBACK_SECONDS: Final = 15.0


class Scheduler:
    """One scheduler process: a candidate until it leads."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """Stop at the next opportunity; what is running finishes first."""
        self._stopping.set()

    async def run(self) -> None:
        """Stand for leader, lead, and stand again when leadership is lost, until stopped."""
        while not self._stopping.is_set():
            try:
                await self._stand()
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
                log.warning("scheduler_without_database", error=describe(error))
            await self._pause(CANDIDATE_SECONDS)

    async def _stand(self) -> None:
        connection = await asyncpg.connect(
            self._runtime.settings.database_url,
            timeout=5,
            command_timeout=5,
            server_settings={"application_name": "giro-scheduler-leader"},
        )
        try:
            while not self._stopping.is_set():
                if await connection.fetchval("SELECT pg_try_advisory_lock($1)", LEADER_LOCK):
                    await self._lead(connection)
                    return
                await self._pause(CANDIDATE_SECONDS)
        finally:
            connection.terminate()

    async def _lead(self, connection: "asyncpg.Connection[asyncpg.Record]") -> None:
        log.info("scheduler_leads")
        clockwork = AsyncIOScheduler(timezone="UTC", job_defaults={"coalesce": True})
        for action, seconds in (
            (self.sweep, SWEEP_SECONDS),
            (self.resume_runs, RESUME_SECONDS),
            (self.credit_cashbacks, CASHBACK_SECONDS),
        ):
            clockwork.add_job(next_time_again(action), "interval", seconds=seconds)
        clockwork.add_job(
            next_time_again(self.run_due),
            "interval",
            seconds=LOOK_FOR_DUE_SECONDS,
            next_run_time=clock.now(),
        )
        clockwork.start()
        try:
            while not self._stopping.is_set():
                await connection.fetchval("SELECT 1")
                await self._pause(CANDIDATE_SECONDS)
        finally:
            clockwork.shutdown(wait=False)
            log.info("scheduler_steps_down")

    async def sweep(self) -> None:
        """Ring for transactions that have waited too long; without Redis, settle them here."""
        waited = timedelta(seconds=self._runtime.settings.sweep_after_seconds)
        if not await has_waited_since(self._runtime.database, clock.now() - waited):
            return
        log.info("sweep_rings")
        if not await self._runtime.jobs.ring():
            await self._runtime.settler.drain()

    async def resume_runs(self) -> None:
        """Go on with runs of the business day that nobody works on."""
        for run_id in await forgotten_runs(self._runtime.database):
            log.info("run_resumed", run_id=str(run_id))
            await drive(desk(self._runtime), run_id)

    async def credit_cashbacks(self) -> None:
        """Credit the cashbacks that have fallen due."""
        await credit_cashbacks(self._runtime, clock.now())

    async def run_due(self) -> None:
        """Run every daily job for its latest due instant, unless that was done."""
        for job in daily_jobs(self._runtime):
            await self.run_once(job)

    async def run_once(self, job: DailyJob) -> None:
        """Run ``job`` for its latest due instant, unless that was done; record how it ended."""
        due_at = job.latest_due(clock.now())
        if not await begin_tick(self._runtime.database, job.name, due_at, clock.now()):
            return
        log.info("job_due", job=job.name, due_at=due_at.isoformat())
        error: str | None = None
        try:
            await job.run(self._runtime, due_at)
        except Exception as failure:
            log.exception("due_job_failed", job=job.name, due_at=due_at.isoformat())
            error = describe(failure)
        await end_tick(self._runtime.database, job.name, due_at, clock.now(), error)

    async def _pause(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), seconds)


def next_time_again(action: Callable[[], Awaitable[None]]) -> Callable[[], Awaitable[None]]:
    """``action``, for which a database that is away is one line: its next turn does the work."""

    async def run() -> None:
        try:
            await action()
        except Exception as error:
            if not is_retryable(error):
                raise
            log.warning("put_off", action=action.__name__, error=describe(error))

    return run


async def main() -> None:
    """Run one scheduler until SIGTERM or SIGINT."""
    settings = get_settings()
    configure(settings, process="scheduler")
    runtime = Runtime.start(settings, name="scheduler")
    scheduler = Scheduler(runtime)
    loop = asyncio.get_running_loop()
    for stop_signal in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(stop_signal, scheduler.stop)
    try:
        await scheduler.run()
    finally:
        await runtime.close()


if __name__ == "__main__":
    uvloop.run(main())
