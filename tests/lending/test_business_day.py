"""The business day survives crashes, catches up, and is closed once whoever closes it."""

import asyncio
import random
from dataclasses import replace
from datetime import timedelta

import pytest
from prometheus_client import REGISTRY

from core.business_day import chunks, close, drive, runs
from core.business_day.runs import CLOSE_DAY
from core.business_day.steps import DONE
from core.foundation.database import Database
from core.foundation.errors import RunNotFound
from core.foundation.ids import new_id
from core.lending import borrowers
from core.lending.servicing.calendar import CollectionCalendar
from core.lending.servicing.storage import read_book
from core.lending.steps import EMI_COLLECTION
from tests.lending.lender import every_step

STATE = """
SELECT (SELECT json_agg(l ORDER BY l.id) FROM loans l)::text
    || (SELECT json_agg(i ORDER BY i.loan_id, i.version, i.number) FROM loan_instalments i)::text
    || (SELECT count(*) FROM transactions)::text || (SELECT count(*) FROM postings)::text
    || (SELECT count(*) FROM notifications)::text
"""


@pytest.fixture(autouse=True)
async def sound_books(lender):
    yield
    await lender.verify()


async def some_loans(lender, count=6):
    """Loans of several borrowers, of whom every second has no money."""
    loans = []
    for number in range(count):
        borrower = await lender.borrower(balance_minor=50_000_00)
        loans.append(await lender.loan(borrower, 1_000 * (number + 1)))
        if number % 2:
            await lender.withdraw_all(borrower)
    return loans


async def take(lender, connection, run_id, owner):
    """Lease a chunk of a close-day run."""
    return await chunks.take(connection, run_id, lender.desk.steps.parts(CLOSE_DAY), owner)


async def first_due(lender, loan_id):
    return (await lender.schedule(loan_id)).lines[0].line.due_date


async def test_closing_a_date_twice_changes_nothing(lender):
    loans = await some_loans(lender)
    late = await first_due(lender, loans[0]) + timedelta(days=5)
    await lender.close_through(late)
    before = await lender.value(STATE)
    runs_again = await lender.close_through(late)
    assert len(runs_again) == 1
    assert await lender.value(STATE) == before


async def test_missed_days_are_closed_one_by_one(lender):
    await some_loans(lender, 2)
    today = await lender.today()
    done = await lender.close_through(today + timedelta(days=5))
    assert [run.business_date for run in done][-5:] == [
        today + timedelta(days=days) for days in range(1, 6)
    ]
    assert await lender.value("SELECT accrued_through FROM lending_day") == today + timedelta(5)


async def accrued(lender, loan_id):
    """What the books have of the loan's interest."""
    async with lender.quiet.database.read() as reader:
        book = await read_book(reader, loan_id)
    book.count_booked()
    return book.interest_accrued


async def test_interest_is_earned_by_the_day_and_exactly_by_the_period(lender):
    borrower = await lender.borrower(balance_minor=50_000_00)
    loan_id = await lender.loan(borrower)
    line = (await lender.line(loan_id, 1)).line
    days = (line.due_date - line.period_start).days
    row = "SELECT xmin::text FROM loans WHERE id = $1"
    before = await lender.value(row, loan_id)
    for day in (1, 2, 7, days - 1):
        await lender.close_through(line.period_start + timedelta(days=day))
        expected = (2 * 120_00 * day + days) // (2 * days)
        assert await accrued(lender, loan_id) == expected
        assert await lender.value(row, loan_id) == before  # nothing is written for an idle loan
    await lender.close_through(line.due_date)
    assert await accrued(lender, loan_id) == 120_00
    second = (await lender.line(loan_id, 2)).line
    await lender.close_through(second.due_date)
    assert await accrued(lender, loan_id) == 120_00 + second.asked.interest


