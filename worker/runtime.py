"""What a worker process holds, made once after the process has started."""

from dataclasses import dataclass

from redis.asyncio import Redis

from core.foundation.cache import connect
from core.foundation.config import Settings
from core.foundation.database import Database
from core.foundation.jobs import Jobs
from core.foundation.locks import Locks
from core.transactions.backlog import BacklogGauges
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
    settler: Settler
    gauges: BacklogGauges

    @classmethod
    def start(cls, settings: Settings, *, name: str, database: Database | None = None) -> "Runtime":
        """Connect lazily; nothing is asked of a store yet. ``database``: instead of its own."""
        database = database or Database.from_settings(settings, name=name)
        redis = connect(settings.redis_url)
        jobs = Jobs(redis, settings.redis_url)
        return cls(
            settings=settings,
            database=database,
            redis=redis,
            jobs=jobs,
            settler=Settler(
                database,
                Locks(redis, ttl_seconds=settings.account_lock_ttl_seconds),
                every_kind(settings),
                Announcer(redis),
                batch_size=settings.settlement_batch_size,
            ),
            gauges=BacklogGauges(database, jobs),
        )

    async def close(self) -> None:
        """Close every connection."""
        await self.gauges.close()
        self.jobs.close()
        await self.redis.aclose()
        await self.database.close()
