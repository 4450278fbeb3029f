"""Closing business dates, one after the other: for the scheduler and for the command line."""

from collections.abc import Callable
from datetime import date, timedelta
from typing import Final

from core.business_day import chunks, dates, drive, runs
from core.business_day.desk import Desk
from core.business_day.runs import CLOSE_DAY, Run
from core.foundation.errors import BusinessDateInFuture

# In one go, where the clock may be moved: longer than any loan.
MAX_DAYS_AHEAD: Final = timedelta(days=40 * 366)


class RunFailed(Exception):  # noqa: N818 - it reads as what happened
    """A run was given up after repeated failures; its ``error`` says why."""


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
    async with desk.database.read() as reader:
        today = await dates.find_today(reader, desk.bank_clock.time_zone)
        first_open = today.first_open or await desk.steps.open_since(reader)
    days = _days(desk, today, first_open, since, through)
    done = []
    for day in days:
        run = await run_job(desk, CLOSE_DAY, day)
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


async def run_job(desk: Desk, job: str, day: date) -> Run:
    """Run ``job`` for ``day`` to its end, together with whoever else works on it.

    Raises RunFailed, BusinessDateInFuture.
    """
    async with desk.database.unit_of_work() as unit:
        run_id = await runs.start(unit.connection, job, day, desk.bank_clock)
        await drive.plan(unit.connection, run_id, desk.steps)
        several = await chunks.count(unit.connection, run_id) > 1
        await unit.commit()
    if several and desk.call_helpers is not None:
        await desk.call_helpers(run_id)
    run = await drive.drive(desk, run_id)
    if run.status == "failed":
        raise RunFailed(f"{job} for {day} failed: {run.error}")
    return run
