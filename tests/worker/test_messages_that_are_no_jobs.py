"""Whatever somebody puts into a queue, the workers go on, and none of it stays for ever."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from typing import Any

import dramatiq
import pytest
import pytest_asyncio
from dramatiq import Message

from core.foundation.jobs import LENDING_QUEUE, SETTLE_ACTOR, SETTLEMENT_QUEUE, make_broker
from tests.quiet import Quiet
from worker.consumer import LONGEST_DELAY_MS, WatchfulBroker

SOON_MS = int(time.time() * 1000)


def written(**fields: Any) -> bytes:
    """A message as dramatiq writes it, with some of its fields changed."""
    message = {
        "queue_name": SETTLEMENT_QUEUE,
        "actor_name": SETTLE_ACTOR,
        "args": [],
        "kwargs": {},
        "options": {"redis_message_id": "forged"},
        "message_id": "m",
        "message_timestamp": SOON_MS,
    }
    return json.dumps(message | fields).encode()


FORGED = {
    "no JSON": b"\x80\x04garbage\x00",
    "a list": b"[1, 2]",
    "fields that nobody knows": b'{"tulips": 5}',
    "another queue's name": written(queue_name=LENDING_QUEUE),
    "a queue that nobody knows": written(queue_name="tulips"),
    "an actor that nobody knows": written(actor_name="tulip"),
    "an actor that is a list": written(actor_name=["settle"]),
    "an id that is a list": written(message_id=["m"]),
    "an id that is an object": written(message_id={}),
    "an id that is a number": written(message_id=7),
    "options that are a list": written(options=[]),
    "options without an id": written(options={}),
    "arguments that are a list": written(kwargs=[]),
    "put off where nothing waits": written(options={"redis_message_id": "forged", "eta": SOON_MS}),
}


@pytest_asyncio.fixture(loop_scope="session")
async def broker(quiet: Quiet) -> AsyncIterator[WatchfulBroker]:
    """A worker's broker, and what it was told of."""
    await quiet.redis.flushdb()
    told: list[tuple[str, str, str]] = []
    broker = make_broker(quiet.settings.redis_url, WatchfulBroker)
    broker.report = lambda *what: told.append(what)  # type: ignore[method-assign]
    broker.told = told  # type: ignore[attr-defined]
    known = {"actor_name": SETTLE_ACTOR, "queue_name": SETTLEMENT_QUEUE}
    dramatiq.actor(lambda: None, broker=broker, **known)
    yield broker
    broker.client.close()
    await quiet.redis.flushdb()


async def put(quiet: Quiet, queue: str, data: bytes) -> None:
    await quiet.redis.hset(f"dramatiq:{queue}.msgs", "forged", data)
    await quiet.redis.rpush(f"dramatiq:{queue}", "forged")


def ring(broker: WatchfulBroker) -> Message[None]:
    message: Message[None] = Message(
        queue_name=SETTLEMENT_QUEUE, actor_name=SETTLE_ACTOR, args=(), kwargs={}, options={}
    )
    return broker.enqueue(message)  # type: ignore[no-untyped-call]


def jobs_of(broker: WatchfulBroker, queue: str = SETTLEMENT_QUEUE) -> list[str]:
    """What a consumer hands on until it finds nothing more; each is done."""
    consumer = broker.consume(queue, prefetch=4, timeout=1)
    done = []
    for _ in range(6):
        message = next(consumer)
        if message is not None:
            done.append(message.message_id)
            consumer.ack(message)
    return done


async def left(quiet: Quiet, queue: str) -> dict[str, int]:
    """What is left of the queue in Redis: waiting, fetched, and dead letters."""
    fetched = [key async for key in quiet.redis.scan_iter(f"dramatiq:__acks__*.{queue}")]
    name = f"dramatiq:{queue}"
    return {
        "waiting": await quiet.redis.llen(name),
        "messages": await quiet.redis.hlen(f"{name}.msgs"),
        "fetched": sum([await quiet.redis.scard(key) for key in fetched]),
        "dead": await quiet.redis.zcard(f"dramatiq:{SETTLEMENT_QUEUE}.XQ"),
    }


@pytest.mark.parametrize("forgery", FORGED)
async def test_what_is_no_job_becomes_a_dead_letter_and_the_jobs_around_it_are_done(
    quiet: Quiet, broker: WatchfulBroker, forgery: str
) -> None:
    # Given a forged message between two of ours
    rings = [ring(broker)]
    await put(quiet, SETTLEMENT_QUEUE, FORGED[forgery])
    rings.append(ring(broker))
    # When a consumer works
    done = await asyncio.to_thread(jobs_of, broker)
    # Then ours are done, the forged one lies among the dead letters, and somebody is told
    assert done == [message.message_id for message in rings]
    empty = {"waiting": 0, "messages": 0, "fetched": 0}
    assert await left(quiet, SETTLEMENT_QUEUE) == empty | {"dead": 1}
    ((queue, _, fault),) = broker.told  # type: ignore[attr-defined]
    assert queue == SETTLEMENT_QUEUE
    assert fault


async def test_what_is_put_off_for_years_takes_no_place_among_what_waits(
    quiet: Quiet, broker: WatchfulBroker
) -> None:
    delayed = f"{SETTLEMENT_QUEUE}.DQ"
    eta = int(time.time() * 1000) + 2 * LONGEST_DELAY_MS
    options = {"redis_message_id": "forged", "eta": eta}
    await put(quiet, delayed, written(queue_name=delayed, options=options))
    assert await asyncio.to_thread(jobs_of, broker, delayed) == []
    assert (await left(quiet, delayed))["dead"] == 1


async def test_a_consumer_that_takes_over_buries_nothing_that_is_under_way(
    quiet: Quiet, broker: WatchfulBroker
) -> None:
    # Given a job under way when its consumer was replaced
    ours = ring(broker)
    first = broker.consume(SETTLEMENT_QUEUE, prefetch=4, timeout=1)
    under_way = await asyncio.to_thread(next, first)
    # When the next one meets something that makes it look
    await put(quiet, SETTLEMENT_QUEUE, b"garbage")
    assert await asyncio.to_thread(jobs_of, broker) == []
    # Then the job is still there to be done
    assert under_way.message_id == ours.message_id
    assert (await left(quiet, SETTLEMENT_QUEUE))["fetched"] == 1
    first.ack(under_way)
    assert (await left(quiet, SETTLEMENT_QUEUE)) == {
        "waiting": 0,
        "messages": 0,
        "fetched": 0,
        "dead": 1,
    }


async def test_a_flood_is_counted_and_not_told_one_by_one(
    quiet: Quiet, broker: WatchfulBroker
) -> None:
    for number in range(60):
        await quiet.redis.hset(f"dramatiq:{SETTLEMENT_QUEUE}.msgs", f"f{number}", b"garbage")
        await quiet.redis.rpush(f"dramatiq:{SETTLEMENT_QUEUE}", f"f{number}")
    await asyncio.to_thread(jobs_of, broker)
    assert (await left(quiet, SETTLEMENT_QUEUE))["dead"] == 60
    assert len(broker.told) == 20  # type: ignore[attr-defined]
