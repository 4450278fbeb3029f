"""When an instalment is collected again after it could not be.

Attempts after the first follow the product's days, counted from the first (Nacha's rules allow two
re-presentments of a debit; the default policy tries three times, on days +1, +3 and +7, and then
leaves the loan to recovery).
"""

from collections.abc import Sequence
from datetime import date, timedelta

from core.lending.servicing.calendar import CollectionCalendar


def next_attempt_on(
    first_attempt: date,
    attempts_made: int,
    retry_days: Sequence[int],
    today: date,
    calendar: CollectionCalendar,
) -> date | None:
    """The day of the next attempt after ``attempts_made``, or None when the policy is used up.

    Always after ``today``: two attempts never share a day, even where holidays or missed days
    push them together.
    """
    if attempts_made < 1:
        raise ValueError("the first attempt is made on the collection day itself")
    if attempts_made > len(retry_days):
        return None
    planned = first_attempt + timedelta(days=retry_days[attempts_made - 1])
    return calendar.adjust(max(planned, today + timedelta(days=1)))
