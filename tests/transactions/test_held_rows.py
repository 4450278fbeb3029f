"""Somebody holds an account's row, and hangs: nobody else waits, and its own turn comes again."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from time import monotonic
from uuid import UUID

import asyncpg
import pytest

from core.foundation.config import Settings
from core.foundation.database import Bounds, UnitOfWork
from core.foundation.locks import Locks
from core.transactions.decide import Movement, Outcome, Rule, move_amount
from core.transactions.kinds import Kinds
from tests import servers as testing
from tests.quiet import Quiet, transfer_order
from tests.transactions.books import assert_books_are_sound

SUCCESS = ("success", None)
PENDING = ("pending", None)


@asynccontextmanager
async def held(settings: Settings, statement: str, *args: object) -> AsyncIterator[None]:
    """Somebody's unit of work that runs ``statement`` and then stands still."""
    name = settings.database_url.rpartition("/")[2]
    somebody = await asyncpg.connect(testing.servers().superuser_url(name))
    try:
        async with somebody.transaction():
            await somebody.execute(statement, *args)
            yield
    finally:
        await somebody.close()


def row_of(account: UUID) -> tuple[str, UUID]:
    return "UPDATE accounts SET nickname = nickname WHERE id = $1", account


async def final_within(quiet: Quiet, ids: Sequence[UUID], seconds: float) -> float:
    """Wait until all are final; answers the seconds it took."""
    begun = monotonic()
    while PENDING in await quiet.states(ids):
        assert monotonic() - begun < seconds, f"not final after {seconds} s"
        await asyncio.sleep(0.01)
    return monotonic() - begun


async def accept(quiet: Quiet, *orders: object) -> list[UUID]:
    return [(await quiet.intake.submit(order)).transaction_id for order in orders]  # type: ignore[arg-type]


async def test_an_account_that_somebody_holds_delays_nobody_else_and_comes_again_by_itself(
    quiet: Quiet,
) -> None:
    # Given an officer's change of Anna's account that takes its time, and Anna's and others' wishes
    anna, bert, carl, dora = [await quiet.account(1_000) for _ in range(4)]
    orders = [
        transfer_order(anna, bert, 1),
        transfer_order(carl, dora, 1),
        transfer_order(bert, carl, 1),  # has to wait behind Anna's payment to Bert
        transfer_order(dora, carl, 1),  # ... and must wait behind Bert's to Carl
    ]
    ids = await accept(quiet, *orders)
    async with held(quiet.settings, *row_of(anna)):
        drain = asyncio.create_task(quiet.settler().drain())
        # Then whoever has nothing to do with it is served at once
        await final_within(quiet, ids[1:2], 1)
        await asyncio.sleep(0.2)
        assert await quiet.states(ids) == [PENDING, SUCCESS, PENDING, PENDING]
    # And the rest follows within a second, in order, without anybody ringing
    await final_within(quiet, ids, 1)
    assert await drain == 4
    async with quiet.database.read() as reader:
        settled = await reader.fetch(
            "SELECT transaction_id FROM postings WHERE account_id = ANY($1::uuid[])"
            " AND transaction_id = ANY($2::uuid[]) ORDER BY entry_no",
            [bert, carl],
            [ids[0], ids[2], ids[3]],
        )
    seen = list(dict.fromkeys(row["transaction_id"] for row in settled))
    assert seen == [ids[0], ids[2], ids[3]]
    await assert_books_are_sound(quiet)


async def test_a_long_queue_of_an_account_that_is_held_hides_nobody_behind_it(
    quiet: Quiet,
) -> None:
    anna, bert, carl, dora = [await quiet.account(100_000) for _ in range(4)]
    blocked = await accept(quiet, *(transfer_order(anna, bert, 1) for _ in range(130)))
    free = await accept(quiet, transfer_order(carl, dora, 1))
    async with held(quiet.settings, *row_of(anna)):
        # When a worker settles by tens, and a hundred and thirty stand before Carl
        worker = quiet.settler(batch_size=10)
        drain = asyncio.create_task(worker.drain())
        await final_within(quiet, free, 1)
        # Then whoever comes while it waits is served, too
        later = await accept(quiet, transfer_order(dora, carl, 1))
        await worker.drain()
        await final_within(quiet, later, 1)
    await final_within(quiet, blocked, 2)
    await drain


