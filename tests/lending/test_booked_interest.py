"""A day's interest is booked once for all loans, and each loan's part of it can be told."""

import asyncio
from datetime import date, timedelta
from fractions import Fraction

import pytest

from core.business_day.runs import CLOSE_DAY
from core.business_day.steps import Work
from core.foundation.errors import LoanNotFound
from core.foundation.ids import new_id
from core.lending.collections.classify import classify
from core.lending.servicing import accrual_lock
from core.lending.servicing.accrual import Window, earned
from core.lending.servicing.accrual_history import find_history
from core.lending.servicing.accrue import accrue, begin_periods
from core.lending.servicing.calendar import CollectionCalendar
from core.lending.servicing.storage import read_book
from tests.lending.test_accrual import EVERYBODY


@pytest.fixture(autouse=True)
async def sound_books(lender):
    yield
    await lender.verify()


async def booked(lender, loan_id):
    """What the books have of the loan's interest."""
    async with lender.quiet.database.read() as reader:
        book = await read_book(reader, loan_id)
    book.count_booked()
    return book.interest_accrued


async def history(lender, loan_id, owner_id=None):
    async with lender.quiet.database.read() as reader:
        found = await find_history(
            reader, loan_id, owner_id=owner_id, first=date.min, last=date.max
        )
    return found.entries


def test_under_actual_actual_each_day_counts_by_its_own_year():
    window = Window(date(2023, 12, 15), date(2024, 1, 15), 100_000)
    old, new = Fraction(16, 365), Fraction(15, 366)
    for day, part in ((date(2023, 12, 31), old), (date(2024, 1, 1), old + Fraction(1, 366))):
        exact = 100_000 * part / (old + new)
        assert abs(earned(window, day, by_year=True) - exact) <= Fraction(1, 2)
    # By days alone the year's end would have a cent less: a day of 2023 is worth more.
    assert earned(window, date(2023, 12, 31), by_year=True) == 51_681
    assert earned(window, date(2023, 12, 31)) == 51_613


async def test_every_minor_unit_that_a_loan_earned_is_found_in_an_entry(lender):
    borrower = await lender.borrower(balance_minor=50_000_00)
    loan_id = await lender.loan(borrower)
    line = (await lender.line(loan_id, 1)).line
    await lender.close_through(line.period_start + timedelta(days=10))
    await lender.pay(borrower, loan_id, "3000", "prepay_reduce_emi")
    await lender.settle()
    await lender.close_through(line.due_date + timedelta(days=3))
    entries = await history(lender, loan_id, borrower.user_id)
    assert sum(entry.amount_minor for entry in entries) == await booked(lender, loan_id)
    assert [entry.on for entry in entries] == sorted((e.on for e in entries), reverse=True)
    # A day's entry is that of all loans, and not less than this loan's part.
    (first,) = [e for e in entries if e.on == line.period_start + timedelta(days=1)]
    amount = await lender.value(
        "SELECT amount_minor FROM transactions WHERE id = $1", first.transaction_id
    )
    assert first.amount_minor == round(Fraction(120_00, (line.due_date - line.period_start).days))
    assert amount >= first.amount_minor
    with pytest.raises(LoanNotFound):
        await history(lender, loan_id, new_id())


async def test_a_loan_paid_off_in_the_middle_of_a_period_has_earned_what_was_booked(lender):
    borrower = await lender.borrower(balance_minor=50_000_00)
    loan_id = await lender.loan(borrower)
    line = (await lender.line(loan_id, 1)).line
    await lender.close_through(line.period_start + timedelta(days=12))
    await lender.pay(borrower, loan_id, None, "foreclose")
    await lender.settle()
    assert (await lender.view(loan_id)).status == "foreclosed"
    entries = await history(lender, loan_id)
    assert sum(entry.amount_minor for entry in entries) == await booked(lender, loan_id)


