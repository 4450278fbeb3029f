"""Driving a run: chunk by chunk, phase by phase, until nothing is left to do."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final
from uuid import UUID

from core.business_day import chunks, runs
from core.business_day.chunks import Chunk, LeaseLost
from core.business_day.desk import Desk
from core.business_day.runs import Run
from core.business_day.settling import Settling
from core.business_day.steps import Part, Progress, StepDone, Steps, UnknownStep, Work
from core.foundation import metrics
from core.foundation.database import Connection, Database
from core.foundation.ids import new_id
from core.foundation.logging import describe, get_logger
from core.foundation.sqlstates import is_retryable
from core.foundation.unit_of_work import UnitOfWork

log = get_logger(__name__)

POLL_SECONDS: Final = 0.02
LONGEST_POLL_SECONDS: Final = 0.1


class Worked(Enum):
    """What a look for work came to."""

    NOTHING = auto()
    ALONE = auto()
    SUBMITTED = auto()  # and transactions wait for settlement


async def plan(connection: Connection, run_id: UUID, steps: Steps) -> None:
    """Cut a queued run into chunks and set it running; a run that is under way stays as it is."""
    run = await runs.begin(connection, run_id)
    if run is None:
        return
    number = total = 0
    for part in steps.parts(run.job):
        shares = await part.workload.shares(connection, run.business_date)
        await chunks.insert(connection, run_id, part, shares, after=number)
        number += len(shares)
        total += sum(share.size for share in shares) if part.counted else 0
    await runs.count(connection, run_id, Progress(total=total))


async def drive(desk: Desk, run_id: UUID) -> Run:
    """Work on the run until it is over. Any number of processes may, at once.

    Raises RunNotFound.
    """
    async with desk.database.unit_of_work() as unit:
        await plan(unit.connection, run_id, desk.steps)
        run = await runs.find(unit.connection, run_id)
        await unit.commit()
    driver = _Driver(desk, run, desk.steps.parts(run.job), new_id().hex)
    pause = POLL_SECONDS
    async with Settling(desk.settle) as settling:
        while True:
            worked = await driver.work()
            if worked is not Worked.NOTHING:
                pause = POLL_SECONDS
                if worked is Worked.SUBMITTED:
                    settling.begin()
                continue
            run = await _finish(desk, run_id)
            if run.is_over:
                return run
            if not await settling.wait(pause):
                pause = min(2 * pause, LONGEST_POLL_SECONDS)


async def forgotten_runs(database: Database) -> list[UUID]:
    """The unfinished runs that nobody holds a part of, some seconds after they were started."""
    async with database.read() as reader:
        return await runs.forgotten(reader, chunks.LEASE_SECONDS)


async def _finish(desk: Desk, run_id: UUID) -> Run:
    """The run, ended if nothing is left to do."""
    async with desk.database.unit_of_work() as unit:
        ended = await runs.finish(unit.connection, run_id)
        run = await runs.find(unit.connection, run_id)
        await unit.commit()
    if ended and run.status == "failed":
        metrics.runs_failed.labels(run.job).inc()
        log.error("run_failed", run_id=str(run_id), job=run.job, error=run.error)
    return run


@dataclass(frozen=True, slots=True)
class _Driver:
    """One process's hands on one run; ``owner`` names them on the leases."""

    desk: Desk
    run: Run
    parts: Sequence[Part]
    owner: str

    async def work(self) -> Worked:
        """Do one phase of one chunk, if there is one to do now."""
        async with self.desk.database.unit_of_work() as unit:
            chunk = await chunks.take(unit.connection, self.run.id, self.parts, self.owner)
            await unit.commit()
        if chunk is None:
            return Worked.NOTHING
        try:
            return await self._do(chunk)
        except LeaseLost:
            log.warning("lease_lost", run_id=str(self.run.id), chunk=chunk.number)
        return Worked.ALONE

    async def _do(self, chunk: Chunk) -> Worked:
        """Do the chunk's phase and move it on, in one unit of work. Raises LeaseLost."""
        try:
            async with (
                chunks.kept(self.desk.database, chunk),
                self.desk.database.unit_of_work() as unit,
            ):
                submitted = await self._phase(unit, chunk)
                await unit.commit()
        except LeaseLost:
            raise
        except Exception as error:  # noqa: BLE001 - noted on the chunk, tried again, given up at last
            await self._note_failure(chunk, error)
            return Worked.ALONE
        return Worked.SUBMITTED if submitted else Worked.ALONE

    async def _phase(self, unit: UnitOfWork, chunk: Chunk) -> Sequence[UUID]:
        """Do the steps of the phase, in order; answers the transactions they submitted."""
        part = self._part(chunk)
        phase = part.phase(chunk.phase)
        work = self._work(chunk)
        submitted: list[UUID] = []
        for step in phase.steps:
            done = await step(unit, work) or StepDone()
            submitted += done.submitted
            await runs.count(unit.connection, self.run.id, done.progress)
        following = part.after(phase, submitted=bool(submitted))
        await chunks.move_on(unit.connection, chunk, following, submitted)
        return submitted

    async def _note_failure(self, chunk: Chunk, error: Exception) -> None:
        """Let the chunk be tried again; after ``MAX_ATTEMPTS`` find out what cannot be done.

        A deadlock or a lost server is no share's fault: it has more tries than a defect has, and
        then the whole chunk is given up. So is what this process does not know.
        """
        log.exception("chunk_failed", run_id=str(chunk.run_id), chunk=chunk.number)
        tries = chunks.MAX_ATTEMPTS
        if is_retryable(error):
            tries *= 10
            await asyncio.sleep(POLL_SECONDS * chunk.attempts)
        async with self.desk.database.unit_of_work() as unit:
            if chunk.attempts < tries:
                await chunks.give_back(unit.connection, chunk, describe(error))
            elif not _may_be_a_shares_fault(error) or not await self._isolate(unit, chunk, error):
                await chunks.give_up(unit.connection, chunk, describe(error))
            await unit.commit()

    async def _isolate(self, unit: UnitOfWork, chunk: Chunk, error: Exception) -> bool:
        """Cut the chunk in halves, or set it aside; False for too many of those.

        The day closes for all others. What was not done is done by the next run that can: steps go
        by the dates that their rows have seen.
        """
        connection, part = unit.connection, self._part(chunk)
        second = await part.workload.second_half(connection, chunk.share)
        if second is not None:
            await chunks.split(connection, chunk, second)
            return True
        if not await chunks.set_aside(connection, chunk, describe(error)):
            return False
        if not part.phase(chunk.phase).follow_up:
            size = chunk.share.size
            uncounted = 0 if part.counted else size
            await runs.count(connection, self.run.id, Progress(total=uncounted, failed=size))
        await part.workload.left_out(unit, self._work(chunk))
        return True

    def _part(self, chunk: Chunk) -> Part:
        return self.desk.steps.part(self.run.job, chunk.part)

    def _work(self, chunk: Chunk) -> Work:
        run = self.run
        return Work(run.id, run.job, run.business_date, chunk.share, chunk.waiting_for)


def _may_be_a_shares_fault(error: Exception) -> bool:
    return not (is_retryable(error) or isinstance(error, UnknownStep))
