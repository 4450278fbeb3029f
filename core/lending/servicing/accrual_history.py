"""What of the days' accruals is one loan's: each day's amount, and the transaction it is part of.

A day's accrual is one entry for all loans. It went by the windows in which they were, which are
kept when they end (``loan_accruals``); so a loan's part of it is computed again, to the minor unit.
What was booked for the loan alone stands beside it: at the change of a window, and late interest.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple
from uuid import UUID

from core.foundation.database import Reader
from core.foundation.errors import LoanNotFound
from core.lending.servicing.accrual import Window, earned

_LOAN = """
SELECT currency, by_year, disbursed_on, period_start, period_end, period_interest_minor,
       period_accrued_minor
FROM loans
WHERE id = $1 AND deleted_at IS NULL AND ($2::uuid IS NULL OR user_id = $2)
"""
_WINDOWS = """
SELECT period_start, period_end, period_interest_minor, period_accrued_minor, accrued_through,
       own_on, own_minor, transaction_id
FROM loan_accruals WHERE loan_id = $1 ORDER BY id
"""
_DAYS = """
SELECT business_date, since, transaction_id FROM lending_accruals
WHERE currency = $1 AND business_date > $2 AND business_date BETWEEN $3 AND $4
ORDER BY business_date
"""
_LATE = """
SELECT business_date, sum(amount_minor)::bigint AS amount, transaction_id FROM loan_charges
WHERE loan_id = $1 AND kind = 'late_interest' AND business_date BETWEEN $2 AND $3
GROUP BY business_date, transaction_id
"""


class InterestEntry(NamedTuple):
    """Interest that a loan earned by a transaction, for the day ``on``; below zero: taken back."""

    on: date
    amount_minor: int
    transaction_id: UUID


class BankDay(NamedTuple):
    """A day's accrual of all loans: the days after ``since`` (None: from the first) through it."""

    on: date
    since: date | None
    transaction_id: UUID


@dataclass(frozen=True, slots=True)
class KeptWindow:
    """A window that was the loan's through the accrual of a day, and what came at its end."""

    window: Window | None
    through: date
    own: InterestEntry | None = None


@dataclass(frozen=True, slots=True)
class History:
    """A loan's interest entry by entry, the latest first."""

    currency: str
    entries: Sequence[InterestEntry]


async def find_history(
    reader: Reader, loan_id: UUID, *, owner_id: UUID | None, first: date, last: date
) -> History:
    """The loan's interest for the days ``first`` to ``last``; of one owner's if given.

    Raises LoanNotFound.
    """
    loan = await reader.fetchrow(_LOAN, loan_id, owner_id)
    if loan is None:
        raise LoanNotFound
    rows = await reader.fetch(_WINDOWS, loan_id)
    kept = [KeptWindow(_window(*row[:4]), row[4] or date.min, _own(*row[5:8])) for row in rows]
    kept.append(KeptWindow(_window(*loan[3:7]), date.max))
    begun = loan["disbursed_on"] or date.max
    days = [
        BankDay(*row) for row in await reader.fetch(_DAYS, loan["currency"], begun, first, last)
    ]
    late = [InterestEntry(*row) for row in await reader.fetch(_LATE, loan_id, first, last)]
    parts = by_day(kept, days, by_year=loan["by_year"])
    entries = [*late, *(each for each in parts if first <= each.on <= last)]
    return History(loan["currency"], sorted(entries, key=_newest, reverse=True))


def by_day(
    kept: Sequence[KeptWindow], days: Sequence[BankDay], *, by_year: bool
) -> Iterator[InterestEntry]:
    """A loan's part of each day's accrual, and what was booked for it alone, window by window."""
    after = date.min
    for each in kept:
        if each.window is not None:
            in_force = (day for day in days if after < day.on <= each.through)
            for day in in_force:
                before = each.window.accrued_minor
                if day.since is not None:
                    before = earned(each.window, day.since, by_year=by_year)
                amount = earned(each.window, day.on, by_year=by_year) - before
                if amount:
                    yield InterestEntry(day.on, amount, day.transaction_id)
        if each.own is not None:
            yield each.own
        after = each.through


def _window(start: date | None, end: date, interest: int, accrued: int) -> Window | None:
    return None if start is None else Window(start, end, interest, accrued)


def _own(on: date, amount: int, transaction_id: UUID | None) -> InterestEntry | None:
    return None if transaction_id is None else InterestEntry(on, amount, transaction_id)


def _newest(entry: InterestEntry) -> tuple[date, UUID]:
    return entry.on, entry.transaction_id
