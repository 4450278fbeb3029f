"""Customers pay: what is due, in advance, ahead of time, or everything."""

from datetime import timedelta
from decimal import Decimal

import pytest

from api.schemas.schedules import schedule_answer
from core.foundation.errors import CurrencyMismatch, LoanStateConflict, NothingDue, PayoffNotCovered
from core.lending.servicing import views

EMI = 1_066_19


@pytest.fixture(autouse=True)
async def sound_books(lender):
    yield
    await lender.verify()


@pytest.fixture
async def borrower(lender):
    return await lender.borrower(balance_minor=100_000_00)


async def payoff(lender, loan_id, on=None):
    on = on or await lender.today()
    async with lender.quiet.database.read() as reader:
        _, owed = await views.find_payoff(reader, loan_id, owner_id=None, on=on)
    return owed


async def answered(lender, loan_id):
    """The instalments as HTTP answers them."""
    return schedule_answer(await lender.schedule(loan_id)).model_dump()["instalments"]


async def pay(lender, borrower, loan_id, amount=None, mode="due"):
    """Pay and settle; what left the account."""
    before = await lender.balance(borrower)
    await lender.pay(borrower, loan_id, amount, mode)
    await lender.settle()
    return before - await lender.balance(borrower)


async def test_with_nothing_due_the_next_instalment_is_paid_in_advance(lender, borrower):
    loan_id = await lender.loan(borrower)
    assert await pay(lender, borrower, loan_id) == EMI
    assert (await lender.line(loan_id, 1)).status == "paid"
    due = (await lender.line(loan_id, 1)).line.due_date
    await lender.close_through(due)
    assert await lender.transactions(loan_id, "emi") == []


async def test_any_amount_goes_oldest_first_and_may_reach_later_instalments(lender, borrower):
    loan_id = await lender.loan(borrower)
    assert await pay(lender, borrower, loan_id, "500") == 500_00
    assert (await lender.line(loan_id, 1)).status == "partial"
    assert await pay(lender, borrower, loan_id, "1500") == 1_500_00
    assert (await lender.line(loan_id, 1)).status == "paid"
    assert (await lender.line(loan_id, 2)).line.paid.total == 2_000_00 - EMI


async def test_paying_more_than_the_debt_leaves_the_rest_on_the_account(lender, borrower):
    loan_id = await lender.loan(borrower)
    await lender.close_through(await lender.today() + timedelta(days=10))
    owed = await payoff(lender, loan_id)
    assert await pay(lender, borrower, loan_id, "90000") == owed.total
    assert (await lender.view(loan_id)).status == "foreclosed"


async def test_a_prepayment_that_reduces_the_emi_keeps_the_tenor(lender, borrower):
    loan_id = await lender.loan(borrower)
    before = await lender.schedule(loan_id)
    assert await pay(lender, borrower, loan_id, "6000", "prepay_reduce_emi") == 6_000_00
    loan, after = await lender.view(loan_id), await lender.schedule(loan_id)
    assert loan.outstanding_principal_minor == 6_000_00
    assert loan.emi_minor == 533_09  # half the loan, half the instalment
    assert len(after.lines) == len(before.lines)
    assert after.lines[-1].line.due_date == before.lines[-1].line.due_date


async def test_a_prepayment_that_reduces_the_tenor_keeps_the_emi(lender, borrower):
    loan_id = await lender.loan(borrower)
    assert await pay(lender, borrower, loan_id, "6000", "prepay_reduce_tenure") == 6_000_00
    loan, after = await lender.view(loan_id), await lender.schedule(loan_id)
    assert loan.emi_minor == EMI
    assert len(after.lines) == 6
    await lender.close_through(after.lines[-1].line.due_date)
    assert (await lender.view(loan_id)).status == "closed"


