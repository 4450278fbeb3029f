"""The engine on a real database: what is accepted ends once, in order, and money is conserved."""

import asyncio
from decimal import Decimal

import asyncpg
import pytest

from core.foundation import clock
from core.foundation.errors import InsufficientFunds
from core.transactions.finish import _AMEND, _FAIL, _SUCCEED
from core.verification import verify
from tests.quiet import Quiet, transfer_order


async def assert_books_are_sound(quiet: Quiet) -> None:
    broken = [result for result in await verify(quiet.database) if not result.ok]
    assert not broken, broken


async def test_a_transfer_moves_its_amount_from_one_balance_to_the_other(quiet: Quiet) -> None:
    anna, bert = await quiet.account(10_000), await quiet.account()

    accepted = await quiet.transfer(anna, bert, "25.50")
    assert accepted.status == "pending"
    assert await quiet.balance(anna) == 10_000

    assert await quiet.settler().drain() == 1
    assert await quiet.balance(anna) == 7_450
    assert await quiet.balance(bert) == 2_550
    assert await quiet.states([accepted.transaction_id]) == [("success", None)]
    await assert_books_are_sound(quiet)


async def test_what_is_clearly_not_covered_is_refused_at_once(quiet: Quiet) -> None:
    anna, bert = await quiet.account(1_000), await quiet.account()
    with pytest.raises(InsufficientFunds):
        await quiet.transfer(anna, bert, "10.01")


async def test_a_deposit_that_is_still_pending_may_be_spent_and_settles_first(
    quiet: Quiet,
) -> None:
    anna, bert = await quiet.account(), await quiet.account()
    deposit = await quiet.deposit(anna, "50")
    spend = await quiet.transfer(anna, bert, "50")
    await quiet.settler().drain()
    assert await quiet.states([deposit.transaction_id, spend.transaction_id]) == [
        ("success", None),
        ("success", None),
    ]


async def test_what_turns_out_short_at_its_turn_fails_with_the_same_code(quiet: Quiet) -> None:
    anna, bert = await quiet.account(1_000), await quiet.account()
    first = await quiet.transfer(anna, bert, "8")
    second = await quiet.transfer(anna, bert, "8")
    await quiet.settler().drain()
    assert await quiet.states([first.transaction_id, second.transaction_id]) == [
        ("success", None),
        ("failed", "insufficient_funds"),
    ]
    assert await quiet.balance(anna) == 200


async def test_opposite_transfers_under_several_workers_neither_lose_nor_make_money(
    quiet: Quiet,
) -> None:
    accounts = [await quiet.account(100_000) for _ in range(6)]
    orders = [
        transfer_order(accounts[i % 6], accounts[(i * 5 + 1 + i // 6) % 6], Decimal(i % 9 + 1))
        for i in range(1_200)
    ]
    orders = [order for order in orders if order.debit != order.credit]
    workers = [quiet.settler(batch_size=25) for _ in range(3)]

    async def settle_for_a_while(settler: object) -> None:
        while not submitted.done() or await workers[0].drain():
            await settler.drain()  # type: ignore[attr-defined]
            await asyncio.sleep(0)

    submitted = asyncio.gather(*(quiet.intake.submit(order) for order in orders))
    await asyncio.gather(submitted, *(settle_for_a_while(worker) for worker in workers))
    await workers[0].drain()

    states = await quiet.states([order.id for order in orders])
    assert {status for status, _ in states} == {"success"}
    assert sum([await quiet.balance(account) for account in accounts]) == 600_000
    await assert_books_are_sound(quiet)


async def test_what_a_settlement_costs_does_not_grow_with_what_is_pending(quiet: Quiet) -> None:
    # Given statistics from an hour in which next to nothing was pending
    account = await quiet.account()
    accepted = [(await quiet.deposit(account, 1)).transaction_id for _ in range(200)]
    await quiet.settler().drain()
    owner = await asyncpg.connect(quiet.settings.owner_url)
    await owner.execute("ANALYZE transactions")
    # When the statements that end transactions are planned
    ends = [
        ("SUCCEED", _SUCCEED, (accepted, clock.now())),
        ("FAIL", _FAIL, (accepted, ["x"] * 200, ["x"] * 200, clock.now())),
        ("AMEND", _AMEND, (accepted, [1] * 200)),
    ]
    plans = {name: str(await owner.fetch(f"EXPLAIN {text}", *given)) for name, text, given in ends}
    await owner.close()
    # Then none of them reads all that is pending to find its own
    assert [name for name, plan in plans.items() if "ix_transactions_pending" in plan] == []
