"""What a worker process holds, made once after the process has started."""

from dataclasses import dataclass

from redis.asyncio import Redis

from core.foundation.cache import connect
from core.foundation.config import Settings
from core.foundation.database import Database
from core.foundation.jobs import Doorbell, Jobs
from core.foundation.locks import Locks
from core.transactions.backlog import BacklogGauges
from core.transactions.intake import Intake
from core.transactions.settle import Settler
from core.transactions.waiting import Announcer
from worker.kinds import every_kind


@dataclass(frozen=True, slots=True)
class Runtime:
    """The stores and the settler of this process. Lives on one event loop."""

    settings: Settings
    database: Database
    redis: "Redis"
    jobs: Jobs
    bell: Doorbell
    intake: Intake
    settler: Settler
    gauges: BacklogGauges

    @classmethod
    def start(cls, settings: Settings, *, name: str, database: Database | None = None) -> "Runtime":
        """Connect lazily; nothing is asked of a store yet. ``database``: instead of its own."""
        database = database or Database.from_settings(settings, name=name)
        redis = connect(settings.redis_url)
        jobs = Jobs(redis, settings.redis_url)
        bell = Doorbell(jobs)
        return cls(
            settings=settings,
            database=database,
            redis=redis,
            jobs=jobs,
            bell=bell,
            intake=Intake(database, bell),
            settler=Settler(
                database,
                Locks(redis, ttl_seconds=settings.account_lock_ttl_seconds),
                every_kind(settings),
                Announcer(redis),
                batch_size=settings.settlement_batch_size,
                time_zone=settings.time_zone,
            ),
            gauges=BacklogGauges(database, jobs),
        )

    async def close(self) -> None:
        """Ring what was asked for, then close every connection."""
        await self.bell.close()
        await self.gauges.close()
        self.jobs.close()
        await self.redis.aclose()
        await self.database.close()