async def test_a_prepayment_stands_beside_its_instalment_and_is_no_part_of_it(lender, borrower):
    loan_id = await lender.loan(borrower)
    await pay(lender, borrower, loan_id, "5000", "prepay_reduce_emi")
    await pay(lender, borrower, loan_id, "1000", "prepay_reduce_emi")
    first, *others = rows = schedule_answer(await lender.schedule(loan_id)).model_dump()[
        "instalments"
    ]
    emi = Decimal("533.09")
    assert (first["prepaid"], first["total"], first["paid"]) == (6_000, emi, 0)
    assert first["status"] == "future"
    assert first["principal"] + first["interest"] == emi
    assert first["balance"] == 12_000 - 6_000 - first["principal"]
    assert {row["prepaid"] for row in others} == {0}
    assert sum(row["principal"] + row["prepaid"] for row in rows) == 12_000

    await lender.close_through(first["due_date"])
    first = (await answered(lender, loan_id))[0]
    assert (first["prepaid"], first["paid"], first["status"]) == (6_000, emi, "paid")
    await pay(lender, borrower, loan_id, None, "foreclose")
    ended = await answered(lender, loan_id)
    assert [row["prepaid"] for row in ended] == [6_000, 0]
    assert sum(row["paid"] for row in ended) + 6_000 >= 12_000
    await lender.verify()


async def test_a_prepayment_inside_a_period_costs_interest_on_both_balances(lender, borrower):
    loan_id = await lender.loan(borrower)
    due = (await lender.line(loan_id, 1)).line.due_date
    start = (await lender.line(loan_id, 1)).line.period_start
    days = (due - start).days
    middle = start + timedelta(days=10)
    await lender.close_through(middle)
    await pay(lender, borrower, loan_id, "6000", "prepay_reduce_emi")
    interest = (await lender.line(loan_id, 1)).line.asked.interest
    expected = Decimal(120_00) * 10 / days + Decimal(60_00) * (days - 10) / days
    assert abs(interest - expected) <= 1
    await lender.close_through(due)
    assert (await lender.line(loan_id, 1)).status == "paid"


async def test_a_prepayment_settles_what_is_due_first(lender, borrower):
    loan_id = await lender.loan(borrower)
    await lender.withdraw_all(borrower)
    due = (await lender.line(loan_id, 1)).line.due_date
    await lender.close_through(due)
    await lender.deposit(borrower, 5_000_00)
    await pay(lender, borrower, loan_id, "3000", "prepay_reduce_tenure")
    assert (await lender.line(loan_id, 1)).status == "paid"
    loan = await lender.view(loan_id)
    assert loan.outstanding_principal_minor == 12_000_00 - (EMI - 120_00) - (3_000_00 - EMI)


async def test_the_payoff_is_principal_and_interest_to_the_day(lender, borrower):
    loan_id = await lender.loan(borrower)
    line = (await lender.line(loan_id, 1)).line
    days = (line.due_date - line.period_start).days
    at_once = await payoff(lender, loan_id)
    assert (at_once.principal, at_once.interest, at_once.total) == (12_000_00, 0, 12_000_00)
    later = await payoff(lender, loan_id, line.period_start + timedelta(days=15))
    assert later.interest == (2 * 120_00 * 15 + days) // (2 * days)
    await lender.close_through(line.period_start + timedelta(days=15))
    assert await payoff(lender, loan_id) == later
    assert await pay(lender, borrower, loan_id, None, "foreclose") == later.total
    loan = await lender.view(loan_id)
    assert (loan.status, loan.outstanding_principal_minor) == ("foreclosed", 0)
    with pytest.raises(LoanStateConflict):
        await lender.pay(borrower, loan_id, "1")


async def test_interest_paid_in_advance_counts_when_the_loan_ends_early(lender, borrower):
    loan_id = await lender.loan(borrower)
    await pay(lender, borrower, loan_id, "100")  # all of it interest that is not earned yet
    owed = await payoff(lender, loan_id)
    assert owed.total == 12_000_00 - 100_00
    assert await pay(lender, borrower, loan_id, None, "foreclose") == owed.total


