"""The processes are killed and their queues lost; what was accepted reaches its end."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from time import monotonic
from uuid import UUID

import httpx2
import pytest
import pytest_asyncio

from core.foundation.database import Database
from core.foundation.ids import new_id
from core.foundation.jobs import Jobs
from core.transactions.batch import submit_batch
from core.transactions.orders import Order
from core.verification import verify
from ops.run import processes
from tests.bank import Bank
from tests.conftest import fresh_settings
from tests.quiet import Quiet, transfer_order
from tests.system import System
from tests.worker.test_messages_that_are_no_jobs import written

LOCK_SECONDS = 2


@pytest.fixture(scope="module")
def city() -> Iterator[System]:
    """A system of its own: whatever is killed here is nobody else's."""
    settings = fresh_settings("killed").model_copy(
        update={"account_lock_ttl_seconds": LOCK_SECONDS}
    )
    running = System(settings)
    running.start()
    yield running
    running.stop()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def books(city: System) -> AsyncIterator[Quiet]:
    """The books of that system, behind the back of its API."""
    database = Database.from_settings(city.settings, name="test")
    async with Quiet.open(database, city.settings) as quiet:
        yield quiet
    await database.close()


async def all_final(books: Quiet, ids: Sequence[UUID], seconds: float) -> None:
    """Wait until all are final, ``seconds`` at most."""
    deadline = monotonic() + seconds
    while any(status == "pending" for status, _ in await books.states(ids)):
        assert monotonic() < deadline, f"not final after {seconds} s"
        await asyncio.sleep(0.05)


async def accept_quietly(books: Quiet, orders: Sequence[Order]) -> list[UUID]:
    """Accept without ringing for anybody, as an API that dies right after its commit."""
    batch = await submit_batch(books.database, books.intake, list(orders), owner_id=new_id())
    assert batch.accepted == len(orders)
    return [order.id for order in orders]


async def some_orders(books: Quiet, count: int) -> list[Order]:
    accounts = [await books.account(100_000) for _ in range(6)]
    return [
        transfer_order(accounts[n % 6], accounts[(n + 1 + n % 5) % 6], n % 7 + 1)
        for n in range(count)
    ]


async def assert_books_are_sound(books: Quiet) -> None:
    broken = [result for result in await verify(books.database) if not result.ok]
    assert not broken, broken


@asynccontextmanager
async def ringing(books: Quiet) -> AsyncIterator[Jobs]:
    jobs = Jobs(books.redis, books.settings.redis_url)
    yield jobs
    jobs.close()


async def test_an_api_that_died_between_commit_and_ring_is_covered_by_the_sweep(
    city: System, books: Quiet
) -> None:
    ids = await accept_quietly(books, await some_orders(books, 40))
    await all_final(books, ids, 30)
    assert {status for status, _ in await books.states(ids)} == {"success"}
    await assert_books_are_sound(books)


async def test_redis_flushed_with_work_queued_loses_nothing(city: System, books: Quiet) -> None:
    orders = await some_orders(books, 600)
    ids: list[UUID] = []
    async with ringing(books) as jobs:
        for start in range(0, 600, 200):
            ids += await accept_quietly(books, orders[start : start + 200])
            await jobs.ring()
            await books.redis.flushdb()
    await all_final(books, ids, 30)
    assert {status for status, _ in await books.states(ids)} == {"success"}
    await assert_books_are_sound(books)


async def test_a_worker_killed_under_load_is_replaced_and_everything_ends(
    city: System, books: Quiet
) -> None:
    # Given a worker in the middle of a long queue
    orders = await some_orders(books, 2_000)
    async with ringing(books) as jobs:
        ids = await accept_quietly(books, orders[:1_000])
        ids += await accept_quietly(books, orders[1_000:])
        await jobs.ring()
        await asyncio.sleep(0.05)
        # When it is killed and another one started
        city.kill("worker")
        city.spawn("worker", processes.worker())
    # Then everything that was accepted reaches its end, once
    await all_final(books, ids, 60)
    assert {status for status, _ in await books.states(ids)} == {"success"}
    await assert_books_are_sound(books)


async def test_messages_that_are_no_jobs_are_kept_as_failed_jobs_and_stop_no_worker(
    city: System, books: Quiet
) -> None:
    # Given queues full of what somebody forged, more than a worker has threads
    queues = ("settlement", "lending")
    for number in range(40):
        for queue in queues:
            forged = b"garbage" if number % 2 else written(queue_name="tulips")
            await books.redis.hset(f"dramatiq:{queue}.msgs", f"forged-{number}", forged)
            await books.redis.rpush(f"dramatiq:{queue}", f"forged-{number}")
    # When work comes in
    ids = await accept_quietly(books, await some_orders(books, 20))
    await all_final(books, ids, 30)

    # Then it is done, and what was forged is told of and gone
    async def is_gone() -> bool:
        async with books.database.read() as reader:
            kept: int = await reader.fetchval(
                "SELECT count(*) FROM failed_jobs WHERE actor = 'unreadable'"
            )
        waiting = [await books.redis.hlen(f"dramatiq:{queue}.msgs") for queue in queues]
        return kept >= 20 and sum(waiting) < 5

    async with asyncio.timeout(20):
        while not await is_gone():  # noqa: ASYNC110
            await asyncio.sleep(0.05)


