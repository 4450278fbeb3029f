"""Interest by the day: one rule, for a loan in memory and for all loans of a day in SQL."""

import random
from datetime import date, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.business_day.steps import Share, Work
from core.foundation.ids import new_id
from core.lending.servicing.accrual import EARNED_AT, Window, advance, earned
from core.lending.servicing.accrue import accrue, begin_periods
from core.lending.servicing.storage import read_book

START = date(2026, 1, 31)
EVERYBODY = Share(UUID(int=0), None, 0)
_EARNED = f"""
SELECT {EARNED_AT.format(day="$3::date")}
FROM unnest($1::date[], $2::date[], $4::bigint[], $5::bigint[], $6::bool[]) WITH ORDINALITY
  AS l (period_start, period_end, period_interest_minor, period_accrued_minor, by_year, place)
ORDER BY place
"""


@st.composite
def courses(draw: st.DrawFn) -> list[Window]:
    """The periods of a loan, one after the other, of which the first may be booked in part."""
    lengths = draw(st.lists(st.integers(1, 40), min_size=1, max_size=6))
    windows, start = [], START
    for length in lengths:
        end = start + timedelta(days=length)
        windows.append(Window(start, end, draw(st.integers(0, 10**6))))
        start = end
    first = windows[0]
    booked = draw(st.integers(0, first.interest_minor))
    return [Window(first.start, first.end, first.interest_minor, booked), *windows[1:]]


@given(courses(), st.lists(st.integers(0, 300), min_size=1, max_size=8))
def test_days_closed_one_by_one_earn_what_they_earn_at_once(course, offsets):
    days = sorted(START + timedelta(days=offset) for offset in offsets)
    at_once, last = advance(course[0], course[1:], days[-1])
    one_by_one, window = 0, course[0]
    for day in days:
        if window is not None:
            fresh, window = advance(window, course, day)
            one_by_one += fresh
    assert (one_by_one, window) == (at_once, last)
    if window is None:
        assert at_once == sum(each.interest_minor for each in course) - course[0].accrued_minor


async def test_the_database_earns_what_the_rule_says(lender):
    chance = random.Random(7)
    windows = []
    for _ in range(2_000):
        start = START + timedelta(days=chance.randrange(60))
        interest = chance.choice((0, 1, 2, chance.randrange(10**12)))
        booked = chance.randrange(interest + 1)
        windows.append(
            Window(start, start + timedelta(days=chance.randrange(1, 400)), interest, booked)
        )
    columns = [
        [getattr(window, name) for window in windows]
        for name in ("start", "end", "interest_minor", "accrued_minor")
    ]
    years = [chance.random() < 0.5 for _ in windows]
    for offset in (-1, 0, 1, 30, 59, 200, 333, 334, 335, 500):
        day = START + timedelta(days=offset)
        rows = await lender.rows(_EARNED, *columns[:2], day, *columns[2:], years)
        assert [row[0] for row in rows] == [
            earned(window, day, by_year=by_year)
            for window, by_year in zip(windows, years, strict=True)
        ]


PRODUCTS = {
    "accrual-reducing": {},
    "accrual-weekly": {"method": "flat", "frequency": "weekly"},
    "accrual-bullet": {"method": "bullet", "day_count": "actual/365"},
}


@pytest.mark.parametrize("product", PRODUCTS)
async def test_a_days_close_brings_a_loan_where_its_book_alone_would_come(lender, product):
    """Each day is closed after none before it, as after an outage, and undone again."""
    await lender.product(product, **PRODUCTS[product])
    borrower = await lender.borrower(balance_minor=50_000_00)
    loan_id = await lender.loan(borrower, product=product)
    await lender.close_through((await lender.line(loan_id, 1)).line.period_start + timedelta(3))
    await lender.pay(borrower, loan_id, "1000", "prepay_reduce_emi")
    await lender.settle()
    today = await lender.today()
    for ahead in (1, 4, 30, 31, 32, 90, 364, 500):
        day = today + timedelta(days=ahead)
        async with lender.quiet.database.unit_of_work() as unit:
            book = await read_book(unit.connection, loan_id)
            work = Work(new_id(), "close-day", day, EVERYBODY)
            await accrue(unit, work)
            await begin_periods(unit, work)
            closed = await read_book(unit.connection, loan_id)
        closed.count_booked()
        book.accrue_to(day)
        assert (closed.interest_accrued, closed.window) == (book.interest_accrued, book.window)
