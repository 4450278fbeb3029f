"""What the bank's own books say of an applicant: income, balances, conduct, as they are stored."""

import asyncio
from decimal import Decimal

from core.foundation.ids import new_id
from core.transactions.reversal import accept_reversal, find_original
from tests.lending.past import grow_older


async def paid(lender, payer, payee, amount, *, months=6, sent_back=None):
    """A transfer a month until the last one; some of it goes back at once."""
    for _ in range(months):
        await lender.quiet.transfer(payer.account_id, payee.account_id, amount)
        await lender.settle()
        if sent_back:
            await lender.quiet.transfer(payee.account_id, payer.account_id, sent_back)
            await lender.settle()
        await grow_older(lender, payee, "1 month")


async def assessed(lender, borrower, **fields):
    loan_id = await lender.apply(borrower, 1_000, **fields)
    return await lender.assessment(loan_id)


async def reasons(lender, borrower, **fields):
    return (await assessed(lender, borrower, **fields)).reasons


async def test_a_salary_on_the_account_confirms_the_income(lender):
    employer, borrower = await lender.borrower(50_000_00), await lender.borrower()
    await paid(lender, employer, borrower, 3_000)
    assessment = await assessed(lender, borrower, monthly_income=Decimal(3_000))
    assert "Regular inflows confirm the declared income" in assessment.reasons
    assert assessment.recommendation == "approve"
    # Income that nobody told is what was seen: 88.85 of 3,000, and of what the first asks.
    assert (await assessed(lender, borrower, monthly_income=None)).foir == Decimal("0.0592")


async def test_money_that_a_friend_lends_for_a_day_confirms_nothing(lender):
    friend, borrower = await lender.borrower(50_000_00), await lender.borrower()
    await paid(lender, friend, borrower, 3_000, sent_back=3_000)
    assert not any("inflows" in text for text in await reasons(lender, borrower))
    assert "Money that went back to who sent it is not counted" in await reasons(lender, borrower)
    # Nor does one that came once and stayed.
    await paid(lender, friend, borrower, 40_000, months=1)
    assert not any("inflows" in text for text in await reasons(lender, borrower))


async def test_what_was_reversed_did_not_come_in(lender):
    employer, borrower = await lender.borrower(50_000_00), await lender.borrower()
    await paid(lender, employer, borrower, 1_000, months=3)
    assert any("inflows" in text for text in await reasons(lender, borrower))
    last = await lender.value(
        "SELECT id FROM transactions WHERE credit_account_id = $1 ORDER BY seq DESC LIMIT 1",
        borrower.account_id,
    )
    async with lender.quiet.database.unit_of_work() as unit:
        original = await find_original(unit.connection, last)
        await accept_reversal(unit, lender.quiet.intake, original, by=new_id(), request_id=None)
        await unit.commit()
    await lender.settle()
    assert not any("inflows" in text for text in await reasons(lender, borrower))


async def test_moving_money_among_ones_own_accounts_is_no_income(lender):
    borrower = await lender.borrower()
    other = await lender.second_account(borrower, 50_000_00)
    for _ in range(4):
        await lender.quiet.transfer(other, borrower.account_id, 5_000)
        await lender.settle()
        await grow_older(lender, borrower, "1 month")
    found = await reasons(lender, borrower)
    assert not any("inflows" in text or "went back" in text for text in found)


async def test_who_is_the_same_person_under_another_name_pays_nobody_a_salary(lender):
    alter_ego, borrower = await lender.borrower(50_000_00), await lender.borrower()
    await paid(lender, alter_ego, borrower, 3_000)
    assert any("inflows" in text for text in await reasons(lender, borrower))
    await lender.execute(
        "UPDATE users SET id_document = $1 WHERE id = ANY($2::uuid[])",
        f"passport {borrower.user_id}",
        [borrower.user_id, alter_ego.user_id],
    )
    assert not any("inflows" in text for text in await reasons(lender, borrower))


async def test_a_balance_counts_for_the_time_that_it_was_held(lender):
    ample = "The average balance covers six instalments or more"
    low = "The average balance does not cover one instalment"
    poor, quick = await lender.borrower(), await lender.borrower(balance_minor=50_000_00)
    assert low in await reasons(lender, poor)
    assert low in await reasons(lender, quick)  # seconds of it
    await grow_older(lender, quick, "10 days")  # 50,000 x 10 / 90 = 5,555.56
    assert ample in await reasons(lender, quick)
    saver = await lender.borrower(balance_minor=600_00)
    await grow_older(lender, saver, "45 days")  # 600 x 45 / 90 = 300: three of 88.85
    assert "The average balance covers three instalments or more" in await reasons(lender, saver)


async def test_every_day_below_zero_is_a_day_in_overdraft(lender):
    borrower = await lender.borrower(balance_minor=100_00, overdraft_minor=500_00)
    await grow_older(lender, borrower, "5 days")
    await lender.take_out(borrower.account_id, 200_00)  # below zero, and never moved again
    await grow_older(lender, borrower, "70 days")
    used = "The overdraft was used on 71 of the last 180 days"
    assert used in await reasons(lender, borrower)


async def test_applications_in_parallel_see_each_other_and_the_household(lender):
    borrower = await lender.borrower()
    results = await asyncio.gather(
        *(assessed(lender, borrower, monthly_income=Decimal(1_000)) for _ in range(3))
    )
    # 88.85 each, of the 500 that count: 17.8, 35.5 and 53.3 percent.
    assert sorted(each.foir for each in results) == [
        Decimal("0.1777"),
        Decimal("0.3554"),
        Decimal("0.5331"),
    ]
