"""On which date the books carry what is booked at an instant."""

from datetime import UTC, date, datetime

import pytest

from core.ledger.moment import Moment

EVENING = datetime(2026, 3, 31, 20, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("time_zone", "last_closed", "business_date"),
    [
        ("UTC", None, date(2026, 3, 31)),
        ("Asia/Kolkata", None, date(2026, 4, 1)),  # 01:30 of the next day there
        ("UTC", date(2026, 3, 30), date(2026, 3, 31)),
        ("UTC", date(2026, 4, 2), date(2026, 4, 2)),  # the bank's clock was moved ahead
    ],
)
def test_the_business_date_is_the_banks_calendar_or_the_last_closed(
    time_zone: str, last_closed: date | None, business_date: date
) -> None:
    assert Moment(EVENING, last_closed, None).business_date(time_zone) == business_date


@pytest.mark.parametrize(
    ("day", "locked_through", "accounting_date"),
    [
        (date(2026, 3, 15), None, date(2026, 3, 15)),
        (date(2026, 3, 15), date(2026, 2, 28), date(2026, 3, 15)),
        (date(2026, 3, 1), date(2026, 2, 28), date(2026, 3, 1)),
        (date(2026, 2, 28), date(2026, 2, 28), date(2026, 3, 1)),
        (date(2025, 12, 31), date(2026, 2, 28), date(2026, 3, 1)),
    ],
)
def test_what_belongs_to_a_locked_period_is_booked_on_the_first_open_date(
    day: date, locked_through: date | None, accounting_date: date
) -> None:
    assert Moment(EVENING, None, locked_through).accounting_date(day) == accounting_date
