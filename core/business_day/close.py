"""Driving runs: chunk by chunk, phase by phase, until the date is closed."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import date, timedelta
from enum import Enum, auto
from typing import Final, Protocol
from uuid import UUID

from core.business_day import chunks, dates, runs
from core.business_day.chunks import Chunk, LeaseLost, Phase
from core.business_day.dates import BankClock
from core.business_day.runs import Job, Run
from core.foundation import metrics
from core.foundation.database import Connection, Database
from core.foundation.errors import BusinessDateInFuture
from core.foundation.ids import new_id
from core.foundation.logging import describe, get_logger
from core.foundation.sqlstates import is_retryable
from core.lending import notices
from core.lending.collections import charge, recover
from core.lending.collections.classify import classify
from core.lending.servicing import collect
from core.lending.servicing.accrue import accrue
from core.lending.servicing.calendar import CollectionCalendar
from core.notifications import notices as inbox

log = get_logger(__name__)

POLL_SECONDS: Final = 0.02
LONGEST_POLL_SECONDS: Final = 0.1
# In one go, where the clock may be moved: longer than any loan.
MAX_DAYS_AHEAD: Final = timedelta(days=40 * 366)


class Bell(Protocol):
    """How workers are told that transactions wait for settlement."""

    async def ring(self) -> object:
        """Ring; losing a ring does no harm."""


class Worked(Enum):
    """What a look for work came to."""

    NOTHING = auto()
    ALONE = auto()
    SUBMITTED = auto()  # and transactions wait for settlement


class RunFailed(Exception):  # noqa: N818 - it reads as what happened
    """A run was given up after repeated failures; its ``error`` says why."""


@dataclass(frozen=True, slots=True)
class Desk:
    """What the business day works with.

    ``settle`` settles some pending transactions in this very process while a run waits for them,
    and answers how many; None leaves that to the workers. ``call_helpers`` asks other processes
    to drive the same run.
    """

    database: Database
    bell: Bell
    calendar: CollectionCalendar
    bank_clock: BankClock
    settle: Callable[[], Awaitable[object]] | None = None
    call_helpers: Callable[[UUID], Awaitable[object]] | None = None


async def close_through(
    desk: Desk,
    through: date,
    *,
    since: date | None = None,
    closed: Callable[[Run], None] | None = None,
) -> list[Run]:
    """Close every date that is still open up to ``through``, in order; a date at a time.

    With ``since``: every date from there on, open or not. No open date is left out on the way to a
    date ahead: each that is closed is then the bank's own, and the next is the day after it. A date
    that is closed already is looked at again and nothing is done twice. ``closed`` is told of each
    run as it completes. Raises RunFailed; BusinessDateInFuture, before anything is closed, where
    the bank's clock may not be moved so far.
    """
    async with desk.database.raw_connection() as connection:
        today = await dates.find_today(connection, desk.bank_clock.time_zone)
        first_open = await dates.first_open_date(connection)
    days = _days(desk, today, first_open, since, through)
    done = []
    for day in days:
        run = await run_job(desk, Job.CLOSE_DAY, day)
        done.append(run)
        if closed is not None:
            closed(run)
    return done


def _days(
    desk: Desk, today: dates.Today, first_open: date | None, since: date | None, through: date
) -> list[date]:
    """The dates to close, in order."""
    ahead = desk.bank_clock.may_run_ahead
    latest = dates.next_business_date(today, may_run_ahead=ahead)
    if through > latest and not ahead:
        raise BusinessDateInFuture(f"{through} lies beyond {latest}, the next business date")
    if through > latest + MAX_DAYS_AHEAD:
        raise BusinessDateInFuture(f"{through} lies too far beyond {latest}")
    open_since = first_open or today.business_date
    start = min(open_since if since is None or since > latest else since, through)
    return [start + timedelta(days=offset) for offset in range((through - start).days + 1)]


async def run_job(desk: Desk, job: Job, day: date) -> Run:
    """Run ``job`` for ``day`` to its end, together with whoever else works on it.

    Raises RunFailed, BusinessDateInFuture.
    """
    async with desk.database.raw_unit_of_work() as connection:
        run_id = await runs.start(connection, job, day, desk.bank_clock)
        await chunks.plan(connection, run_id)
        several = await chunks.count(connection, run_id) > 1
    if several and desk.call_helpers is not None:
        await desk.call_helpers(run_id)
    run = await drive(desk, run_id)
    if run.status == "failed":
        raise RunFailed(f"{job} for {day} failed: {run.error}")
    return run


async def drive(desk: Desk, run_id: UUID) -> Run:
    """Work on the run until it is over. Any number of processes may, at once."""
    owner = new_id().hex
    async with desk.database.raw_unit_of_work() as connection:
        await chunks.plan(connection, run_id)
    pause = POLL_SECONDS
    async with _Settling(desk) as settling:
        while True:
            worked = await _work(desk, run_id, owner)
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


class _Settling:
    """Settlement in this process, beside the work on the next chunks."""

    def __init__(self, desk: Desk) -> None:
        self._settle = desk.settle
        self._task: asyncio.Task[object] | None = None

    async def __aenter__(self) -> "_Settling":
        return self

    async def __aexit__(self, error: type[BaseException] | None, *_: object) -> None:
        if self._task is not None:
            if error is not None:
                self._task.cancel()
            # Not cut off otherwise: others' transactions would wait for its locks to expire.
            await asyncio.gather(self._task, return_exceptions=True)

    def begin(self) -> None:
        """Settle what is pending, unless that is under way."""
        if self._settle is not None and (self._task is None or self._task.done()):
            self._task = asyncio.ensure_future(self._settle())

    async def wait(self, seconds: float) -> bool:
        """Wait a moment; True where something was settled here meanwhile."""
        self.begin()
        if self._task is None:
            await asyncio.sleep(seconds)
            return False
        await asyncio.wait({self._task})
        settled = bool(self._task.result())
        if not settled:
            await asyncio.sleep(seconds)
        return settled


async def _finish(desk: Desk, run_id: UUID) -> Run:
    """The run, ended if nothing is left to do."""
    async with desk.database.raw_unit_of_work() as connection:
        finished = await runs.finish(connection, run_id)
        if finished and finished.job is Job.CLOSE_DAY and not finished.failed:
            await dates.mark_closed(connection, finished.business_date)
        run = await runs.find(connection, run_id)
    if finished and finished.failed:
        metrics.runs_failed.labels(run.job.value).inc()
        log.error("run_failed", run_id=str(run_id), job=run.job.value, error=run.error)
    return run


async def forgotten_runs(database: Database) -> list[UUID]:
    """The unfinished runs that nobody holds a part of, some seconds after they were started."""
    async with database.raw_connection() as connection:
        return await runs.forgotten(connection, chunks.LEASE_SECONDS)


async def _work(desk: Desk, run_id: UUID, owner: str) -> Worked:
    """Do one phase of one chunk, if there is one to do now."""
    async with desk.database.raw_unit_of_work() as connection:
        chunk = await chunks.take(connection, run_id, owner)
    if chunk is None:
        return Worked.NOTHING
    submitted = False
    try:
        async with (
            chunks.kept(desk.database, chunk),
            desk.database.raw_unit_of_work() as connection,
        ):
            run = await runs.find(connection, run_id)
            submitted = await _phase(desk, connection, chunk, run)
        if submitted:
            await desk.bell.ring()
    except LeaseLost:
        log.warning("lease_lost", run_id=str(run_id), chunk=chunk.number)
    except Exception as error:  # noqa: BLE001 - noted on the chunk, tried again, given up at last
        await _note_failure(desk, chunk, error)
    return Worked.SUBMITTED if submitted else Worked.ALONE


async def _note_failure(desk: Desk, chunk: Chunk, error: Exception) -> None:
    """Let the chunk be tried again; after ``MAX_ATTEMPTS`` find out for whom it cannot be done.

    A deadlock or a lost server is nobody's fault: it has more tries than a defect has, and then the
    whole chunk is given up.
    """
    log.exception("chunk_failed", run_id=str(chunk.run_id), chunk=chunk.number)
    tries = chunks.MAX_ATTEMPTS
    if is_retryable(error):
        tries *= 10
        await asyncio.sleep(POLL_SECONDS * chunk.attempts)
    async with desk.database.raw_unit_of_work() as connection:
        if chunk.attempts < tries:
            await chunks.give_back(connection, chunk, describe(error))
        elif is_retryable(error) or not await _isolate(connection, chunk, describe(error)):
            await chunks.give_up(connection, chunk, describe(error))


async def _isolate(connection: Connection, chunk: Chunk, error: str) -> bool:
    """Cut the chunk in halves, or set its one borrower aside; False for too many of those.

    The day closes for all others. What was not done is done by the next run that can: interest,
    attempts and charges go by the dates that a loan has seen.
    """
    if await chunks.split(connection, chunk):
        return True
    if not await chunks.set_aside(connection, chunk, error):
        return False
    run = await runs.find(connection, chunk.run_id)
    if chunk.phase is not Phase.RECOVER:
        total = chunk.loans if run.job is Job.EMI_COLLECTION else 0
        await runs.progress(connection, run.id, total=total, done=chunk.loans, failed=chunk.loans)
    left_out = await chunks.loans_of(connection, chunk)
    told = [notices.set_aside(run.id, run.job, run.business_date, loan) for loan in left_out]
    await inbox.write(connection, told)
    metrics.loans_set_aside.inc(len(left_out))
    log.error("loans_set_aside", run_id=str(run.id), loans=[str(loan) for loan in left_out])
    return True


async def _phase(desk: Desk, connection: Connection, chunk: Chunk, run: Run) -> bool:
    """Do the chunk's phase and move it on, in one unit of work; whether transactions wait."""
    match chunk.phase:
        case Phase.COLLECT:
            submitted = await _collect(connection, chunk, run)
            await chunks.move_on(connection, chunk, Phase.ASSESS, submitted)
            return bool(submitted)
        case Phase.ASSESS:
            submitted = await _assess(desk, connection, chunk, run)
            following = Phase.RECOVER if submitted else Phase.DONE
            await chunks.move_on(connection, chunk, following, submitted)
            return bool(submitted)
        case Phase.RECOVER:
            await _recover(desk, connection, chunk, run)
            await chunks.move_on(connection, chunk, Phase.DONE)
    return False