async def test_three_schedulers_at_once_close_the_day_once(lender):
    loans = await some_loans(lender)
    due = await first_due(lender, loans[0])
    await lender.close_through(due - timedelta(days=1))
    desks = [replace(lender.desk) for _ in range(3)]
    await asyncio.gather(*(close.close_through(desk, due) for desk in desks))
    for loan_id in loans:
        assert len(await lender.transactions(loan_id, "emi")) == 1
    completed = await lender.value(
        "SELECT count(*) FROM business_day_runs WHERE business_date = $1 AND total > 0"
        " AND status = 'completed' AND job = 'close-day'",
        due,
    )
    assert completed >= 1


async def test_a_run_that_dies_anywhere_is_finished_by_the_next(lender, monkeypatch):
    monkeypatch.setattr(borrowers, "SHARE_LOANS", 2)
    monkeypatch.setattr(chunks, "LEASE_SECONDS", 1)
    loans = await some_loans(lender)
    due = await first_due(lender, loans[0])
    await lender.close_through(due - timedelta(days=1))
    chance = random.Random(7)
    for _ in range(12):
        dying = asyncio.create_task(close.close_through(lender.desk, due + timedelta(days=4)))
        await asyncio.sleep(chance.uniform(0.0, 0.12))
        dying.cancel()
        await asyncio.gather(dying, return_exceptions=True)
    await lender.close_through(due + timedelta(days=4))
    for number, loan_id in enumerate(loans):
        emis = await lender.transactions(loan_id, "emi")
        assert len(emis) == (3 if number % 2 else 1)  # days 0, 1 and 3 without funds


async def test_a_lease_that_ran_out_is_taken_over_and_its_owner_changes_nothing(
    lender, monkeypatch
):
    await some_loans(lender, 2)
    day = await lender.today() + timedelta(days=1)
    database = lender.quiet.database
    async with database.unit_of_work() as unit:
        run_id = await runs.start(unit.connection, CLOSE_DAY, day, lender.desk.bank_clock)
        await drive.plan(unit.connection, run_id, lender.desk.steps)
        await unit.commit()
    monkeypatch.setattr(chunks, "LEASE_SECONDS", 0)
    async with database.unit_of_work() as unit:
        slow = await take(lender, unit.connection, run_id, "slow")
        await unit.commit()
    monkeypatch.setattr(chunks, "LEASE_SECONDS", 60)
    await lender.close_through(day)
    async with database.unit_of_work() as unit:
        with pytest.raises(chunks.LeaseLost):
            await chunks.move_on(unit.connection, slow, DONE)


async def test_a_lease_that_once_could_not_be_extended_is_extended_the_next_time(
    lender, monkeypatch
):
    await some_loans(lender, 1)
    monkeypatch.setattr(chunks, "LEASE_SECONDS", 1.5)
    day = await lender.today() + timedelta(days=1)
    database = lender.quiet.database
    async with database.unit_of_work() as unit:
        connection = unit.connection
        run_id = await runs.start(connection, CLOSE_DAY, day, lender.desk.bank_clock)
        await drive.plan(connection, run_id, lender.desk.steps)
        held = await take(lender, connection, run_id, "slow")
        await unit.commit()
    # Given a pool that has nothing free when the lease is extended for the first time
    pool = Database(database.url, name="small", pool_size=1, timeout_seconds=0.1)
    async with chunks.kept(pool, held):
        async with pool.read():
            await asyncio.sleep(0.8)
        # When the work takes longer than a lease
        await asyncio.sleep(1.2)
        # Then nobody takes the chunk over, and its end is no failure
        async with database.unit_of_work() as unit:
            assert await take(lender, unit.connection, run_id, "other") is None
            await unit.commit()
    await pool.close()
    await lender.close_through(day)


async def test_a_forgotten_run_is_found(lender):
    await some_loans(lender, 1)
    day = await lender.today() + timedelta(days=1)
    async with lender.quiet.database.unit_of_work() as unit:
        run_id = await runs.start(unit.connection, CLOSE_DAY, day, lender.desk.bank_clock)
        await unit.connection.execute(
            "UPDATE business_day_runs SET created_at = now() - interval '1 minute' WHERE id = $1",
            run_id,
        )
        await unit.commit()
    assert run_id in await drive.forgotten_runs(lender.quiet.database)
    run = await drive.drive(lender.desk, run_id)
    assert run.status == "completed"
    assert run_id not in await drive.forgotten_runs(lender.quiet.database)


