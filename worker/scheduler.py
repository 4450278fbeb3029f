"""The schedulers: any number stand, one leads and does what falls due.

The leader holds a lease in the database (``core.operations.leadership``). One that dies, hangs or
is cut off is replaced within ``LEASE_SECONDS`` and a look; what it still tries then is refused by
the fence at the beginning of each of its units of work. A ring for the workers is fenced by
nothing: it is only a ring.
"""

import asyncio
import contextlib
import signal
import time

import asyncpg
import uvloop

from core.foundation.config import Settings, get_settings
from core.foundation.database import Connection
from core.foundation.ids import new_id
from core.foundation.logging import configure, describe, get_logger
from core.operations.leadership import (
    BEAT_SECONDS,
    LEASE_SECONDS,
    LOOK_SECONDS,
    RENEWED_WITHIN_SECONDS,
    Candidate,
    FencedDatabase,
    Term,
    renew,
    resign,
)
from worker.clockwork import Clockwork
from worker.runtime import Runtime

log = get_logger(__name__)


class Scheduler:
    """One scheduler process: a candidate until it leads."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._candidate = Candidate(new_id())
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """Stop at the next opportunity; what is running is cancelled and rolls back."""
        self._stopping.set()

    async def run(self) -> None:
        """Stand for leader, lead, and stand again when leadership is lost, until stopped."""
        while not self._stopping.is_set():
            try:
                await self._stand()
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
                log.warning("scheduler_without_database", error=describe(error))
            await self._pause(LOOK_SECONDS)

    async def _stand(self) -> None:
        connection = await asyncpg.connect(
            self._settings.database_url,
            timeout=5,
            command_timeout=2 * LEASE_SECONDS,
            server_settings={
                "application_name": "giro-scheduler-leader",
                "idle_in_transaction_session_timeout": str(int(LEASE_SECONDS * 1000)),
            },
        )
        try:
            while not self._stopping.is_set():
                asked_at = time.monotonic()
                term = await self._candidate.stand(connection)
                if term is not None:
                    await self._lead(connection, term, asked_at)
                    return
                await self._pause(LOOK_SECONDS)
        finally:
            connection.terminate()

    async def _lead(self, connection: Connection, term: Term, taken_at: float) -> None:
        log.info("scheduler_leads", term=term.number)
        database = FencedDatabase.from_settings(self._settings, name="scheduler")
        database.term = term
        runtime = Runtime.start(self._settings, name="scheduler", database=database)
        duties = Clockwork(runtime).start()
        try:
            await self._keep(connection, term, duties, taken_at)
        finally:
            for duty in duties:
                duty.cancel()
            await asyncio.gather(*duties, return_exceptions=True)
            await runtime.close()
            log.info("scheduler_steps_down", term=term.number)
        if self._stopping.is_set():
            await resign(connection, term)

    async def _keep(
        self,
        connection: Connection,
        term: Term,
        duties: set[asyncio.Task[None]],
        renewed_at: float,
    ) -> None:
        """Beat until stopped, deposed, or too late to be sure not to be."""
        while not self._stopping.is_set():
            asked_at = time.monotonic()
            left = renewed_at + RENEWED_WITHIN_SECONDS - asked_at
            try:
                renewed = await asyncio.wait_for(renew(connection, term), max(left, 0.0))
            except TimeoutError:
                log.warning("scheduler_could_not_renew", term=term.number)
                return
            if not renewed:
                log.warning("scheduler_deposed", term=term.number)
                return
            renewed_at = asked_at
            stopping = asyncio.create_task(self._stopping.wait())
            ended, _ = await asyncio.wait(
                {stopping, *duties}, timeout=BEAT_SECONDS, return_when=asyncio.FIRST_COMPLETED
            )
            stopping.cancel()
            if ended & duties:  # a duty of ours met the fence: look at the lease, and stand again
                return

    async def _pause(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), seconds)


async def main() -> None:
    """Run one scheduler until SIGTERM or SIGINT."""
    settings = get_settings()
    configure(settings, process="scheduler")
    scheduler = Scheduler(settings)
    loop = asyncio.get_running_loop()
    for stop_signal in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(stop_signal, scheduler.stop)
    await scheduler.run()


if __name__ == "__main__":
    uvloop.run(main())