async def test_of_the_lanes_of_a_worker_in_full_swing_one_goes_on_to_the_end_of_the_queue(
    quiet: Quiet,
) -> None:
    # Given enough for several lanes, and behind it a long queue that another worker has in hand
    anna, bert, carl, dora = [await quiet.account(100_000) for _ in range(4)]
    await accept(quiet, *(transfer_order(carl, dora, 1) for _ in range(30)))
    others = await accept(quiet, *(transfer_order(anna, bert, 1) for _ in range(130)))
    free = await accept(quiet, transfer_order(dora, carl, 1))
    locks = Locks(quiet.redis, ttl_seconds=quiet.settings.account_lock_ttl_seconds)
    async with locks.hold([(anna, bert)], limit=1):
        # Then the one payment behind it is not left for the sweep
        assert await quiet.settler(batch_size=10).drain() == 31
        assert await quiet.states([*free, others[0]]) == [SUCCESS, PENDING]
    assert await quiet.settler().drain() == 130


async def test_a_ring_wakes_a_worker_that_waits_for_what_others_hold(quiet: Quiet) -> None:
    anna, bert, carl, dora = [await quiet.account(1_000) for _ in range(4)]
    worker = quiet.settler()
    held_up = await accept(quiet, transfer_order(anna, bert, 1))
    async with held(quiet.settings, *row_of(anna)):
        drain = asyncio.create_task(worker.drain())
        await asyncio.sleep(1.2)  # by now it looks twice a second and no more
        ids = await accept(quiet, transfer_order(carl, dora, 1))
        assert await worker.drain() == 0  # one drain at a time: the other looks once more
        assert await final_within(quiet, ids, 1) < 0.3
    await final_within(quiet, held_up, 1)
    assert await drain == 2


async def test_waiting_is_no_busy_loop(quiet: Quiet) -> None:
    anna, bert = await quiet.account(1_000), await quiet.account()
    ids = await accept(quiet, transfer_order(anna, bert, 1))
    worker = quiet.settler()
    rounds = 0
    claim = worker.round

    async def counted(**kwargs: int) -> object:
        nonlocal rounds
        rounds += 1
        return await claim(**kwargs)

    worker.round = counted  # type: ignore[method-assign]
    async with held(quiet.settings, *row_of(anna)):
        drain = asyncio.create_task(worker.drain())
        await asyncio.sleep(1.5)
        assert 4 < rounds < 30
    await final_within(quiet, ids, 1)
    await drain


# --- a worker that hangs --------------------------------------------------------------------------


