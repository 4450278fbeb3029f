"""Which business date it is for loans."""

from datetime import date, timedelta

from core import clock
from core.database import Connection

_LAST_CLOSED = "SELECT last_closed_on FROM bank_day WHERE id = 1"
_CLOSED = """
UPDATE bank_day SET last_closed_on = greatest(last_closed_on, $1) WHERE id = 1
"""
_FIRST_OPEN = """
SELECT min(last_closed_on) + 1 FROM loans WHERE status IN ('active', 'restructured')
"""


async def business_date(connection: Connection, time_zone: str) -> date:
    """The current business date: today in the bank's time zone, or the last closed one if later.

    Closing dates ahead of the calendar (in a demonstration, say) moves the bank's clock with them.
    """
    today = clock.today(time_zone)
    last = await connection.fetchval(_LAST_CLOSED)
    return max(today, last) if last else today


async def first_open_date(connection: Connection) -> date | None:
    """The first date that the bank has not closed; None before any loan or closing."""
    last: date | None = await connection.fetchval(_LAST_CLOSED)
    if last is not None:
        return last + timedelta(days=1)
    first: date | None = await connection.fetchval(_FIRST_OPEN)
    return first


async def mark_closed(connection: Connection, day: date) -> None:
    """Note that the whole bank has closed ``day``; an earlier day changes nothing."""
    await connection.execute(_CLOSED, day)