async def test_instalments_paid_ahead_are_credited_and_stay_paid(lender, borrower):
    loan_id = await lender.loan(borrower)
    for _ in range(3):
        assert await pay(lender, borrower, loan_id) == EMI
    start = await lender.today()
    await lender.close_through(start + timedelta(days=10))
    owed = await payoff(lender, loan_id)
    days = ((await lender.line(loan_id, 1)).line.due_date - start).days
    assert owed.total == 12_000_00 + (2 * 120_00 * 10 + days) // (2 * days) - 3 * EMI
    assert await pay(lender, borrower, loan_id, "2000", "prepay_reduce_tenure") == 2_000_00
    assert (await payoff(lender, loan_id)).total == owed.total - 2_000_00
    lines = [view.line for view in (await lender.schedule(loan_id)).lines]
    assert [line.paid.total for line in lines[:5]] == [EMI, EMI, EMI, 2_000_00, 0]
    await lender.close_through(lines[3].due_date)
    assert (await lender.line(loan_id, 4)).status == "paid"
    assert len(await lender.transactions(loan_id, "emi")) == 1
    await lender.verify()
    rest = await payoff(lender, loan_id)
    assert await pay(lender, borrower, loan_id, None, "foreclose") == rest.total


async def test_a_foreclosure_fee_is_the_products(lender, borrower):
    product = await lender.product("sticky", foreclosure_fee_percent=2)
    loan_id = await lender.loan(borrower, product=product)
    owed = await payoff(lender, loan_id)
    assert (owed.fees, owed.total) == (240_00, 12_240_00)
    with pytest.raises(PayoffNotCovered):
        await lender.pay(borrower, loan_id, "12000", "foreclose")
    assert await pay(lender, borrower, loan_id, None, "foreclose") == 12_240_00


async def test_a_processing_fee_is_taken_from_the_disbursement(lender):
    product = await lender.product("charged", processing_fee=50, processing_fee_percent=1)
    borrower = await lender.borrower()
    loan_id = await lender.loan(borrower, product=product)
    assert await lender.balance(borrower) == 12_000_00 - 170_00
    assert (await lender.view(loan_id)).processing_fee_minor == 170_00


async def test_paying_the_last_instalment_when_due_closes_the_loan(lender, borrower):
    loan_id = await lender.loan(borrower, 1_000, tenure_months=1)
    due = (await lender.line(loan_id, 1)).line.due_date
    await lender.withdraw_all(borrower)
    await lender.close_through(due)
    await lender.deposit(borrower, 2_000_00)
    assert await pay(lender, borrower, loan_id) == 1_010_00
    assert (await lender.view(loan_id)).status == "closed"
    with pytest.raises(LoanStateConflict):
        await lender.pay(borrower, loan_id)


async def test_a_payment_overtaken_by_the_collection_fails_and_costs_nothing(lender, borrower):
    loan_id = await lender.loan(borrower)
    await lender.pay(borrower, loan_id)
    await lender.pay(borrower, loan_id)  # the same instalment, meant twice
    await lender.settle()
    states = [
        (row["status"], row["failure_code"])
        for row in await lender.transactions(loan_id, "loan_payment")
    ]
    assert states == [("success", None), ("failed", NothingDue.code)]


async def test_another_account_of_the_customer_may_pay(lender, borrower):
    loan_id = await lender.loan(borrower)
    other = await lender.second_account(borrower, 2_000_00)
    await lender.pay(borrower, loan_id, from_account=other)
    await lender.settle()
    assert await lender.quiet.balance(other) == 2_000_00 - EMI


async def test_an_account_in_another_currency_cannot_pay(lender, borrower):
    loan_id = await lender.loan(borrower)
    dollars = await lender.quiet.account(5_000_00, currency="USD")
    await lender.execute(
        "UPDATE accounts SET owner_id = $2 WHERE id = $1", dollars, borrower.user_id
    )
    with pytest.raises(CurrencyMismatch):
        await lender.pay(borrower, loan_id, from_account=dollars)


async def test_interest_may_be_put_before_all_principal(lender):
    product = await lender.product("interest-first", interest_first=True)
    borrower = await lender.borrower()
    loan_id = await lender.loan(borrower, product=product)
    await lender.withdraw_all(borrower)
    second = (await lender.line(loan_id, 2)).line.due_date
    await lender.close_through(second)
    await lender.deposit(borrower, 300_00)
    await pay(lender, borrower, loan_id, "300")
    lines = [(await lender.line(loan_id, number)).line for number in (1, 2)]
    assert all(line.paid.interest == line.asked.interest for line in lines)
