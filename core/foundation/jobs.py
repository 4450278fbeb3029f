"""Ringing for the workers: messages by actor name, so that nobody needs to import an actor.

A job carries no amounts and no authority. It says that there is work; the database row is the
work. A forged, lost, doubled or late message therefore changes nothing.
"""

import asyncio
from typing import Any, Final, TypeVar

from dramatiq import Message
from dramatiq.brokers.redis import RedisBroker
from redis import Redis as BlockingRedis
from redis.asyncio import Redis
from redis.exceptions import RedisError

from core.foundation.logging import describe, get_logger

log = get_logger(__name__)

SETTLEMENT_QUEUE: Final = "settlement"
LENDING_QUEUE: Final = "lending"
QUEUES: Final = (SETTLEMENT_QUEUE, LENDING_QUEUE)

SETTLE_ACTOR: Final = "settle"
DRIVE_RUN_ACTOR: Final = "drive_run"
# Set while a ring is unanswered; workers clear it before they look, so no row is overlooked. It
# says how long it lasts by a clock that may be set back: one that says longer than it was given, or
# for ever, keeps nobody from ringing.
BELL_KEY: Final = "giro:bell"
BELL_TTL_MS: Final = 500

DEAD_WORKER_AFTER_MS: Final = 15_000
# Out of a million commands, how many look after the queues of dead workers: with dramatiq's
# default of 1,000 an idle system takes minutes to redeliver.
MAINTENANCE_CHANCE: Final = 100_000


# How long an idle worker sleeps between looks at the settlement queue, at most: the better part of
# the time to final of a lone transaction. Other queues keep dramatiq's second: each look costs as
# much as settling a dozen transactions, and every worker looks at four queues.
SETTLEMENT_POLL_MS: Final = 20

_RING: Final = """
local left = redis.call('PTTL', KEYS[1])
if left >= 0 and left <= tonumber(ARGV[1]) then return 0 end
redis.call('SET', KEYS[1], 1, 'PX', ARGV[1])
return 1
"""


class Broker(RedisBroker):
    """Dramatiq's broker, with an eye on the settlement queue."""

    def consume(self, queue_name: str, prefetch: int = 1, timeout: int = 1_000) -> Any:
        """A consumer that looks every ``timeout`` ms, at the settlement queue more often."""
        if queue_name == SETTLEMENT_QUEUE:
            timeout = SETTLEMENT_POLL_MS
        return super().consume(queue_name, prefetch, timeout)


AnyBroker = TypeVar("AnyBroker", bound=Broker)


def make_broker(redis_url: str, kind: type[AnyBroker]) -> AnyBroker:
    """A broker on ``redis_url`` without middleware, its socket calls bounded in time."""
    client = BlockingRedis.from_url(redis_url, socket_connect_timeout=1.0, socket_timeout=5.0)
    return kind(
        client=client,
        middleware=[],
        heartbeat_timeout=DEAD_WORKER_AFTER_MS,
        maintenance_chance=MAINTENANCE_CHANCE,
    )


class Jobs:
    """The sending side of the job queues."""

    def __init__(self, redis: "Redis", redis_url: str) -> None:
        self._redis = redis
        self._ring = redis.register_script(_RING)
        self._broker = make_broker(redis_url, Broker)

    async def enqueue(
        self, actor: str, *args: object, queue: str, request_id: str | None = None
    ) -> None:
        """Queue one job for the actor of that name. Raises RedisError when Redis is down."""
        message: Message[object] = Message(
            queue_name=queue,
            actor_name=actor,
            args=args,
            kwargs={},
            options={"request_id": request_id} if request_id else {},
        )
        await asyncio.to_thread(self._broker.enqueue, message)

    async def ring(self, request_id: str | None = None) -> bool:
        """Tell the workers that transactions are pending; True unless Redis could not be told.

        Rings that nobody has answered yet are not repeated. A bell that could not be rung is no
        error of the caller's: what it accepted is on disk, and the sweep rings again.
        """
        try:
            if await self._ring(keys=[BELL_KEY], args=[BELL_TTL_MS]):
                await self.enqueue(SETTLE_ACTOR, queue=SETTLEMENT_QUEUE, request_id=request_id)
        except RedisError as error:
            log.warning("bell_not_rung", error=describe(error))
            return False
        return True

    async def answer_bell(self) -> None:
        """Clear the bell: rings from now on are about rows that may not have been seen yet."""
        await self._redis.delete(BELL_KEY)

    async def depths(self) -> dict[str, int]:
        """The number of messages waiting in each queue."""
        pipeline = self._redis.pipeline(transaction=False)
        for queue in QUEUES:
            pipeline.llen(f"dramatiq:{queue}")
        return dict(zip(QUEUES, await pipeline.execute(), strict=True))

    def close(self) -> None:
        """Close the sending connections."""
        self._broker.client.close()


class Doorbell:
    """Rings in the background: whoever has submitted is answered without waiting for it.

    A ring begins after the call that asked for it, so after the commit it is about; calls that
    come while one is under way share the next, however many: it bears the first one's request id,
    and the others leave nothing behind. Losing one costs a sweep's delay and no more.
    """

    def __init__(self, jobs: Jobs) -> None:
        self._jobs = jobs
        self._wanted = False
        self._request_id: str | None = None
        self._ringing: asyncio.Task[None] | None = None

    def ring(self, request_id: str | None = None) -> None:
        """Tell the workers soon that transactions are pending."""
        if not self._wanted:
            self._wanted, self._request_id = True, request_id
        if self._ringing is None or self._ringing.done():
            self._ringing = asyncio.create_task(self._ring())

    async def close(self) -> None:
        """Wait until everything that was asked for has been rung."""
        if self._ringing is not None:
            await self._ringing

    async def _ring(self) -> None:
        while self._wanted:
            self._wanted = False
            try:
                await self._jobs.ring(self._request_id)
            except Exception:
                log.exception("bell_not_rung")