async def _collect(connection: Connection, chunk: Chunk, run: Run) -> list[UUID]:
    day = run.business_date
    if run.job is Job.CLOSE_DAY:
        await accrue(connection, chunk.first_user, chunk.next_user, day)
        await collect.announce_due(connection, chunk, day)
    submitted = await collect.submit_due(connection, chunk, day)
    if run.job is Job.EMI_COLLECTION:
        await runs.progress(connection, run.id, total=len(submitted))
    return submitted


async def _assess(desk: Desk, connection: Connection, chunk: Chunk, run: Run) -> list[UUID]:
    day = run.business_date
    succeeded, failed = await collect.results(connection, chunk.waiting_for)
    if run.job is Job.EMI_COLLECTION:
        await runs.progress(
            connection, run.id, done=succeeded + failed, succeeded=succeeded, failed=failed
        )
        return []
    if run.job is Job.CLOSE_DAY:
        await charge.charge(connection, chunk, day, desk.calendar)
    standings = await classify(connection, chunk, day, desk.calendar)
    await recover.open_cases(connection, standings, day)
    submitted = await recover.set_off(connection, chunk, day)
    await recover.close_cured(connection, chunk)
    failed = min(failed, chunk.loans)
    await runs.progress(
        connection, run.id, done=chunk.loans, succeeded=chunk.loans - failed, failed=failed
    )
    return submitted


async def _recover(desk: Desk, connection: Connection, chunk: Chunk, run: Run) -> None:
    """After the set-offs: who is no longer late is out of default, and the case closes."""
    await classify(connection, chunk, run.business_date, desk.calendar)
    await recover.close_cured(connection, chunk)
