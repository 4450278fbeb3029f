"""Collecting instalments: once, in part, again on the policy's days, and never what was paid."""

from datetime import timedelta

import pytest

from core.lending.collections.kinds.collection import CollectionKind
from core.lending.steps import EMI_COLLECTION

EMI = 1_066_19


@pytest.fixture(autouse=True)
async def sound_books(lender):
    yield
    await lender.verify()


async def first_due(lender, loan_id):
    return (await lender.schedule(loan_id)).lines[0].line.due_date


async def attempts(lender, loan_id):
    return [
        (row["attempt"], row["business_date"], row["status"], row["collected_minor"])
        for row in await lender.rows(
            "SELECT attempt, business_date, status, collected_minor FROM loan_collections"
            " WHERE loan_id = $1 ORDER BY number, attempt",
            loan_id,
        )
    ]


async def test_without_funds_it_is_tried_on_days_one_three_and_seven_and_then_left(lender):
    borrower = await lender.borrower()
    loan_id = await lender.loan(borrower)
    await lender.withdraw_all(borrower)
    due = await first_due(lender, loan_id)
    await lender.close_through(due + timedelta(days=20))
    assert await attempts(lender, loan_id) == [
        (number, due + timedelta(days=after), "failed", 0)
        for number, after in enumerate((0, 1, 3, 7), 1)
    ]
    emis = await lender.transactions(loan_id, "emi")
    assert {row["failure_code"] for row in emis} == {"insufficient_funds"}
    kinds = await lender.notices(loan_id)
    assert kinds.count("emi_failed") == 4
    assert kinds.count("emi_overdue") == 1
    assert kinds.count("emi_due_soon") == 1
    assert kinds.count("emi_due") == 1


async def test_what_the_due_dates_close_leaves_unpaid_is_overdue_since_one_day(lender):
    borrower = await lender.borrower()
    loan_id = await lender.loan(borrower)
    await lender.withdraw_all(borrower)
    due = await first_due(lender, loan_id)
    await lender.close_through(due - timedelta(days=1))
    loan, line = await lender.view(loan_id), await lender.line(loan_id, 1)
    assert (loan.dpd, loan.overdue_amount_minor, line.status) == (0, 0, "future")
    assert loan.next_due_date == due

    await lender.close_through(due)
    loan, line = await lender.view(loan_id), await lender.line(loan_id, 1)
    assert (loan.dpd, loan.classification, line.status) == (1, "sma0", "overdue")
    assert loan.overdue_amount_minor == line.line.unpaid.total == line.line.asked.total
    assert loan.next_due_date > due
    assert line.line.asked.penalty == 0  # being late costs nothing before the days of grace end
    assert "emi_overdue" in await lender.notices(loan_id)
    (told,) = await lender.rows(
        "SELECT body FROM notifications WHERE loan_id = $1 AND kind = 'emi_overdue'", loan_id
    )
    assert "since 1 day." in told["body"]

    await lender.deposit(borrower, loan.overdue_amount_minor)
    await lender.pay(borrower, loan_id)
    await lender.settle()
    loan, line = await lender.view(loan_id), await lender.line(loan_id, 1)
    assert (loan.dpd, loan.overdue_amount_minor, line.status) == (0, 0, "paid")
    assert loan.classification == "standard"


async def test_what_the_account_holds_is_collected_and_the_rest_on_the_next_attempt(lender):
    borrower = await lender.borrower()
    loan_id = await lender.loan(borrower)
    await lender.withdraw_all(borrower)
    await lender.deposit(borrower, 400_00)
    due = await first_due(lender, loan_id)
    await lender.close_through(due)
    view = await lender.line(loan_id, 1)
    assert (view.status, view.line.paid.total) == ("overdue", 400_00)
    assert view.line.paid.interest == 120_00  # a month of 1 % on 12,000, before principal
    await lender.deposit(borrower, 1_000_00)
    await lender.close_through(due + timedelta(days=1))
    assert (await lender.line(loan_id, 1)).status == "paid"
    assert await lender.balance(borrower) == 1_400_00 - EMI
    assert [row[2:] for row in await attempts(lender, loan_id)] == [
        ("partial", 400_00),
        ("success", EMI - 400_00),
    ]


@pytest.mark.parametrize("may_draw", [False, True])
async def test_an_overdraft_is_drawn_on_only_where_the_product_says_so(lender, may_draw):
    terms = {"collect_from_overdraft": may_draw}
    product = await lender.product(f"overdraft-{may_draw}".lower(), **terms)
    borrower = await lender.borrower(overdraft_minor=700_00)
    loan_id = await lender.loan(borrower, product=product)
    await lender.withdraw_all(borrower)
    await lender.deposit(borrower, 400_00)
    due = await first_due(lender, loan_id)
    await lender.close_through(due)
    assert await lender.balance(borrower) == (400_00 - EMI if may_draw else 0)
    await lender.close_through(due + timedelta(days=1))
    assert (await lender.line(loan_id, 1)).line.paid.total == (EMI if may_draw else 400_00)


async def test_a_product_may_refuse_collection_in_part(lender):
    product = await lender.product("whole-only", partial_collection=False)
    borrower = await lender.borrower()
    loan_id = await lender.loan(borrower, product=product)
    await lender.withdraw_all(borrower)
    await lender.deposit(borrower, 400_00)
    await lender.close_through(await first_due(lender, loan_id))
    assert await lender.balance(borrower) == 400_00
    assert [row[2:] for row in await attempts(lender, loan_id)] == [("failed", 0)]