@pytest.mark.parametrize("step", [timedelta(hours=1), timedelta(minutes=1)])
async def test_a_database_clock_that_stepped_back_keeps_no_run_waiting(lender, step):
    # Given a run and a dead worker's lease, both ahead of the clock as it is now
    await some_loans(lender, 1)
    day = await lender.today() + timedelta(days=1)
    async with lender.quiet.database.unit_of_work() as unit:
        connection = unit.connection
        run_id = await runs.start(connection, CLOSE_DAY, day, lender.desk.bank_clock)
        await drive.plan(connection, run_id, lender.desk.steps)
        assert await take(lender, connection, run_id, "dead")
        await connection.execute(
            "UPDATE business_day_runs SET created_at = created_at + $2 WHERE id = $1", run_id, step
        )
        await connection.execute(
            "UPDATE business_day_chunks SET lease_until = lease_until + $2 WHERE run_id = $1",
            run_id,
            step,
        )
        await unit.commit()
    # Then it is found, and done
    assert run_id in await drive.forgotten_runs(lender.quiet.database)
    async with asyncio.timeout(20):
        assert (await drive.drive(lender.desk, run_id)).status == "completed"


async def test_what_cannot_be_done_for_one_loan_is_set_aside_and_the_day_closes_for_all_others(
    lender,
):
    # Given a chunk with several borrowers in arrears, and one loan that breaks the code
    late = [await lender.borrower() for _ in range(5)]
    loans = [await lender.loan(borrower, 1_000) for borrower in late]
    for borrower in late:
        await lender.withdraw_all(borrower)
    broken, *others = loans
    due = await first_due(lender, broken)
    await lender.close_through(due)
    day = due + timedelta(days=1)
    terms = await lender.value("SELECT terms::text FROM loans WHERE id = $1", broken)
    await damage(lender, broken, '{"grace_days": "many"}')
    # When the day is closed
    try:
        (run,) = await lender.close_through(day)
    finally:
        await damage(lender, broken, terms)
    # Then it is, for all others; the staff are told of the one
    assert run.status == "completed"
    assert run.done == run.total
    assert run.failed >= 1
    assert "grace_days" in run.error
    assert [(await lender.view(loan)).dpd for loan in others] == [2] * 4
    assert (await lender.view(broken)).dpd == 1
    (notice,) = await lender.rows(
        "SELECT body, to_staff, loan_id FROM notifications WHERE kind = 'loan_set_aside'"
    )
    assert notice["to_staff"]
    assert notice["loan_id"] == broken
    assert str(day) in notice["body"]
    # And it is caught up by the next
    (run,) = await lender.close_through(day + timedelta(days=1))
    assert (run.status, run.error) == ("completed", None)
    assert [(await lender.view(loan)).dpd for loan in loans] == [3] * 5
    penalties = {(await lender.line(loan, 1)).line.asked.penalty for loan in loans}
    assert len(penalties) == 1, "charged for every day, as the others were"


async def test_a_loan_with_corrupt_terms_falls_due_and_nobody_else_notices(lender):
    # Given two loans that fall due, and money for both; the terms of one make no sense
    both = [await lender.borrower(balance_minor=5_000_00) for _ in range(2)]
    broken, sound = [await lender.loan(borrower, 1_000) for borrower in both]
    due = await first_due(lender, broken)
    terms = await lender.value("SELECT terms::text FROM loans WHERE id = $1", broken)
    await damage(lender, broken, terms.replace("30/360", "by the moon"))
    # When its due date is closed, and some more
    try:
        ran = await lender.close_through(due + timedelta(days=3))
    finally:
        await damage(lender, broken, terms)
    # Then every date is closed, the other loan is paid, and staff know of this one
    assert {run.status for run in ran} == {"completed"}
    assert (await lender.line(sound, 1)).line.paid_on == due
    assert (await lender.line(broken, 1)).line.paid_on is None
    told = await lender.rows(
        "SELECT to_staff FROM notifications WHERE kind = 'loan_set_aside' AND loan_id = $1", broken
    )
    assert {row["to_staff"] for row in told} == {True}
    # And once it is mended it pays by the next close, with what being late has cost
    await lender.close_through(due + timedelta(days=4))
    line = (await lender.line(broken, 1)).line
    assert line.paid_on == due + timedelta(days=4)
    assert line.paid.interest >= (await lender.line(sound, 1)).line.paid.interest
    await lender.verify()


