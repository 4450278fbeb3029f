"""The engine while Redis, the database and the workers fail: everything ends once, in order."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from uuid import UUID

import asyncpg
from redis.asyncio import Redis
from redis.exceptions import RedisError

from core.foundation.cache import connect
from core.foundation.database import Database
from core.foundation.ids import new_id
from core.foundation.locks import Locks
from core.foundation.sqlstates import is_retryable
from core.transactions.batch import submit_batch
from core.transactions.kinds import Kinds
from core.transactions.orders import Order
from core.transactions.settle import Settler
from core.transactions.waiting import Announcer, Waiters
from tests.quiet import Quiet, transfer_order
from tests.transactions.books import assert_books_are_sound
from tests.transactions.wire import Wire


@asynccontextmanager
async def all_the_while(deed: Callable[[], Awaitable[object]], pause: float) -> AsyncIterator[None]:
    """Do something again and again for the length of the block."""

    over = False

    async def repeat() -> None:
        while not over:
            await deed()
            await asyncio.sleep(pause)

    task = asyncio.create_task(repeat())
    try:
        yield
    finally:
        over = True
        await task


async def accept_all(quiet: Quiet, orders: Sequence[Order]) -> list[UUID]:
    """Accept orders in order, by batches."""
    for start in range(0, len(orders), 1_000):
        batch = await submit_batch(
            quiet.database, quiet.intake, orders[start : start + 1_000], owner_id=new_id()
        )
        assert batch.accepted == len(orders[start : start + 1_000])
    return [order.id for order in orders]


async def settle_everything(settlers: Sequence[Settler], quiet: Quiet) -> None:
    """Several workers, each starting again when the system fails it, until nothing is pending."""

    async def work(settler: Settler) -> None:
        while await pending(quiet):
            try:
                await settler.drain()
            except Exception as error:
                if not is_retryable(error):
                    raise
            await asyncio.sleep(0.002)

    async with asyncio.timeout(20), asyncio.TaskGroup() as workers:
        for settler in settlers:
            workers.create_task(work(settler))


async def pending(quiet: Quiet) -> int:
    async with quiet.database.read() as reader:
        count: int = await reader.fetchval(
            "SELECT count(*) FROM transactions WHERE status = 'pending'"
        )
    return count


async def booked_order(quiet: Quiet, account: UUID) -> list[UUID]:
    """The transactions of an account in the order in which they were booked."""
    async with quiet.database.read() as reader:
        rows = await reader.fetch(
            "SELECT transaction_id FROM postings WHERE account_id = $1"
            " ORDER BY booked_at, entry_no",
            account,
        )
    return [row["transaction_id"] for row in rows]


def settler_on(quiet: Quiet, database: Database, redis: "Redis", batch_size: int) -> Settler:
    """A worker with stores of its own."""
    return Settler(
        database,
        Locks(redis, ttl_seconds=30),
        Kinds(),
        Announcer(redis),
        batch_size=batch_size,
        time_zone="UTC",
    )


def relay(accounts: Sequence[UUID], rounds: int) -> list[Order]:
    """Money handed on around a ring: each can pay only with what the one before has paid it."""
    ring = [*accounts[1:], accounts[0]]
    return [
        transfer_order(payer, payee, 10)
        for _ in range(rounds)
        for payer, payee in zip(accounts, ring, strict=True)
    ]


# --- Redis ----------------------------------------------------------------------------------------


async def test_what_is_handed_on_settles_in_order_while_every_lock_is_deleted_all_the_time(
    quiet: Quiet,
) -> None:
    # Given three rings of customers through which a banknote is handed on, payment by payment
    rings = []
    for _ in range(3):
        ring = [await quiet.account() for _ in range(4)]
        await quiet.deposit(ring[0], 10)
        rings.append(relay(ring, 25))
    orders = [order for together in zip(*rings, strict=True) for order in together]
    ids = await accept_all(quiet, orders)
    # When four workers settle small batches, their locks deleted all the time
    workers = [quiet.settler(batch_size=7) for _ in range(4)]
    async with all_the_while(quiet.redis.flushdb, 0.0005):
        await settle_everything(workers, quiet)
    # Then nobody paid before being paid
    assert set(await quiet.states(ids)) == {("success", None)}
    for ring in rings:
        payer = UUID(ring[0].debit.name)
        assert await quiet.balance(payer) == 1_000
        touching = [o.id for o in ring if payer in {UUID(o.debit.name), UUID(o.credit.name)}]
        assert (await booked_order(quiet, payer))[1:] == touching
    await assert_books_are_sound(quiet)


async def test_opposite_transfers_settle_with_every_lock_deleted_while_held(quiet: Quiet) -> None:
    # Given many payments back and forth between the same two customers, and between pairs
    accounts = [await quiet.account(50_000) for _ in range(4)]
    pairs = [(0, 1), (1, 0), (2, 3), (3, 2), (0, 3), (3, 0), (1, 2), (2, 1)]
    orders = [
        transfer_order(accounts[a], accounts[b], n % 5 + 1) for n in range(100) for a, b in pairs
    ]
    ids = await accept_all(quiet, orders)
    # When several workers settle, and no lock lives longer than a moment
    workers = [quiet.settler(batch_size=40) for _ in range(4)]
    async with all_the_while(quiet.redis.flushdb, 0.0005):
        await settle_everything(workers, quiet)
    # Then all are settled, and every balance is what it was
    assert set(await quiet.states(ids)) == {("success", None)}
    assert [await quiet.balance(account) for account in accounts] == [50_000] * 4
    await assert_books_are_sound(quiet)


async def test_without_redis_settlement_goes_on(quiet: Quiet) -> None:
    anna, bert = await quiet.account(10_000), await quiet.account()
    ids = await accept_all(quiet, [transfer_order(anna, bert, 1) for _ in range(60)])
    nowhere = connect("redis://127.0.0.1:1/0")
    workers = [settler_on(quiet, quiet.database, nowhere, batch_size=20) for _ in range(2)]
    await settle_everything(workers, quiet)
    await nowhere.aclose()
    assert set(await quiet.states(ids)) == {("success", None)}
    assert await quiet.balance(bert) == 6_000


async def test_redis_lost_while_locks_are_held_loses_nothing(quiet: Quiet) -> None:
    anna, bert = await quiet.account(50_000), await quiet.account()
    ids = await accept_all(quiet, [transfer_order(anna, bert, 1) for _ in range(400)])

    ours = str(quiet.redis.connection_pool.connection_kwargs["db"])

    async def cut_redis() -> None:
        # Only those of our own database: other tests talk to the same server.
        with suppress(RedisError):
            for client in await quiet.redis.client_list():
                if client["db"] == ours:
                    await quiet.redis.client_kill_filter(_id=client["id"], skipme=True)

    workers = [quiet.settler(batch_size=20) for _ in range(3)]
    async with all_the_while(cut_redis, 0.01):
        await settle_everything(workers, quiet)
    assert set(await quiet.states(ids)) == {("success", None)}
    assert await quiet.balance(bert) == 40_000
    await assert_books_are_sound(quiet)


async def test_locks_of_a_dead_worker_do_not_outlive_their_time(quiet: Quiet) -> None:
    # Given a worker that died with the lock on an account
    anna, bert = await quiet.account(1_000), await quiet.account()
    dead = Locks(quiet.redis, ttl_seconds=1)
    holding = dead.hold([(anna, bert)], limit=1)
    await holding.__aenter__()
    accepted = await quiet.transfer(anna, bert, 1)
    # When another drains, it leaves the account alone, until the lock has run out
    assert await quiet.settler().drain() == 0
    # (the keeper of the lock dies with its worker)
    for task in asyncio.all_tasks():
        if "_keep" in repr(task.get_coro()):
            task.cancel()
    await asyncio.sleep(1.1)
    assert await quiet.settler().drain() == 1
    assert await quiet.states([accepted.transaction_id]) == [("success", None)]


# --- PostgreSQL -----------------------------------------------------------------------------------


async def test_backends_killed_in_the_middle_of_booking_change_nothing_about_the_end(
    quiet: Quiet, superuser: asyncpg.Connection
) -> None:
    # Given two thousand payments, some of which will turn out short at their turn
    accounts = [await quiet.account(3_000) for _ in range(20)]
    orders = [
        transfer_order(accounts[n % 20], accounts[(n * 7 + 1) % 20], n % 13 + 1)
        for n in range(2_000)
        if n % 20 != (n * 7 + 1) % 20
    ]
    ids = await accept_all(quiet, orders)
    pools = [Database.from_settings(quiet.settings, name="victim") for _ in range(2)]
    workers = [settler_on(quiet, pool, quiet.redis, batch_size=25) for pool in pools]
    killed = 0

    async def kill() -> None:
        nonlocal killed
        if killed < 8:
            killed += await superuser.fetchval(
                "SELECT count(pg_terminate_backend(pid)) FROM (SELECT pid FROM pg_stat_activity"
                " WHERE datname = current_database() AND application_name = 'giro-victim'"
                " AND state <> 'idle' LIMIT 1) AS v"
            )

    # When their backends are killed while they book
    async with all_the_while(kill, 0.04):
        await settle_everything(workers, quiet)
    for pool in pools:
        await pool.close()
    # Then every payment has ended, once, and the books are right
    states = await quiet.states(ids)
    assert killed > 3
    assert {status for status, _ in states} <= {"success", "failed"}
    assert {code for _, code in states} <= {None, "insufficient_funds"}
    assert sum([await quiet.balance(account) for account in accounts]) == 60_000
    await assert_books_are_sound(quiet)


async def test_a_commit_whose_answer_is_lost_is_not_booked_again(quiet: Quiet) -> None:
    # Given a worker whose wire breaks between the commit of its booking and the answer
    anna, bert = await quiet.account(10_000), await quiet.account()
    ids = await accept_all(quiet, [transfer_order(anna, bert, 1) for _ in range(10)])
    async with Wire.open(quiet.settings.database_url) as wire:
        pool = Database(wire.url, name="wired", pool_size=4)
        worker = settler_on(quiet, pool, quiet.redis, batch_size=100)
        wire.lose_answer_to(b"COMMIT;")
        # When it settles, and settles again
        await worker.drain()
        await worker.drain()
        await pool.close()
    # Then the payments were booked once
    assert wire.cuts == 1
    assert set(await quiet.states(ids)) == {("success", None)}
    assert await quiet.balance(bert) == 1_000
    await assert_books_are_sound(quiet)


async def test_deadlocks_with_somebody_else_are_run_again(
    quiet: Quiet, superuser: asyncpg.Connection
) -> None:
    # Given somebody who locks the accounts in the wrong order, again and again
    anna, bert = sorted([await quiet.account(50_000), await quiet.account(50_000)])
    orders = [transfer_order(anna, bert, 1) for _ in range(100)]
    orders += [transfer_order(bert, anna, 1) for _ in range(100)]
    ids = await accept_all(quiet, orders)
    await superuser.execute("SET deadlock_timeout = '10ms'")

    async def lock_in_the_wrong_order() -> None:
        with suppress(asyncpg.DeadlockDetectedError):
            async with superuser.transaction():
                for account in (bert, anna):
                    await superuser.execute(
                        "SELECT FROM accounts WHERE id = $1 FOR UPDATE", account
                    )
                    await asyncio.sleep(0.005)

    workers = [quiet.settler(batch_size=10) for _ in range(2)]
    async with all_the_while(lock_in_the_wrong_order, 0):
        await settle_everything(workers, quiet)
    assert set(await quiet.states(ids)) == {("success", None)}
    await assert_books_are_sound(quiet)


async def test_a_pool_with_nothing_free_is_no_fault_of_the_transactions(quiet: Quiet) -> None:
    # Given a worker all of whose connections are taken for longer than it waits for one
    anna, bert = await quiet.account(10_000), await quiet.account()
    accepted = await quiet.transfer(anna, bert, 1)
    pool = Database(quiet.settings.database_url, name="small", pool_size=1, timeout_seconds=0.25)
    worker = settler_on(quiet, pool, quiet.redis, batch_size=10)
    for _ in range(4):
        async with pool.read():
            with suppress(Exception):
                await worker.drain()
    # Then the payment is still to be settled, not set aside
    assert await quiet.states([accepted.transaction_id]) == [("pending", None)]
    await quiet.settler().drain()
    await pool.close()
    assert await quiet.states([accepted.transaction_id]) == [("success", None)]


# --- workers and announcements --------------------------------------------------------------------


async def test_a_worker_that_dies_between_booking_and_telling_leaves_a_final_payment(
    quiet: Quiet,
) -> None:
    # Given somebody who waits for a payment, and a worker that dies right after its commit
    class Death(BaseException):
        pass

    class Dies(Announcer):
        async def announce(self, transaction_ids: Sequence[UUID]) -> None:
            raise Death

    anna, bert = await quiet.account(10_000), await quiet.account()
    waiters = Waiters(quiet.redis, quiet.database)
    waiters.start()
    accepted = await quiet.transfer(anna, bert, 1)
    waiting = asyncio.create_task(waiters.wait(accepted.transaction_id, 10))
    dying = Settler(
        quiet.database,
        Locks(quiet.redis, ttl_seconds=30),
        Kinds(),
        Dies(quiet.redis),
        batch_size=10,
        time_zone="UTC",
    )
    with suppress(Death):
        await dying.round()
    # Then the payment is final, another worker finds nothing to do, and the waiter sees the end
    assert await quiet.states([accepted.transaction_id]) == [("success", None)]
    assert await quiet.settler().drain() == 0
    assert await waiting
    await waiters.close()
    await assert_books_are_sound(quiet)
