"""The portfolio's figures, on a portfolio small enough to work them out by hand."""

from datetime import timedelta
from decimal import Decimal

import pytest

from core.lending.servicing.portfolio import portfolio, ratio

EMI = 1_066_19  # 12,000 at 12 % over 12 months


@pytest.fixture(autouse=True)
async def sound_books(lender):
    yield
    await lender.verify()


async def report(lender, since, until):
    async with lender.quiet.database.read() as reader:
        today = await lender.today()
        return await portfolio(reader, since=since, until=until, today=today)


async def test_what_is_out_at_risk_and_collected_adds_up_by_hand(lender):
    """Four loans of 12,000: one pays, the others miss their third, second and first due date on.

    On the third due date plus 30 days they are 1, 31, about 62 and about 92 days past due.
    """
    nothing = {"late_fee_percent": 0, "penal_rate": 0, "overdue_interest": False}
    await lender.product("no-set-off", set_off=False, **nothing)
    loans = []
    for _ in range(4):
        borrower = await lender.borrower()
        loan_id = await lender.loan(borrower, product="no-set-off")
        await lender.withdraw_all(borrower)
        loans.append((borrower, loan_id))
    dues = [view.line.due_date for view in (await lender.schedule(loans[0][1])).lines]
    for (borrower, _), instalments in zip(loans, (4, 2, 1, 0), strict=True):
        if instalments:
            await lender.deposit(borrower, EMI * instalments)
    await lender.close_through(dues[2] + timedelta(days=30))

    seen = [await lender.view(loan_id) for _, loan_id in loans]
    out = [view.outstanding_principal_minor for view in seen]
    at_risk = [
        sum(o for o, view in zip(out, seen, strict=True) if view.dpd > days)
        for days in (30, 60, 90)
    ]
    assert at_risk[0] > at_risk[1] > at_risk[2] > 0
    told = await report(lender, dues[0], dues[2])
    (euros,) = [each for each in told["portfolio"] if each["currency"] == "EUR"]
    assert euros["outstanding_principal"] == Decimal(sum(out)) / 100
    assert [euros["par_30"], euros["par_60"], euros["par_90"]] == [
        ratio(part, sum(out)) for part in at_risk
    ]
    assert euros["npa_ratio"] == euros["par_90"]
    assert (euros["active_loans"], euros["loans_in_default"]) == (4, 1)

    assert [(day["day"], day["due"], day["collected"]) for day in told["by_day"]] == [
        (dues[0], Decimal(4 * EMI) / 100, Decimal(3 * EMI) / 100),
        (dues[1], Decimal(4 * EMI) / 100, Decimal(2 * EMI) / 100),
        (dues[2], Decimal(4 * EMI) / 100, Decimal(EMI) / 100),
    ]
    assert [day["overdue"] for day in told["by_day"]] == [
        day["due"] - day["collected"] for day in told["by_day"]
    ]
    (collection,) = told["collection"]
    assert collection["efficiency"] == Decimal("0.5")


async def test_what_is_not_due_yet_is_in_no_collection(lender):
    borrower = await lender.borrower(balance_minor=50_000_00, currency="USD")
    loan_id = await lender.loan(borrower)
    due = (await lender.schedule(loan_id)).lines[0].line.due_date
    before = await report(lender, due, due)
    assert before["by_day"] == []
    await lender.close_through(due)
    days = (await report(lender, due, due))["by_day"]
    (day,) = [each for each in days if each["currency"] == "USD"]
    assert (day["due"], day["collected"], day["overdue"]) == (
        Decimal(EMI) / 100,
        Decimal(EMI) / 100,
        0,
    )


def test_a_part_of_nothing_is_nothing():
    assert ratio(0, 0) == 0
    assert ratio(1, 3) == Decimal("0.3333")
