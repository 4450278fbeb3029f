"""The clock: when things fall due, and what it does while its database is away."""

from dataclasses import replace
from datetime import UTC, datetime, time

import pytest
from structlog.testing import capture_logs

from core.foundation import clock
from core.foundation.config import Settings
from core.foundation.database import Database
from core.operations.ticks import begin_tick, end_tick
from tests.conftest import fresh_settings
from tests.quiet import Quiet
from worker.clockwork import Clockwork, next_time_again
from worker.runtime import Runtime
from worker.schedule import DailyDuty, daily_duties


@pytest.fixture
async def stranded():
    """A leader whose database nobody serves."""
    settings = Settings(_env_file=None, database_url="postgresql://giro:giro@127.0.0.1:1/giro")
    runtime = Runtime.start(settings, name="test")
    yield Clockwork(runtime)
    await runtime.close()


@pytest.mark.parametrize("action", ["sweep", "resume_runs", "credit_cashbacks", "run_due"])
async def test_a_database_that_is_away_is_one_line_until_the_next_turn(stranded, action):
    with capture_logs() as lines:
        await next_time_again(getattr(stranded, action))()
    (line,) = lines
    assert (line["event"], line["action"], line["log_level"]) == ("put_off", action, "warning")
    assert "Connect call failed" in line["error"]


async def test_a_mistake_of_our_own_is_not_put_off():
    async def wrong() -> None:
        raise LookupError("no such thing")

    with pytest.raises(LookupError, match="no such thing"):
        await next_time_again(wrong)()


@pytest.mark.parametrize(
    ("now", "due"),
    [
        # 01:00 in Berlin is 23:00 the day before in summer, midnight in winter.
        (datetime(2026, 7, 1, 22, 59, tzinfo=UTC), datetime(2026, 6, 30, 23, 0, tzinfo=UTC)),
        (datetime(2026, 7, 1, 23, 0, tzinfo=UTC), datetime(2026, 7, 1, 23, 0, tzinfo=UTC)),
        (datetime(2026, 1, 5, 0, 0, tzinfo=UTC), datetime(2026, 1, 5, 0, 0, tzinfo=UTC)),
        (datetime(2026, 1, 4, 23, 59, tzinfo=UTC), datetime(2026, 1, 4, 0, 0, tzinfo=UTC)),
    ],
)
def test_a_job_falls_due_at_its_time_of_day_in_its_own_zone(now, due):
    job = DailyDuty("close-day", time(1, 0), "Europe/Berlin", lambda *_: None)
    assert job.latest_due(now) == due


async def test_the_business_day_closes_at_the_time_that_was_set(stranded):
    runtime = stranded._runtime
    told = runtime.settings.model_copy(
        update={"emi_collection_time": "04:30", "time_zone": "Asia/Kolkata"}
    )
    jobs = {job.name: job for job in daily_duties(replace(runtime, settings=told))}
    assert (jobs["close-day"].at, jobs["close-day"].zone) == (time(4, 30), "Asia/Kolkata")


async def ticks(runtime: Runtime) -> dict[str, tuple[datetime, datetime | None, str | None]]:
    async with runtime.database.read() as reader:
        rows = await reader.fetch("SELECT * FROM scheduler_ticks")
    return {row["job"]: (row["started_at"], row["finished_at"], row["error"]) for row in rows}


async def test_everything_due_runs_once_and_is_recorded_and_what_failed_runs_again():
    runtime = Runtime.start(fresh_settings("clock"), name="test")
    clockwork = Clockwork(runtime)
    # When the leader looks twice, what is due has run once
    await clockwork.run_due()
    first = await ticks(runtime)
    assert set(first) == {"retention", "ledger-snapshot", "close-day"}
    assert all(finished and error is None for _, finished, error in first.values())
    await clockwork.run_due()
    assert await ticks(runtime) == first

    # A job that fails keeps its error, and the next look runs it again
    runs = []

    async def fragile(_runtime: Runtime, due_at: datetime) -> None:
        runs.append(due_at)
        if len(runs) == 1:
            raise LookupError("not today")

    job = DailyDuty("fragile", time(0, 0), "UTC", fragile)
    await clockwork.run_once(job)
    _, finished, error = (await ticks(runtime))["fragile"]
    assert finished is None
    assert error == "LookupError('not today')"
    await clockwork.run_once(job)
    await clockwork.run_once(job)
    assert len(runs) == 2
    assert runs[0] == runs[1]
    await runtime.close()


async def test_what_falls_due_is_begun_until_it_is_done(quiet: Quiet, database: Database):
    due = clock.now()
    job = f"test-{due.timestamp()}"
    assert await begin_tick(database, job, due)
    # It failed: whoever looks next tries again.
    await end_tick(database, job, due, error="no such table")
    assert await begin_tick(database, job, due)
    # Who began it died, or was deposed: the leader of today begins it again.
    assert await begin_tick(database, job, due)
    # Done is done.
    await end_tick(database, job, due)
    assert not await begin_tick(database, job, due)
