"""Clocks that are wrong: of the host that accepted, of the one that sweeps, of Redis."""

import asyncio
from collections.abc import AsyncIterator
from time import monotonic

import pytest
import pytest_asyncio
import time_machine

from core.foundation.jobs import BELL_KEY, BELL_TTL_MS, SETTLEMENT_QUEUE, Jobs
from core.foundation.locks import CLAIMS, LOCKS, Locks
from core.transactions.backlog import Front
from tests.quiet import Quiet
from worker.clockwork import Clockwork
from worker.runtime import Runtime


@pytest_asyncio.fixture(loop_scope="session")
async def jobs(quiet: Quiet) -> AsyncIterator[Jobs]:
    """A bell that nobody answers."""
    await quiet.redis.flushdb()
    ringing = Jobs(quiet.redis, quiet.settings.redis_url)
    yield ringing
    ringing.close()
    await quiet.redis.flushdb()


async def rung(jobs: Jobs) -> int:
    return (await jobs.depths())[SETTLEMENT_QUEUE]


# --- the sweep ------------------------------------------------------------------------------------


@pytest.mark.parametrize("accepted_at", ["2099-01-01", "1999-01-01"])
async def test_what_was_accepted_by_a_host_with_a_wrong_clock_is_swept_like_everything(
    quiet: Quiet, jobs: Jobs, accepted_at: str
) -> None:
    # Given a payment that says it was accepted in another time
    anna, bert = await quiet.account(1_000), await quiet.account()
    with time_machine.travel(accepted_at, tick=True):
        ids = [(await quiet.transfer(anna, bert, 1)).transaction_id]
    runtime = Runtime.start(quiet.settings, name="sweeper")
    clockwork = Clockwork(runtime)
    # When a scheduler sweeps, it rings once the payment has stood there for a while, not before
    begun = monotonic()
    await clockwork.sweep()
    assert await rung(jobs) == 0
    async with asyncio.timeout(5):
        while not await rung(jobs):
            await clockwork.sweep()
            await asyncio.sleep(0.05)
    assert monotonic() - begun >= quiet.settings.sweep_after_seconds
    await quiet.settler().drain()
    assert await quiet.states(ids) == [("success", None)]
    await runtime.close()


async def test_a_queue_that_moves_is_left_in_peace(quiet: Quiet) -> None:
    anna, bert = await quiet.account(1_000), await quiet.account()
    front = Front(quiet.database)
    for _ in range(4):
        await quiet.transfer(anna, bert, 1)
        assert not await front.has_stood_for(0.05)
        await asyncio.sleep(0.06)
        assert await front.has_stood_for(0.05)
        await quiet.settler().drain()
    assert not await front.has_stood_for(0)


# --- the bell and the locks -----------------------------------------------------------------------


@pytest.mark.parametrize("lasts_ms", [None, 3_600_000])
async def test_a_bell_that_is_stuck_keeps_nobody_from_ringing(
    quiet: Quiet, jobs: Jobs, lasts_ms: int | None
) -> None:
    # Given a bell that somebody forged, or that a clock set back by an hour keeps alive
    await quiet.redis.set(BELL_KEY, 1, px=lasts_ms)
    # Then it is rung all the same, and from then on as ever
    assert await jobs.ring()
    assert await rung(jobs) == 1
    assert 0 < await quiet.redis.pttl(BELL_KEY) <= BELL_TTL_MS
    await jobs.ring()
    assert await rung(jobs) == 1


@pytest.mark.parametrize("lasts_ms", [None, 3_600_000])
async def test_a_lock_that_is_forged_or_outlives_its_time_holds_nobody_up(
    quiet: Quiet, lasts_ms: int | None
) -> None:
    anna, bert = await quiet.account(1_000), await quiet.account()
    await quiet.redis.hset(LOCKS, mapping={anna.bytes: "forged", bert.bytes: "forged"})
    await quiet.redis.set(f"{CLAIMS}forged", 1, px=lasts_ms)
    paid = await quiet.transfer(anna, bert, 1)
    assert await quiet.settler().drain() == 1
    assert await quiet.states([paid.transaction_id]) == [("success", None)]


async def test_a_lock_that_is_held_is_believed(quiet: Quiet) -> None:
    anna, bert = await quiet.account(1_000), await quiet.account()
    locks = Locks(quiet.redis, ttl_seconds=quiet.settings.account_lock_ttl_seconds)
    await quiet.transfer(anna, bert, 1)
    async with locks.hold([(anna, bert)], limit=1):
        assert await quiet.settler().drain() == 0
    assert await quiet.settler().drain() == 1


async def test_the_hash_of_locks_ends_and_what_died_in_it_is_swept_out(quiet: Quiet) -> None:
    # Given fields that workers left behind, one of a worker that lives
    await quiet.redis.delete(LOCKS)
    dead = {(await quiet.account()).bytes: f"dead-{n}" for n in range(3)}
    await quiet.redis.hset(LOCKS, mapping=dead)
    anna, bert = await quiet.account(), await quiet.account()
    locks = Locks(quiet.redis, ttl_seconds=1)
    async with locks.hold([(anna, bert)], limit=1):
        # When they are swept
        await locks.sweep_now()
        # Then those that live are left, and even they only for a time
        assert set(await quiet.redis.hkeys(LOCKS)) == {anna.bytes, bert.bytes}
        assert 0 < await quiet.redis.pttl(LOCKS) <= 100_000
