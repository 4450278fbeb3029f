"""The workers' messages are doubled, shuffled and forged, and so are the locks on accounts."""

import json
import random
import secrets
from collections.abc import AsyncIterator
from typing import Any, Final
from uuid import uuid4

from dramatiq import Message

from core.foundation.jobs import BELL_KEY, LENDING_QUEUE, QUEUES, SETTLE_ACTOR, SETTLEMENT_QUEUE
from core.foundation.locks import CLAIMS, LOCKS
from core.transactions.waiting import CHANNEL
from tests.faults.nemesis.fault import Scene, all_the_while, fault

TURN_SECONDS: Final = 0.05


def _queue(name: str) -> str:
    return f"dramatiq:{name}"


@fault("messages-doubled", "every job in the queues ten times over")
async def messages_doubled(scene: Scene) -> AsyncIterator[None]:
    async with scene.stage.redis() as redis:

        async def double() -> None:
            for _ in range(10):
                await _enqueue(redis, _settle())
            for name in QUEUES:
                for identity in await redis.lrange(_queue(name), 0, -1):
                    await redis.rpush(_queue(name), identity)

        async with all_the_while(double, TURN_SECONDS):
            yield


@fault("messages-shuffled", "the queues in another order, half of them lost")
async def messages_shuffled(scene: Scene) -> AsyncIterator[None]:
    async with scene.stage.redis() as redis:

        async def shuffle() -> None:
            for name in QUEUES:
                waiting = await redis.lrange(_queue(name), 0, -1)
                scene.draw.shuffle(waiting)
                await redis.delete(_queue(name), BELL_KEY)
                if kept := waiting[len(waiting) // 2 :]:
                    await redis.rpush(_queue(name), *kept)

        async with all_the_while(shuffle, TURN_SECONDS):
            yield


@fault("messages-forged", "jobs that are none, jobs of strangers, ends that never came", short=True)
async def messages_forged(scene: Scene) -> AsyncIterator[None]:
    async with scene.stage.redis() as redis:

        async def forge() -> None:
            await _enqueue_raw(redis, scene.draw.choice(QUEUES), _garbage(scene.draw))
            await redis.rpush(_queue(SETTLEMENT_QUEUE), uuid4().hex)  # no message behind it
            await redis.publish(CHANNEL, secrets.token_bytes(scene.draw.randint(0, 50)))
            for _, transaction_id, _ in scene.work.settled[-2:]:
                await _enqueue(redis, _settle(transaction_id))

        async with all_the_while(forge, TURN_SECONDS):
            yield


@fault("locks-forged", "every account locked by nobody and without end", short=True)
async def locks_forged(scene: Scene) -> AsyncIterator[None]:
    connection = await scene.stage.superuser()
    accounts = [row["id"] for row in await connection.fetch("SELECT id FROM accounts")]
    await connection.close()
    token = secrets.token_hex(16)
    async with scene.stage.redis() as redis:
        await redis.set(CLAIMS + token, 1)
        await redis.hset(LOCKS, mapping={account.bytes: token for account in accounts})
    yield


def _settle(*arguments: object) -> "Message[Any]":
    return Message(
        queue_name=SETTLEMENT_QUEUE,
        actor_name=SETTLE_ACTOR,
        args=arguments,
        kwargs={},
        options={},
    )


def _garbage(draw: random.Random) -> bytes:
    """What no worker can make sense of: no JSON, no message, no actor, no such thing."""
    stranger = {**_settle().asdict(), "actor_name": "give_me_money", "queue_name": LENDING_QUEUE}
    return draw.choice(
        (
            b"\xff\xfe\x00 no text at all",
            b"[]",
            b"{}",
            b'{"amount": 1000000}',
            json.dumps(stranger).encode(),
            json.dumps({**_settle().asdict(), "args": 7, "kwargs": None}).encode(),
            json.dumps({**_settle().asdict(), "options": "none"}).encode(),
        )
    )


async def _enqueue(redis: Any, message: "Message[Any]") -> None:
    identity = uuid4().hex
    body = message.copy(options={"redis_message_id": identity}).encode()
    await redis.hset(f"{_queue(message.queue_name)}.msgs", identity, body)
    await redis.rpush(_queue(message.queue_name), identity)


async def _enqueue_raw(redis: Any, queue: str, body: bytes) -> None:
    identity = uuid4().hex
    await redis.hset(f"{_queue(queue)}.msgs", identity, body)
    await redis.rpush(_queue(queue), identity)
