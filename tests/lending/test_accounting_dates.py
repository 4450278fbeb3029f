"""The books carry what belongs to a day on that day, whenever it is booked."""

from datetime import timedelta

from core.business_day.runs import CLOSE_DAY

POSTED = """
SELECT t.type, t.details->>'business_date' AS value_date, p.accounting_date
FROM transactions t JOIN postings p ON p.transaction_id = t.id
WHERE t.type = ANY($1::text[]) AND t.seq > $2 ORDER BY t.seq, p.leg
"""


async def late_in_the_year(lender, day):
    """The bank's own date: what is booked without a date of its own is booked on it."""
    await lender.execute("UPDATE bank_day SET last_closed_on = $1", day)
    return await lender.value("SELECT max(seq) FROM transactions")


async def test_a_day_that_is_caught_up_is_booked_on_its_own_date(lender):
    # Given a loan whose first due date nobody closed, and a bank that is two months on
    borrower = await lender.borrower(balance_minor=5_000_00)
    loan_id = await lender.loan(borrower, 12_000)
    due = (await lender.line(loan_id, 1)).line.due_date
    today = due + timedelta(days=60)
    seq = await late_in_the_year(lender, today)
    # When a customer pays in, and then the day is closed
    await lender.deposit(borrower, 1_00)
    await lender.job(CLOSE_DAY, due)
    # Then the deposit stands in the books today, the day's own affairs on the day
    deposits = await lender.rows(POSTED, ["deposit"], seq)
    assert {(row["value_date"], row["accounting_date"]) for row in deposits} == {(None, today)}
    closing = await lender.rows(POSTED, ["accrual", "emi"], seq)
    assert {row["type"] for row in closing} == {"accrual", "emi"}
    assert {(row["value_date"], row["accounting_date"]) for row in closing} == {
        (due.isoformat(), due)
    }
    await lender.verify()


async def test_the_end_of_a_loan_is_booked_on_the_day_it_is_for(lender):
    # Given a loan
    borrower = await lender.borrower(balance_minor=20_000_00)
    loan_id = await lender.loan(borrower, 12_000)
    today = await lender.today() + timedelta(days=10)
    seq = await late_in_the_year(lender, today)
    # When it is paid off
    await lender.pay(borrower, loan_id, mode="foreclose")
    await lender.settle()
    # Then what was earned and what was paid are of the same day
    booked = await lender.rows(POSTED, ["accrual", "loan_payment"], seq)
    assert {row["type"] for row in booked} == {"accrual", "loan_payment"}
    assert {(row["value_date"], row["accounting_date"]) for row in booked} == {
        (today.isoformat(), today)
    }
