"""The bank's report on a span of time: what there is, what moved, how it settled, what is lent."""

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from core.business_day.dates import business_date
from core.foundation import clock
from core.foundation.database import Reader
from core.lending.servicing.portfolio import portfolio
from core.reporting.counters import Counters, counters, settlement, volumes

DEFAULT_SPAN: Final = timedelta(days=30)
_EARLIEST: Final = datetime.min.replace(tzinfo=UTC) + DEFAULT_SPAN


@dataclass(frozen=True, slots=True)
class Span:
    """From ``since`` to before ``until``; ``is_open`` where no end was asked for: until now."""

    since: datetime
    until: datetime
    is_open: bool

    @classmethod
    def of(cls, since: datetime | None, until: datetime | None, now: datetime) -> "Span":
        """What is asked for; by default the 30 days before the end, and the end is now."""
        last = until or now
        return cls(since or max(last, _EARLIEST) - DEFAULT_SPAN, last, is_open=until is None)


@dataclass(frozen=True, slots=True)
class Report:
    """``volumes`` are rows per day, type and currency; money is in minor units."""

    span: Span
    totals: Counters
    volumes: list[dict[str, Any]]
    settlement: dict[str, Any]
    lending: dict[str, Any]


async def read_report(reader: Reader, span: Span, *, time_zone: str) -> Report:
    """The report as of one moment: ``reader`` should be a snapshot.

    The portfolio of an open span is the business date's, which may run ahead of the calendar.
    """
    today = await business_date(reader, time_zone)
    midnight = datetime.combine(clock.today(time_zone), time.min, ZoneInfo(time_zone))
    return Report(
        span=span,
        totals=await counters(reader, midnight=midnight),
        volumes=await volumes(reader, since=span.since, until=span.until),
        settlement=await settlement(reader, since=span.since, until=span.until),
        lending=await portfolio(
            reader,
            since=span.since.date(),
            until=today if span.is_open else span.until.date(),
            today=today,
        ),
    )
