"""Moments in queries: RFC 3339, ISO dates, or milliseconds since 1970."""

import re
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Final

from fastapi import Query

from core.foundation import clock
from core.foundation.errors import Invalid

_DIGITS: Final = re.compile(r"-?[0-9]{1,16}", re.ASCII)
_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_LAST: Final = datetime.max.replace(tzinfo=UTC)
_DAY: Final = timedelta(days=1)
_MILLISECOND: Final = timedelta(milliseconds=1)
_MICROSECOND: Final = timedelta(microseconds=1)

InstantQuery = Annotated[
    str | None,
    Query(
        max_length=40,
        description="RFC 3339, an ISO date, or milliseconds since 1970",
        examples=["2026-11-21T09:30:00Z"],
    ),
]


def beginning(name: str, value: str | None) -> datetime | None:
    """The first instant that ``value`` means. Raises Invalid on the field ``name``."""
    return None if value is None else _span(name, value)[0]


def end(name: str, value: str | None) -> datetime | None:
    """The first instant after ``value``: of the day, millisecond or microsecond that it names."""
    if value is None:
        return None
    first, length = _span(name, value)
    try:
        return first + length
    except OverflowError:  # "9999-12-31" and the like: for ever
        return _LAST


def _span(name: str, value: str) -> tuple[datetime, timedelta]:
    try:
        if _DIGITS.fullmatch(value):
            return clock.from_epoch_milliseconds(int(value)), _MILLISECOND
        if _DATE.fullmatch(value):
            return datetime.combine(date.fromisoformat(value), time.min, UTC), _DAY
        # An unescaped "+" of an offset arrives as a space.
        instant = datetime.fromisoformat(value.replace(" ", "+"))
        if instant.tzinfo is None:
            instant = instant.replace(tzinfo=UTC)
        return instant.astimezone(UTC), _MICROSECOND
    except (ValueError, OverflowError) as error:
        message = "must be RFC 3339, an ISO date, or milliseconds since 1970"
        raise invalid_instant(name, message) from error


def invalid_date(name: str, message: str) -> Invalid:
    """The refusal of the query parameter ``name``, a date."""
    return Invalid(
        f"{name}: {message}", [{"field": name, "message": message, "code": "invalid_date"}]
    )


def invalid_instant(name: str, message: str) -> Invalid:
    """The refusal of the query parameter ``name``."""
    return Invalid(
        f"{name}: {message}", [{"field": name, "message": message, "code": "invalid_instant"}]
    )
