"""The one place that reads the system's clock; rules take times as values."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo


def now() -> datetime:
    """The present instant, aware, in UTC."""
    return datetime.now(UTC)


def today(time_zone: str = "UTC") -> date:
    """The calendar date at this instant in ``time_zone`` (IANA name)."""
    return datetime.now(ZoneInfo(time_zone)).date()


def from_epoch_milliseconds(milliseconds: int) -> datetime:
    """The instant ``milliseconds`` after 1970-01-01T00:00:00Z, exact to the millisecond.

    Raises OverflowError for an instant outside the years 1 to 9999.
    """
    seconds, remainder = divmod(milliseconds, 1000)
    try:
        whole = datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OSError) as error:
        raise OverflowError(f"{milliseconds} ms is no representable instant") from error
    return whole.replace(microsecond=remainder * 1000)
