"""Telling those who wait that a transaction is final, over Redis pub/sub.

The message is a hint: ids, nothing else. A waiter reads the transaction from the database, and
looks there by itself once in a while, so that a lost message costs time but never an answer.
"""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress
from typing import Final
from uuid import UUID

from redis.asyncio import Redis
from redis.exceptions import RedisError

from core.foundation.database import Database
from core.foundation.logging import describe, get_logger

log = get_logger(__name__)

CHANNEL: Final = "giro:final"
ID_BYTES: Final = 16
LOOK_SECONDS: Final = 1.0

_FINAL = "SELECT id FROM transactions WHERE id = ANY($1::uuid[]) AND status <> 'pending'"


class Announcer:
    """The telling side, in the workers."""

    def __init__(self, redis: "Redis") -> None:
        self._redis = redis

    async def announce(self, transaction_ids: Sequence[UUID]) -> None:
        """Say that these are final."""
        try:
            await self._redis.publish(CHANNEL, b"".join(i.bytes for i in transaction_ids))
        except RedisError as error:
            log.warning("not_announced", error=describe(error), transactions=len(transaction_ids))


class Waiters:
    """The listening side, one in each API process. Start it once, close it at the end."""

    def __init__(self, redis: "Redis", database: Database) -> None:
        self._redis = redis
        self._database = database
        self._waiting: dict[UUID, set[asyncio.Event]] = defaultdict(set)
        self._tasks: list[asyncio.Task[None]] = []
        self._closing = False

    def start(self) -> None:
        """Listen and look in the background."""
        self._tasks = [asyncio.create_task(self._listen()), asyncio.create_task(self._look())]

    async def close(self) -> None:
        """Stop listening; whoever waits gets no more than its own time limit."""
        self._closing = True
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def wait(self, transaction_id: UUID, timeout_seconds: float) -> bool:
        """Wait until the transaction is final; False when the time ran out first.

        A transaction that had ended before the call is found by the next look, within
        ``LOOK_SECONDS``: read it first where that may be.
        """
        event = asyncio.Event()
        self._waiting[transaction_id].add(event)
        try:
            async with asyncio.timeout(timeout_seconds):
                await event.wait()
        except TimeoutError:
            return False
        finally:
            self._waiting[transaction_id].discard(event)
            if not self._waiting[transaction_id]:
                del self._waiting[transaction_id]
        return True

    def _wake(self, transaction_id: UUID) -> None:
        for event in self._waiting.get(transaction_id, ()):
            event.set()

    async def _listen(self) -> None:
        while not self._closing:
            try:
                async with self._redis.pubsub(ignore_subscribe_messages=True) as subscription:
                    await subscription.subscribe(CHANNEL)
                    while not self._closing:  # the client may swallow a cancellation
                        # Without a time limit of its own, the client's would end the listening.
                        message = await subscription.get_message(timeout=LOOK_SECONDS)
                        if message is not None and self._waiting:
                            self._wake_all(message["data"])
            except (RedisError, OSError) as error:
                log.warning("not_listening", error=describe(error))
                await asyncio.sleep(LOOK_SECONDS)

    def _wake_all(self, packed_ids: bytes) -> None:
        whole = len(packed_ids) - len(packed_ids) % ID_BYTES  # others may publish nonsense
        for start in range(0, whole, ID_BYTES):
            self._wake(UUID(bytes=packed_ids[start : start + ID_BYTES]))

    async def _look(self) -> None:
        while not self._closing:  # the pool may swallow a cancellation, too
            await asyncio.sleep(LOOK_SECONDS)
            if not self._waiting:
                continue
            with suppress(Exception):  # the next look follows; whoever waits has a time limit
                async with self._database.read() as reader:
                    for row in await reader.fetch(_FINAL, list(self._waiting)):
                        self._wake(row["id"])
