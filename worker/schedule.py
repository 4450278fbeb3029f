"""What runs when: one line for each thing that falls due by the clock."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from core.identity.sessions import forget_ended_sessions
from core.ledger.snapshots import take_snapshot
from core.lending.business_day.close import close_through
from worker.desk import desk
from worker.runtime import Runtime

SESSIONS_KEPT = timedelta(days=30)
Action = Callable[[Runtime, datetime], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class DailyJob:
    """Something that falls due once a day at a time of day; ``run`` gets that instant."""

    name: str
    at: time
    zone: str
    run: Action

    def latest_due(self, now: datetime) -> datetime:
        """The last instant at or before ``now`` at which it fell due."""
        local = now.astimezone(ZoneInfo(self.zone))
        due = datetime.combine(local.date(), self.at, ZoneInfo(self.zone))
        return due if due <= local else due - timedelta(days=1)


def daily_jobs(runtime: Runtime) -> list[DailyJob]:
    """Everything that falls due once a day."""
    settings = runtime.settings
    return [
        DailyJob("forget-sessions", time(0, 20), "UTC", _forget_sessions),
        DailyJob("ledger-snapshot", time(0, 5), "UTC", _snapshot),
        DailyJob(
            "close-day",
            time.fromisoformat(settings.emi_collection_time),
            settings.time_zone,
            _close_day,
        ),
    ]


async def _close_day(runtime: Runtime, due_at: datetime) -> None:
    local = due_at.astimezone(ZoneInfo(runtime.settings.time_zone))
    await close_through(desk(runtime), local.date())


async def _forget_sessions(runtime: Runtime, due_at: datetime) -> None:
    async with runtime.database.unit_of_work() as session:
        await forget_ended_sessions(session, due_at - SESSIONS_KEPT)
        await session.commit()


async def _snapshot(runtime: Runtime, _due_at: datetime) -> None:
    await take_snapshot(runtime.database)
