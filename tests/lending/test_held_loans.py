"""Somebody holds a loan's row: other customers' payments do not wait for it."""

import asyncio

from tests.lending.lender import Lender
from tests.transactions.test_held_rows import PENDING, SUCCESS, final_within, held


async def test_a_loan_that_somebody_holds_delays_no_other_and_no_plain_payment(
    lender: Lender,
) -> None:
    # Given two borrowers, and an officer's unit of work that holds the loan of the first
    quiet = lender.quiet
    anna, bert = [await lender.borrower(balance_minor=50_000_00) for _ in range(2)]
    loans = [await lender.loan(borrower) for borrower in (anna, bert)]
    carl, dora = await quiet.account(1_000), await quiet.account()
    hold = "UPDATE loans SET purpose = purpose WHERE id = $1"
    async with held(quiet.settings, hold, loans[0]):
        # When both pay, Anna also a friend, and others among themselves
        held_up = await lender.pay(anna, loans[0], "1000")
        free = await lender.pay(bert, loans[1], "1000")
        behind = (await quiet.transfer(anna.account_id, dora, 1)).transaction_id
        plain = (await quiet.transfer(carl, bert.account_id, 1)).transaction_id
        drain = asyncio.create_task(lender.settler.drain())
        # Then only what touches Anna's account waits, in order
        await final_within(quiet, [free, plain], 1)
        await asyncio.sleep(0.1)
        assert await quiet.states([held_up, behind]) == [PENDING] * 2
    await final_within(quiet, [held_up, behind], 1)
    await drain
    assert await quiet.states([held_up, free, behind, plain]) == [SUCCESS] * 4
    await lender.verify()
