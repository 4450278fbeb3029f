"""The books carry what belongs to a day on that day, whenever it is booked."""

import asyncio
from datetime import timedelta
from uuid import UUID

import asyncpg
import pytest

from core.business_day.runs import CLOSE_DAY
from core.ledger import periods
from core.ledger.chart import LedgerCode
from core.ledger.moment import read_moment
from core.ledger.trial_balance import trial_balance
from core.transactions.journal import JournalEntry, book_journal
from core.transactions.views import TransactionReader
from core.verification import verify
from tests.lending.lender import OFFICER

POSTED = """
SELECT t.type, t.details->>'business_date' AS value_date, p.accounting_date
FROM transactions t JOIN postings p ON p.transaction_id = t.id
WHERE t.type = ANY($1::text[]) AND t.seq > $2 ORDER BY t.seq, p.leg
"""

LEGS = ((LedgerCode.CASH, -5), (LedgerCode.EQUITY, 5))


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
    # And so does the trial balance of either date
    for day, interest in ((due - timedelta(days=1), 0), (due, 120_00), (today, 120_00)):
        async with lender.quiet.database.read() as reader:
            books = await trial_balance(reader, day)
        (row,) = [row for row in books.rows if row.code == LedgerCode.INTEREST_INCOME]
        assert (row.debit_minor, row.credit_minor) == (0, interest)
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


async def lock(lender, day):
    async with lender.quiet.database.unit_of_work() as unit:
        found, _ = await periods.lock_through(unit, day, by=OFFICER, reason=None, time_zone="UTC")
        await unit.commit()
    return found


async def test_what_belongs_to_a_locked_period_is_booked_in_the_open_one_and_says_so(lender):
    # Given a due date that nobody closed, in a period that has been locked since
    borrower = await lender.borrower(balance_minor=5_000_00)
    loan_id = await lender.loan(borrower, 12_000)
    due = (await lender.line(loan_id, 1)).line.due_date
    seq = await late_in_the_year(lender, due + timedelta(days=90))
    locked = await periods.seal(lender.quiet.database, await lock(lender, due + timedelta(days=5)))
    assert locked.sealed
    # When it is caught up
    await lender.job(CLOSE_DAY, due)
    # Then it stands in the books on the first open date, and both dates are told
    first_open = due + timedelta(days=6)
    closing = await lender.rows(POSTED, ["accrual", "emi"], seq)
    assert {row["type"] for row in closing} == {"accrual", "emi"}
    assert {(row["value_date"], row["accounting_date"]) for row in closing} == {
        (due.isoformat(), first_open)
    }
    emi = await lender.value(
        "SELECT id FROM transactions WHERE type = 'emi' AND details->>'loan_id' = $1", str(loan_id)
    )
    view = await TransactionReader(lender.quiet.database).find(emi)
    assert (view.value_date, view.accounting_date) == (due, first_open)
    await lender.verify()


async def test_a_lock_is_sealed_when_what_was_under_way_has_ended(lender):
    # Given two units of work that read the clock, one of which has posted already
    today = await lender.today()
    day = today - timedelta(days=3)
    entry = JournalEntry("correction", "EUR", LEGS, day)
    database = lender.quiet.database
    async with database.unit_of_work() as early, database.unit_of_work() as late:
        moment = await read_moment(late.connection)
        await book_journal(early.connection, [entry], await read_moment(early.connection))
        # When the period is locked
        locked = await lock(lender, day)
        sealing = asyncio.create_task(periods.seal(database, locked))
        # Then who has posted may end, and is waited for; who comes later is refused
        with pytest.raises(asyncpg.CheckViolationError, match="a period that is locked"):
            await book_journal(late.connection, [entry], moment)
        await asyncio.sleep(0.2)
        assert not sealing.done()
        await early.commit()
    assert (await sealing).sealed
    await lender.verify()


async def test_the_books_are_found_out_where_a_locked_period_was_booked_into(lender):
    # Given somebody who switches the guard off
    day = await lender.value("SELECT max(locked_through) FROM accounting_periods")
    await lender.execute(
        f"""
        BEGIN;
        ALTER TABLE postings DISABLE TRIGGER postings_balance;
        INSERT INTO postings (transaction_id, leg, ledger_code, amount_minor, currency, booked_at,
                              accounting_date)
        VALUES ('{UUID(int=7)}', 0, '1000', -5, 'EUR', now(), '{day}'),
               ('{UUID(int=7)}', 1, '3000', 5, 'EUR', now(), '{day}');
        ALTER TABLE postings ENABLE TRIGGER postings_balance;
        COMMIT
        """
    )
    # Then the check says what and when
    results = await verify(lender.quiet.database)
    broken = {result.name for result in results if not result.ok}
    assert "nothing was booked into an accounting period after it was locked" in broken
