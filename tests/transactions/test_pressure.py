"""Batches wait while settlement is behind, but not for ever."""

import asyncio
from decimal import Decimal
from time import monotonic

import pytest

from core.foundation.errors import Overloaded
from core.foundation.ids import new_id
from core.transactions.pressure import PLACES_EACH, WAITING_EACH, BatchGate
from tests.quiet import Quiet


async def test_a_batch_waits_until_settlement_has_caught_up(quiet: Quiet) -> None:
    account = await quiet.account()
    await quiet.settler().drain()
    for _ in range(3):
        await quiet.deposit(account, Decimal(1))
    gate = BatchGate(quiet.database, max_pending=2, patience_seconds=20)
    entered = asyncio.Event()

    async def enter() -> None:
        async with gate.admitted(new_id()):
            entered.set()

    waiting = asyncio.create_task(enter())
    await asyncio.sleep(0.2)
    assert not entered.is_set()
    await quiet.settler().drain()
    await asyncio.wait_for(waiting, 10)


async def test_without_workers_a_batch_is_accepted_all_the_same(quiet: Quiet) -> None:
    account = await quiet.account()
    await quiet.deposit(account, Decimal(1))
    started = monotonic()
    gate = BatchGate(quiet.database, max_pending=0, patience_seconds=0.3)
    async with gate.admitted(new_id()):
        assert monotonic() - started >= 0.3
    await quiet.settler().drain()


async def test_fifty_batches_of_one_customer_at_once_are_all_read(quiet: Quiet) -> None:
    # Given a customer who sends as many at once as may be tried with one idempotency key
    gate = BatchGate(quiet.database)
    customer = new_id()

    async def send() -> None:
        async with gate.place(customer), gate.admitted(customer):
            pass

    await asyncio.gather(*(send() for _ in range(50)))


async def test_who_sends_batches_without_end_is_refused_at_once_and_nobody_else(
    quiet: Quiet,
) -> None:
    gate = BatchGate(quiet.database)
    customer, other = new_id(), new_id()
    may_go = asyncio.Event()

    async def send() -> None:
        async with gate.place(customer):
            await may_go.wait()

    sent = [asyncio.create_task(send()) for _ in range(PLACES_EACH + WAITING_EACH)]
    await asyncio.sleep(0)
    with pytest.raises(Overloaded):
        await asyncio.wait_for(send(), 1)
    async with gate.place(other):
        pass
    may_go.set()
    await asyncio.gather(*sent)