class HungWorker:
    """A worker of another process that stops itself inside its first unit of work."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process

    @classmethod
    @asynccontextmanager
    async def open(
        cls, quiet: Quiet, ttl_seconds: float, where: str
    ) -> AsyncIterator["HungWorker"]:
        settings = quiet.settings
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.transactions.hung_worker"),
            *(settings.database_url, settings.redis_url, str(ttl_seconds), where),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        worker = cls(process)
        try:
            await worker.says("ready")
            yield worker
        finally:
            process.send_signal(signal.SIGKILL)
            await process.wait()

    async def says(self, word: str) -> None:
        assert self.process.stdout
        async with asyncio.timeout(20):
            while line := await self.process.stdout.readline():
                if line.strip() == word.encode():
                    return
        raise AssertionError(f"it ended before it said {word}")

    async def drain(self) -> None:
        assert self.process.stdin
        self.process.stdin.write(b"\n")
        await self.process.stdin.drain()

    async def has_stopped(self) -> None:
        """Wait until the process stands still."""
        async with asyncio.timeout(20):
            while _state(self.process.pid) != "T":  # noqa: ASYNC110
                await asyncio.sleep(0.005)

    def go_on(self) -> None:
        self.process.send_signal(signal.SIGCONT)


def _state(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


@pytest.mark.parametrize(("where", "ttl_seconds"), [("between", 1.0), ("reading", 3.0)])
async def test_a_worker_that_hangs_holds_its_accounts_little_longer_than_its_locks_live(
    quiet: Quiet, where: str, ttl_seconds: float
) -> None:
    # Given a worker that stands still in the middle of Anna's payment, its lock worth some seconds
    anna, bert, carl, dora = [await quiet.account(1_000) for _ in range(4)]
    async with HungWorker.open(quiet, ttl_seconds, where) as hung:
        ids = await accept(quiet, transfer_order(anna, bert, 1))
        await hung.drain()
        await hung.has_stopped()
        stopped_at = monotonic()
        others = await accept(quiet, transfer_order(carl, dora, 1), transfer_order(anna, bert, 2))
        worker = quiet.settler()

        async def rung() -> None:  # as the sweep does
            while PENDING in await quiet.states(ids + others):
                await worker.drain()
                await asyncio.sleep(0.2)

        ringing = asyncio.create_task(rung())
        # Then others do not notice, and Anna waits for the lock's time and a little more
        await final_within(quiet, others[:1], 1)
        await final_within(quiet, ids + others, ttl_seconds + 2)
        assert monotonic() - stopped_at < ttl_seconds + 2
        await ringing
        # When it goes on, it finds its connection cut, its payment made, and is well
        hung.go_on()
        await hung.says("settled")
        late = await accept(quiet, transfer_order(bert, anna, 1))
        await hung.drain()
        await hung.says("settled")
        assert await quiet.states(ids + others + late) == [SUCCESS] * 4
    assert await quiet.balance(anna) == 800
    await assert_books_are_sound(quiet)


# --- rows beside the accounts ---------------------------------------------------------------------


class TouchesUsers:
    """Transfers whose effect changes a row that somebody else may hold."""

    type = "transfer"

    def __init__(self) -> None:
        self.touching: dict[UUID, UUID] = {}

    async def load(self, unit: UnitOfWork, movements: Sequence[Movement]) -> Rule:
        return move_amount

    async def apply(self, unit: UnitOfWork, outcomes: Sequence[Outcome]) -> None:
        users = [self.touching[o.movement.id] for o in outcomes if o.movement.id in self.touching]
        await unit.connection.execute(
            "UPDATE users SET full_name = full_name WHERE id = ANY($1::uuid[])", users
        )


async def test_an_effect_that_meets_a_row_of_somebodys_is_left_out_and_never_set_aside(
    quiet: Quiet,
) -> None:
    # Given eight payments, one of which has an effect on what somebody holds
    accounts = [await quiet.account(1_000) for _ in range(16)]
    orders = [transfer_order(accounts[2 * n], accounts[2 * n + 1], 1) for n in range(8)]
    async with quiet.database.read() as reader:
        user = await reader.fetchval("SELECT owner_id FROM accounts WHERE id = $1", accounts[0])
    kind = TouchesUsers()
    kind.touching[orders[5].id] = user
    kinds = Kinds()
    kinds.replace(kind)
    ids = await accept(quiet, *orders)
    worker = quiet.settler(kinds=kinds)
    async with held(quiet.settings, "UPDATE users SET phone = '1' WHERE id = $1", user):
        # When it is tried again and again
        drain = asyncio.create_task(worker.drain())
        await final_within(quiet, ids[:5] + ids[6:], 1.5)
        await asyncio.sleep(1)
        assert await quiet.states(ids[5:6]) == [PENDING]
    # Then it is settled as soon as it can be
    await final_within(quiet, ids, 1.5)
    assert set(await quiet.states(ids)) == {SUCCESS}
    await drain
    async with quiet.database.read() as reader:
        attempts = await reader.fetchval(
            "SELECT max(attempts) FROM transactions WHERE id = ANY($1::uuid[])", ids
        )
    assert attempts == 0


@pytest.mark.parametrize(("version", "known"), [(15, False), (16, False), (17, True), (18, True)])
def test_no_server_is_told_of_a_limit_that_it_does_not_know(version: int, known: bool) -> None:
    begin = Bounds(lock=0.1, idle=3, whole=30).begin(version)
    assert begin.startswith(
        "BEGIN;SET LOCAL lock_timeout = 100;SET LOCAL idle_in_transaction_session_timeout = 3000;"
    )
    assert ("transaction_timeout = 30000" in begin) is known