async def test_what_breaks_for_many_is_no_loans_fault_and_the_date_stays_open(lender, monkeypatch):
    monkeypatch.setattr(chunks, "MAX_SET_ASIDE", 1)
    late = [await lender.borrower() for _ in range(2)]
    loans = [await lender.loan(borrower, 1_000) for borrower in late]
    for borrower in late:
        await lender.withdraw_all(borrower)
    due = await first_due(lender, loans[0])
    await lender.close_through(due)
    day = due + timedelta(days=1)
    terms = await lender.value("SELECT terms::text FROM loans WHERE id = $1", loans[0])
    for loan in loans:
        await damage(lender, loan, '{"grace_days": "many"}')
    try:
        with pytest.raises(close.RunFailed, match="grace_days"):
            await lender.close_through(day)
    finally:
        for loan in loans:
            await damage(lender, loan, terms)
    assert REGISTRY.get_sample_value("giro_business_day_runs_failed_total", {"job": CLOSE_DAY})
    (notice,) = await lender.rows(
        "SELECT body, to_staff FROM notifications WHERE kind = 'run_failed'"
    )
    assert notice["to_staff"]
    assert str(day) in notice["body"]

    (run,) = await lender.close_through(day)
    assert (run.status, run.business_date) == ("completed", day)
    assert [(await lender.view(loan)).dpd for loan in loans] == [2, 2]


async def damage(lender, loan_id, terms):
    """Write terms that no loan can have, or mend them."""
    await lender.execute("UPDATE loans SET terms = $2::jsonb WHERE id = $1", loan_id, terms)


async def test_two_starts_for_one_date_are_one_run(lender):
    day = await lender.today() + timedelta(days=400)

    started = await asyncio.gather(*(lender.started(EMI_COLLECTION, day) for _ in range(8)))
    assert len(set(started)) == 1
    await drive.drive(lender.desk, started[0])


async def test_on_a_holiday_nobody_is_collected_from_and_nobody_is_late(lender):
    calendar = CollectionCalendar("DE")
    today = await lender.today()
    to_saturday = 7 + (5 - today.weekday()) % 7
    product = await lender.product("weekend", frequency={"every": to_saturday, "unit": "days"})
    borrower = await lender.borrower()
    loan_id = await lender.loan(borrower, product=product)
    await lender.withdraw_all(borrower)
    due = await first_due(lender, loan_id)
    assert due.weekday() == 5
    monday = calendar.adjust(due)
    assert monday >= due + timedelta(days=2)
    await lender.execute(
        "UPDATE loan_instalments SET next_attempt_on = $2 WHERE loan_id = $1 AND number = 1",
        loan_id,
        monday,
    )
    desk = replace(lender.desk, steps=every_step(lender.quiet.intake, "DE"))
    day = due
    while day < monday:
        await close.close_through(desk, day)
        loan, line = await lender.view(loan_id), await lender.line(loan_id, 1)
        assert (loan.dpd, loan.overdue_amount_minor, line.status) == (0, 0, "due")
        assert loan.next_due_date == due
        assert not await lender.transactions(loan_id, "emi")
        day += timedelta(days=1)
    await close.close_through(desk, monday)
    assert len(await lender.transactions(loan_id, "emi")) == 1
    loan, line = await lender.view(loan_id), await lender.line(loan_id, 1)
    assert (loan.dpd, line.status) == ((monday - due).days + 1, "overdue")
    assert loan.overdue_amount_minor >= line.line.unpaid.total > 0


async def test_an_unknown_run_is_not_found(lender):
    with pytest.raises(RunNotFound):
        await drive.drive(lender.desk, new_id())