async def test_without_any_worker_what_is_accepted_is_settled_all_the_same(
    city: System, books: Quiet
) -> None:
    # Given a bank whose workers are all gone
    orders = await some_orders(books, 10)
    city.kill("worker")
    # When payments are accepted
    ids = await accept_quietly(books, orders)
    # Then they end within seconds, and not when a worker comes back
    await all_final(books, ids, 10)
    city.spawn("worker", processes.worker())
    assert {status for status, _ in await books.states(ids)} == {"success"}


async def leader(books: Quiet) -> int:
    """The term of whoever leads; 0 for nobody yet."""
    async with books.database.read() as reader:
        term: int = await reader.fetchval("SELECT term FROM scheduler_leadership")
    return term


async def next_leader(books: Quiet, old: int) -> int:
    """Wait until somebody leads in a later term."""
    for _ in range(200):
        if (term := await leader(books)) > old:
            return term
        await asyncio.sleep(0.05)
    raise AssertionError("nobody leads")


async def schedulers_stand(books: Quiet, count: int) -> None:
    """Wait until so many schedulers look at the lease."""
    standing = (
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
        " AND application_name = 'giro-scheduler-leader' AND query <> ''"
    )
    for _ in range(200):
        async with books.database.read() as reader:
            if await reader.fetchval(standing) >= count:
                return
        await asyncio.sleep(0.05)
    raise AssertionError(f"not {count} schedulers")


async def test_a_killed_scheduler_is_succeeded_within_seconds(city: System, books: Quiet) -> None:
    # Given a leader, and a second scheduler that stands by
    first = await next_leader(books, 0)
    city.spawn("heir", processes.scheduler())
    await schedulers_stand(books, 2)
    assert await leader(books) == first
    # When the leader is killed
    city.kill("scheduler")
    # Then the heir leads within seconds, and the sweep goes on
    await next_leader(books, first)
    ids = await accept_quietly(books, await some_orders(books, 10))
    await all_final(books, ids, 30)


async def test_a_leader_that_hangs_is_deposed_and_the_sweep_goes_on(
    city: System, books: Quiet
) -> None:
    # Given a leader and a scheduler that stands by
    first = await next_leader(books, 0)
    hung = city.running.pop("heir")
    city.spawn("scheduler", processes.scheduler())
    await schedulers_stand(books, 2)
    # When the leader hangs, with work accepted that nobody was rung for
    os.kill(hung.pid, signal.SIGSTOP)
    hung_at = monotonic()
    ids = await accept_quietly(books, await some_orders(books, 10))
    # Then another leads within five seconds and sweeps
    second = await next_leader(books, first)
    assert monotonic() - hung_at < 5, "a lease of three seconds, and a look"
    await all_final(books, ids, 5)
    # And when the old one wakes up, it does nothing and stands by
    os.kill(hung.pid, signal.SIGCONT)
    city.running["heir"] = hung
    for _ in range(100):
        if "scheduler_steps_down" in city.log.read_text():
            break
        await asyncio.sleep(0.05)
    else:
        raise AssertionError("the deposed leader goes on")
    assert hung.poll() is None
    assert await leader(books) == second
    city.kill("heir", signal.SIGTERM)


async def test_what_an_api_answered_202_to_before_it_was_killed_ends_all_the_same(
    city: System, books: Quiet
) -> None:
    # Given a customer who pays a friend in a burst
    async with httpx2.AsyncClient(base_url=city.url, timeout=10) as client:
        bank = Bank(client, city)
        anna, bert = await bank.customer(), await bank.customer()
        await anna.open_account(1_000)
        to = await bert.open_account()
        answered: list[UUID] = []
        enough = asyncio.Event()

        async def pay() -> None:
            for _ in range(30):
                try:
                    answer = await anna.post(
                        "/transactions/transfer",
                        {"to_account": to["account_number"], "amount": 1},
                    )
                except httpx2.TransportError:
                    return
                assert answer.status_code == 202, answer.text
                answered.append(UUID(answer.json()["transaction_id"]))
                if len(answered) == 25:
                    enough.set()

        # When the API is killed in the middle of it
        burst = asyncio.gather(*(pay() for _ in range(8)))
        async with asyncio.timeout(10):
            await enough.wait()
        city.kill("api")
        await burst
    assert len(answered) < 240
    # Then everything it had answered is final, and paid
    await all_final(books, answered, 30)
    assert {status for status, _ in await books.states(answered)} == {"success"}
    city.spawn("api", processes.api("127.0.0.1", city.port))
    await asyncio.to_thread(city.wait_until_ready, city.port)
    await assert_books_are_sound(books)
