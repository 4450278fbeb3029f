"""A whole loan: from the application to the last instalment, day by day."""

from datetime import timedelta


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
    assert loan.principal_outstanding_minor == 0
    paid = sum(view.line.paid.total for view in (await lender.schedule(loan_id)).lines)
    assert await lender.balance(borrower) == 32_000_00 - paid
    emis = await lender.transactions(loan_id, "emi")
    assert [row["status"] for row in emis] == ["success"] * 12
    assert sum(row["amount_minor"] for row in emis) == paid
    assert (last - await lender.today()) <= timedelta(0)
