"""Batches wait while settlement is behind, but not for ever."""

import asyncio
from decimal import Decimal
from time import monotonic

from core.ids import new_id
from core.transactions.pressure import BatchGate
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