async def test_a_payment_and_the_collection_of_the_same_instalment_take_it_once(lender):
    for payment_first in (True, False):
        borrower = await lender.borrower(balance_minor=50_000_00)
        loan_id = await lender.loan(borrower)
        due = await first_due(lender, loan_id)
        before = await lender.balance(borrower)
        if payment_first:
            await lender.pay(borrower, loan_id, "1066.19")
            await lender.job(EMI_COLLECTION, due)
        else:
            # The collection is submitted first and both settle in one batch.
            await lender.pay_behind_a_collection(borrower, loan_id, "1066.19", due)
        assert before - await lender.balance(borrower) == EMI
        assert (await lender.line(loan_id, 1)).status == "paid"
        assert (await lender.line(loan_id, 2)).line.paid.total == 0


async def test_the_same_date_twice_collects_nothing_twice(lender):
    borrower = await lender.borrower(balance_minor=50_000_00)
    loan_id = await lender.loan(borrower)
    due = await first_due(lender, loan_id)
    first = await lender.job(EMI_COLLECTION, due)
    # Other borrowers of this bank may be due, too; this one is collected once.
    assert first.total == first.done == first.succeeded + first.failed
    assert first.succeeded >= 1
    assert len(await lender.transactions(loan_id, "emi")) == 1
    again = await lender.job(EMI_COLLECTION, due)
    assert (again.total, again.done) == (0, 0)
    await lender.close_through(due)
    assert len(await lender.transactions(loan_id, "emi")) == 1


async def test_late_fee_once_and_penal_charge_by_the_day_on_the_overdue_amount_alone(lender):
    product = await lender.product("strict", grace_days=2, late_fee=25, penal_rate=36)
    borrower = await lender.borrower()
    loan_id = await lender.loan(borrower, product=product)
    await lender.withdraw_all(borrower)
    due = await first_due(lender, loan_id)

    await lender.close_through(due + timedelta(days=2))
    assert (await lender.line(loan_id, 1)).line.asked.penalty == 0
    await lender.close_through(due + timedelta(days=3))
    late_fee = 25_00 + 10_66  # flat, and 1 % of the overdue instalment
    a_day = EMI * 36 / 36_500
    assert (await lender.line(loan_id, 1)).line.asked.penalty == late_fee + int(a_day)

    await lender.close_through(due + timedelta(days=22))
    penalty = (await lender.line(loan_id, 1)).line.asked.penalty
    assert penalty == late_fee + int(20 * a_day)  # 20 days, no penalty on the penalty
    await lender.close_through(due + timedelta(days=22))
    assert (await lender.line(loan_id, 1)).line.asked.penalty == penalty
    fees = await lender.rows("SELECT kind FROM loan_charges WHERE loan_id = $1", loan_id)
    assert [row["kind"] for row in fees].count("late_fee") == 1

    await lender.deposit(borrower, penalty)
    await lender.pay(borrower, loan_id, "10")
    await lender.settle()
    assert (await lender.line(loan_id, 1)).line.paid.penalty == 10_00  # penalties come first


async def test_an_unpaid_older_instalment_is_served_first(lender):
    borrower = await lender.borrower()
    loan_id = await lender.loan(borrower)
    await lender.withdraw_all(borrower)
    due = await first_due(lender, loan_id)
    await lender.close_through(due + timedelta(days=15))
    second = (await lender.line(loan_id, 2)).line.due_date
    await lender.deposit(borrower, EMI)
    await lender.close_through(second)
    first, following = [(await lender.line(loan_id, number)).line for number in (1, 2)]
    assert first.paid.total == EMI  # its penalty first, so that some principal is left
    assert following.paid.total == 0
    await lender.deposit(borrower, EMI + 100_00)
    await lender.close_through(second + timedelta(days=3))
    assert [(await lender.line(loan_id, number)).status for number in (1, 2)] == ["paid"] * 2
    assert (await lender.view(loan_id)).dpd == 0


async def test_a_frozen_account_is_not_collected_from(lender):
    borrower = await lender.borrower(balance_minor=50_000_00)
    loan_id = await lender.loan(borrower)
    await lender.execute("UPDATE accounts SET status='frozen' WHERE id=$1", borrower.account_id)
    due = await first_due(lender, loan_id)
    await lender.job(EMI_COLLECTION, due)
    emis = await lender.transactions(loan_id, "emi")
    assert [(row["status"], row["failure_code"]) for row in emis] == [("failed", "account_frozen")]
    await lender.execute("UPDATE accounts SET status='active' WHERE id=$1", borrower.account_id)
    await lender.job(EMI_COLLECTION, due + timedelta(days=1))
    assert (await lender.line(loan_id, 1)).status == "paid"


async def breaks(*_):
    raise ZeroDivisionError


async def test_a_collection_that_was_set_aside_is_tried_again_the_next_day(lender, monkeypatch):
    borrower = await lender.borrower(balance_minor=50_000_00)
    loan_id = await lender.loan(borrower)
    due = await first_due(lender, loan_id)
    with monkeypatch.context() as broken:
        broken.setattr(CollectionKind, "load", breaks)
        async with lender.collection(loan_id, due) as run:
            pass
    assert (await run).failed >= 1
    (emi,) = await lender.transactions(loan_id, "emi")
    assert (emi["status"], emi["failure_code"]) == ("failed", "internal")
    assert [row[0::2] for row in await attempts(lender, loan_id)] == [(1, "failed")]
    same_day = await lender.job(EMI_COLLECTION, due)
    assert (same_day.status, same_day.total) == ("completed", 0)
    again = await lender.job(EMI_COLLECTION, due + timedelta(days=1))
    assert again.succeeded == 1
    assert [row[0::2] for row in await attempts(lender, loan_id)] == [
        (1, "failed"),
        (2, "success"),
    ]
