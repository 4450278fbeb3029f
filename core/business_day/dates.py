"""Which business date it is, and which is the next: by the database's clock."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from core.foundation.config import Environment, Settings
from core.foundation.database import Reader
from core.foundation.errors import BusinessDateInFuture
from core.ledger.moment import latest, read_moment


@dataclass(frozen=True, slots=True)
class BankClock:
    """The bank's calendar day. ``may_run_ahead``: closing dates ahead takes the clock with it."""

    time_zone: str
    may_run_ahead: bool

    @classmethod
    def of(cls, settings: Settings) -> "BankClock":
        """In production the bank's date is the calendar's; in development it may be moved."""
        return cls(settings.time_zone, settings.environment is Environment.DEVELOPMENT)


@dataclass(frozen=True, slots=True)
class Today:
    """The calendar's date in the bank's time zone, and the last date that the bank closed."""

    calendar_date: date
    last_closed: date | None

    @property
    def business_date(self) -> date:
        """The calendar's date, or the last closed one if later."""
        return latest(self.calendar_date, self.last_closed)

    @property
    def first_open(self) -> date | None:
        """The first date that the bank has not closed; None before any closing."""
        return self.last_closed + timedelta(days=1) if self.last_closed else None


def next_business_date(today: Today, *, may_run_ahead: bool) -> date:
    """The last date for which anything of the business day may run: the day after today's.

    Where the bank's clock may run ahead, "today" is the last closed date if that is later, so that
    the bank's clock moves on by closing one date after the other, and by nothing else. Where it
    may not, tomorrow is the limit whatever was closed.
    """
    current = today.business_date if may_run_ahead else today.calendar_date
    return current + timedelta(days=1)


async def find_today(reader: Reader, time_zone: str) -> Today:
    """The bank's day at this instant, by the database's clock."""
    moment = await read_moment(reader)
    return Today(moment.calendar_date(time_zone), moment.last_closed)


async def business_date(reader: Reader, time_zone: str) -> date:
    """The current business date: today in the bank's time zone, or the last closed one if later.

    Closing dates ahead of the calendar (in a demonstration, say) moves the bank's clock with them.
    """
    return (await find_today(reader, time_zone)).business_date


async def refuse_future(reader: Reader, day: date, bank_clock: BankClock) -> None:
    """Raise BusinessDateInFuture where ``day`` lies beyond the next business date."""
    today = await find_today(reader, bank_clock.time_zone)
    latest = next_business_date(today, may_run_ahead=bank_clock.may_run_ahead)
    if day > latest:
        raise BusinessDateInFuture(f"{day} lies beyond {latest}, the next business date")


async def due_by(reader: Reader, day: date, time_zone: str) -> datetime:
    """By which instant what falls due by the clock is due for ``day``: now, or for a date ahead of
    the calendar that date's end, since the bank's clock is moved with it.
    """
    moment = await read_moment(reader)
    end = datetime.combine(day + timedelta(days=1), time.min, ZoneInfo(time_zone))
    ahead = day > moment.calendar_date(time_zone)
    return end - timedelta(microseconds=1) if ahead else moment.now
