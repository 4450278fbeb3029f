"""When something is booked: the instant of it, and the date in the books.

Two dates tell a posting's story. Its **value date** is the business date that it is for, where it
is for one (the interest of 3 March); its **accounting date** is the date on which the books carry
it: the value date, or else the bank's business date, and never in a period that is locked: then it
is the first open date.
"""

from datetime import date, datetime, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from core.foundation.database import Connection, Reader

_MOMENT = """
SELECT clock_timestamp() AS now, (SELECT last_closed_on FROM bank_day WHERE id = 1) AS last_closed,
       (SELECT max(locked_through) FROM accounting_periods) AS locked_through
"""
_CLOSED = """
UPDATE bank_day SET last_closed_on = greatest(last_closed_on, $1) WHERE id = 1
"""


class Moment(NamedTuple):
    """An instant by the database's clock, and how far the bank and its books have come by then."""

    now: datetime
    last_closed: date | None
    locked_through: date | None

    def calendar_date(self, time_zone: str) -> date:
        """The calendar's date in ``time_zone`` (IANA name)."""
        return self.now.astimezone(ZoneInfo(time_zone)).date()

    def business_date(self, time_zone: str) -> date:
        """The calendar's date in the bank's time zone, or the last closed one if later."""
        return latest(self.calendar_date(time_zone), self.last_closed)

    def accounting_date(self, day: date) -> date:
        """On which date the books carry what belongs to ``day``: there, or the first open date."""
        if self.locked_through is None or day > self.locked_through:
            return day
        return self.locked_through + timedelta(days=1)


def latest(calendar_date: date, last_closed: date | None) -> date:
    """The bank's business date: the calendar's date, or the last closed one if later."""
    return max(calendar_date, last_closed or calendar_date)


async def read_moment(reader: Reader) -> Moment:
    """This moment, by the database's clock."""
    row: Any = await reader.fetchrow(_MOMENT)
    return Moment(*row)


async def mark_closed(connection: Connection, day: date) -> None:
    """Note that the whole bank has closed ``day``; an earlier day changes nothing."""
    await connection.execute(_CLOSED, day)
