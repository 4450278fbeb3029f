"""Which date the bank may close next, and how far its clock may be moved."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
import time_machine

from core.business_day import close, dates
from core.business_day.dates import BankClock, Today, next_business_date
from core.business_day.runs import CLOSE_DAY
from core.foundation import clock
from core.foundation.config import Environment, Settings
from core.foundation.errors import BusinessDateInFuture
from core.lending.steps import DEFAULT_RECOVERY, EMI_COLLECTION

D = date(2026, 11, 21)
DAY = timedelta(days=1)
PRODUCTION = BankClock("UTC", may_run_ahead=False)


@pytest.mark.parametrize(
    ("last_closed", "in_production", "in_development"),
    [
        (None, D + DAY, D + DAY),
        (D - 5 * DAY, D + DAY, D + DAY),
        (D, D + DAY, D + DAY),
        # Once tomorrow is closed, only development goes on to the day after it.
        (D + DAY, D + DAY, D + 2 * DAY),
        (D + 70 * DAY, D + DAY, D + 71 * DAY),
    ],
)
def test_the_next_business_date_is_the_day_after_the_banks_own(
    last_closed, in_production, in_development
):
    today = Today(D, last_closed)
    assert next_business_date(today, may_run_ahead=False) == in_production
    assert next_business_date(today, may_run_ahead=True) == in_development


@pytest.mark.parametrize("environment", list(Environment))
def test_the_banks_clock_may_be_moved_in_development_alone(environment):
    settings = Settings(_env_file=None).model_copy(update={"environment": environment})
    bank_clock = BankClock.of(settings)
    assert bank_clock.may_run_ahead is (environment is Environment.DEVELOPMENT)


async def test_the_day_is_the_databases_in_the_banks_zone_whatever_the_host_believes(lender):
    true = clock.now()
    with time_machine.travel(datetime(2031, 1, 1, tzinfo=UTC)):
        async with lender.quiet.database.read() as reader:
            for zone in ("Pacific/Kiritimati", "UTC", "Pacific/Pago_Pago"):
                today = await dates.find_today(reader, zone)
                assert today.calendar_date == true.astimezone(ZoneInfo(zone)).date()


@pytest.mark.parametrize("job", [CLOSE_DAY, EMI_COLLECTION, DEFAULT_RECOVERY])
async def test_what_is_not_due_yet_is_not_collected(lender, job):
    borrower = await lender.borrower(balance_minor=50_000_00)
    loan_id = await lender.loan(borrower)
    before = await lender.balance(borrower)
    today = await lender.today()
    for day in (today + 2 * DAY, date(2999, 1, 1), date.max):
        with pytest.raises(BusinessDateInFuture):
            await close.run_job(lender.desk, job, day)
    assert await lender.balance(borrower) == before
    assert await lender.transactions(loan_id, "emi") == []
    run = await close.run_job(lender.desk, job, today + DAY)
    assert run.status == "completed"


async def test_in_production_the_clock_is_not_moved_and_nothing_is_closed_on_the_way(lender):
    await lender.loan(await lender.borrower())
    desk = replace(lender.desk, bank_clock=PRODUCTION)
    today = dates.Today(clock.today(), None)
    tomorrow = today.calendar_date + DAY
    runs_before = await lender.value("SELECT count(*) FROM business_day_runs")
    with pytest.raises(BusinessDateInFuture):
        await close.close_through(desk, tomorrow + DAY)
    assert await lender.value("SELECT count(*) FROM business_day_runs") == runs_before
    await close.close_through(desk, tomorrow)
    with pytest.raises(BusinessDateInFuture):
        await close.run_job(desk, CLOSE_DAY, tomorrow + DAY)


async def test_in_development_a_date_ahead_is_reached_day_by_day(lender):
    await lender.loan(await lender.borrower())
    today = await lender.today()
    done = await close.close_through(lender.desk, today + 9 * DAY, since=today + 9 * DAY)
    assert [run.business_date for run in done][-9:] == [today + n * DAY for n in range(1, 10)]
    assert await lender.today() == today + 9 * DAY
    with pytest.raises(BusinessDateInFuture, match="too far"):
        await close.close_through(lender.desk, date.max)
