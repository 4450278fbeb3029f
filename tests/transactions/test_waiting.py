"""Waiting for the end of a payment: told at once, and found all the same when nobody tells."""

import asyncio
from collections.abc import AsyncIterator

import pytest_asyncio

from core.foundation.cache import ANSWER_TIMEOUT_SECONDS, connect
from core.foundation.ids import new_id
from core.transactions.waiting import CHANNEL, Announcer, Waiters
from tests.quiet import Quiet


@pytest_asyncio.fixture(loop_scope="session")
async def waiters(quiet: Quiet) -> AsyncIterator[Waiters]:
    listening = Waiters(quiet.redis, quiet.database)
    listening.start()
    await asyncio.sleep(0.05)
    yield listening
    await listening.close()


async def test_a_waiter_is_told_also_after_a_long_silence(quiet: Quiet, waiters: Waiters) -> None:
    # Given an API process that has heard nothing for longer than its client's time limit
    await asyncio.sleep(ANSWER_TIMEOUT_SECONDS + 0.2)
    for _ in range(3):
        identity = new_id()
        waiting = asyncio.create_task(waiters.wait(identity, 20))
        await asyncio.sleep(0.02)
        # When a worker announces an end of which the database, where one would look, knows nothing
        await Announcer(quiet.redis).announce([new_id(), identity])
        # Then the waiter wakes
        assert await waiting


async def test_an_end_that_nobody_announced_is_found_by_looking(
    quiet: Quiet, waiters: Waiters
) -> None:
    anna, bert = await quiet.account(100), await quiet.account()
    accepted = await quiet.transfer(anna, bert, 1)
    waiting = asyncio.create_task(waiters.wait(accepted.transaction_id, 10))
    nowhere = connect("redis://127.0.0.1:1/0")
    mute = quiet.settler()
    mute._announcer = Announcer(nowhere)
    await mute.drain()
    assert await waiting
    await nowhere.aclose()


async def test_a_waiter_without_redis_finds_the_end_all_the_same(quiet: Quiet) -> None:
    nowhere = connect("redis://127.0.0.1:1/0")
    deaf = Waiters(nowhere, quiet.database)
    deaf.start()
    anna, bert = await quiet.account(100), await quiet.account()
    accepted = await quiet.transfer(anna, bert, 1)
    await quiet.settler().drain()
    assert await deaf.wait(accepted.transaction_id, 10)
    await deaf.close()
    await nowhere.aclose()


async def test_who_waits_for_what_does_not_end_is_let_go_in_time(waiters: Waiters) -> None:
    async with asyncio.timeout(30):
        assert not await waiters.wait(new_id(), 0.2)


async def test_nonsense_on_the_channel_wakes_nobody_and_deafens_nobody(
    quiet: Quiet, waiters: Waiters
) -> None:
    identity = new_id()
    waiting = asyncio.create_task(waiters.wait(identity, 5))
    await asyncio.sleep(0.02)
    for nonsense in (b"", b"short", b"x" * 33):
        await quiet.redis.publish(CHANNEL, nonsense)
    await asyncio.sleep(0.05)
    assert not waiting.done()
    # No look could find it: the transaction does not exist.
    await Announcer(quiet.redis).announce([identity])
    assert await waiting