async def test_a_loan_that_was_left_behind_catches_up_with_the_days_that_were_booked(lender):
    borrower = await lender.borrower(balance_minor=50_000_00)
    loan_id = await lender.loan(borrower)
    line = (await lender.line(loan_id, 1)).line
    await lender.close_through(line.due_date - timedelta(days=1))
    # Given days that are booked while the loan's next period does not begin
    through = line.due_date + timedelta(days=4)
    work = Work(new_id(), "close-day", through, EVERYBODY)
    async with lender.quiet.database.unit_of_work() as unit:
        await accrue(unit, work)
        await unit.commit()
    assert await booked(lender, loan_id) == 120_00
    # When it begins
    async with lender.quiet.database.unit_of_work() as unit:
        await begin_periods(unit, work)
        await unit.commit()
    # Then what it has earned since is booked for the loan alone
    second = (await lender.line(loan_id, 2)).line
    days = (second.due_date - second.period_start).days
    fresh = (2 * second.asked.interest * 4 + days) // (2 * days)
    assert await booked(lender, loan_id) == 120_00 + fresh
    entries = await history(lender, loan_id)
    assert next(e.amount_minor for e in entries if e.on == through) == fresh
    assert sum(entry.amount_minor for entry in entries) == 120_00 + fresh


async def test_while_a_day_is_counted_payments_wait_and_nothing_is_counted_beside_a_change(lender):
    borrower = await lender.borrower(balance_minor=50_000_00)
    loan_id = await lender.loan(borrower)
    database = lender.quiet.database
    await lender.pay(borrower, loan_id, "1000", "prepay_reduce_emi")
    # Given a day that is being counted, a payment stays pending
    async with database.unit_of_work() as unit:
        await accrual_lock.hold_alone(unit.connection)
        settling = asyncio.create_task(lender.settle())
        await asyncio.sleep(0.3)
        (payment,) = await lender.transactions(loan_id, "loan_payment")
        assert payment["status"] == "pending"
    await settling
    await lender.settle()
    (payment,) = await lender.transactions(loan_id, "loan_payment")
    assert payment["status"] == "success"
    # Given a loan that is being changed, the next day is not counted
    through = await lender.value("SELECT accrued_through FROM lending_day")
    tomorrow = max(await lender.today(), through or date.min) + timedelta(days=1)
    async with database.unit_of_work() as unit:
        await accrual_lock.hold(unit.connection)
        closing = asyncio.create_task(lender.close_through(tomorrow))
        await asyncio.sleep(0.3)
        assert not closing.done()
        assert await lender.value("SELECT accrued_through FROM lending_day") == through
    await closing
    assert await lender.value("SELECT accrued_through FROM lending_day") >= tomorrow


async def test_who_classifies_waits_for_a_day_that_is_counted_before_it_locks_a_loan(lender):
    """The other way about, the day's first share would wait for the loan and this one for it."""
    borrower = await lender.borrower()
    loan_id = await lender.loan(borrower)
    await lender.withdraw_all(borrower)
    due = (await lender.line(loan_id, 1)).line.due_date
    await lender.close_through(due)
    work = Work(new_id(), "default-recovery", due, EVERYBODY)

    async def classifying():
        async with lender.quiet.database.unit_of_work() as unit:
            await classify(unit, work, calendar=CollectionCalendar())

    async with lender.quiet.database.unit_of_work() as unit:
        await accrual_lock.hold_alone(unit.connection)
        waiting = asyncio.create_task(classifying())
        await asyncio.sleep(0.3)
        assert not waiting.done()
        await unit.connection.execute("SELECT FROM loans WHERE id = $1 FOR UPDATE NOWAIT", loan_id)
    await waiting


async def test_a_first_date_that_was_broken_off_after_its_interest_is_still_open(lender):
    await lender.loan(await lender.borrower(balance_minor=100_00))
    paid_out = await lender.value("SELECT min(disbursed_on) FROM loans")
    first = paid_out + timedelta(days=1)
    async with lender.quiet.database.unit_of_work() as unit:
        await accrue(unit, Work(new_id(), "close-day", first, EVERYBODY))
        await unit.commit()
    async with lender.quiet.database.read() as reader:
        assert await lender.desk.steps.open_since(reader) == first


async def test_a_days_interest_is_committed_before_anything_else_is_done(lender):
    """Nobody pays on a loan while it is counted: a share's collection is not part of that."""
    (lending, *_) = lender.desk.steps.parts(CLOSE_DAY)
    first, *later = lending.phases
    assert first.steps == (accrue,)
    assert not any(accrue in phase.steps for phase in later)
