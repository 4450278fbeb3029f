"""A whole loan: from the application to the last instalment, day by day."""

from datetime import timedelta

import pytest


async def test_a_year_of_instalments_is_collected_and_the_loan_closes(lender):
    borrower = await lender.borrower(balance_minor=20_000_00)
    loan_id = await lender.loan(borrower, 12_000)
    loan = await lender.view(loan_id)
    assert loan.status == "active"
    assert loan.emi_minor == 1_066_19  # the annuity of 12,000 at 1 % a month over 12
    assert await lender.balance(borrower) == 32_000_00

    schedule = await lender.schedule(loan_id)
    last = schedule.lines[-1].line.due_date
    await lender.close_through(last)

    loan = await lender.view(loan_id)
    assert loan.status == "closed"
    assert loan.outstanding_principal_minor == 0
    paid = sum(view.line.paid.total for view in (await lender.schedule(loan_id)).lines)
    assert await lender.balance(borrower) == 32_000_00 - paid
    emis = await lender.transactions(loan_id, "emi")
    assert [row["status"] for row in emis] == ["success"] * 12
    assert sum(row["amount_minor"] for row in emis) == paid
    assert (last - await lender.today()) <= timedelta(0)


@pytest.mark.parametrize(
    ("terms", "currency", "count"),
    [
        ({"method": "bullet"}, "EUR", 6),
        ({"method": "equal_principal", "day_count": "actual/365"}, "EUR", 6),
        ({"method": "flat"}, "KWD", 6),
        ({"frequency": "weekly", "day_count": "actual/364"}, "EUR", 26),
        ({"frequency": {"every": 2, "unit": "months"}}, "EUR", 3),
        ({"default_rate": 0}, "JPY", 6),
        ({"moratorium_months": 2}, "EUR", 6),
        ({"interest_moratorium_months": 2}, "EUR", 6),
        ({"rounding": "up", "rounding_unit": 10, "smoothing": True}, "EUR", 6),
    ],
)
async def test_every_kind_of_loan_lives_to_its_end(lender, terms, currency, count):
    code = f"kind-{abs(hash(str(terms))) % 10**8}"
    await lender.product(code, **terms)
    borrower = await lender.borrower(currency=currency)
    # Half a year of pay day after pay day is not the subject: the money is there from the start.
    loan_id = await lender.loan(borrower, 6_000, product=code, tenure_months=6)
    await lender.deposit(borrower, 100_000_000)
    lines = (await lender.schedule(loan_id)).lines
    assert len(lines) == count
    assert (
        sum(view.line.asked.principal for view in lines)
        == (await lender.view(loan_id)).amount_minor
    )
    await lender.close_through(lines[-1].line.due_date)
    loan = await lender.view(loan_id)
    assert (loan.status, loan.outstanding_principal_minor) == ("closed", 0)
    await lender.verify()
