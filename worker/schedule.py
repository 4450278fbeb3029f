"""What runs when: one line for each thing that falls due by the clock."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from core.business_day.close import close_through
from core.ledger.snapshots import take_snapshot
from worker.desk import desk
from worker.retention import forget_what_is_old
from worker.runtime import Runtime

Action = Callable[[Runtime, datetime], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class DailyDuty:
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


def daily_duties(runtime: Runtime) -> list[DailyDuty]:
    """Everything that falls due once a day."""
    settings = runtime.settings
    return [
        DailyDuty("retention", time(0, 20), "UTC", forget_what_is_old),
        DailyDuty("ledger-snapshot", time(0, 5), "UTC", _snapshot),
        DailyDuty(
            "close-day",
            time.fromisoformat(settings.emi_collection_time),
            settings.time_zone,
            _close_day,
        ),
    ]


async def _close_day(runtime: Runtime, due_at: datetime) -> None:
    local = due_at.astimezone(ZoneInfo(runtime.settings.time_zone))
    await close_through(desk(runtime), local.date())


async def _snapshot(runtime: Runtime, _due_at: datetime) -> None:
    await take_snapshot(runtime.database)
