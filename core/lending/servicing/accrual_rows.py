"""What a loan earns otherwise from now on: its window's end is kept, the difference is booked.

The days' accruals go by the loans' rows. Where a unit of work gives a loan another window (a
payment ahead, a new schedule, an end, another part to suspense), the row is first brought to where
the books are; what this loan then has beyond what was booked with all others, or less, is booked
for it alone.
"""

from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

from core.foundation.database import Connection
from core.lending.details import AccrualDetails
from core.lending.servicing import booking
from core.lending.servicing.accrual import Counted
from core.lending.servicing.loan_book import LoanBook

_KEEP = """
INSERT INTO loan_accruals
  (loan_id, period_start, period_end, period_interest_minor, period_accrued_minor,
   suspended_percent, accrued_through, own_on, own_minor, transaction_id)
SELECT * FROM unnest($1::uuid[], $2::date[], $3::date[], $4::bigint[], $5::bigint[], $6::int[],
                     $7::date[], $8::date[], $9::bigint[], $10::uuid[])
"""


class Rebased(NamedTuple):
    """A loan that earns otherwise: what its books counted before, and what it alone earned."""

    book: LoanBook
    before: Counted
    on: date
    own_minor: int


def rebase(changed: Sequence[LoanBook]) -> list[Rebased]:
    """Bring the loans of ``changed`` that earn otherwise to where the bank's books are.

    Each has ``newly_suspended`` then less what the days' accruals have moved there already.
    """
    return [_rebase(book) for book in changed if book.reshaped and _earns_otherwise(book)]


async def book(connection: Connection, rebased: Sequence[Rebased]) -> None:
    """Book what each loan alone has earned, and keep the window that it had until now."""
    kept = [each for each in rebased if each.before.window is not None or each.own_minor]
    entries = [
        booking.interest_earned(
            each.book.currency, each.own_minor, AccrualDetails(each.on, each.book.id)
        )
        for each in kept
    ]
    transactions = await booking.post(connection, entries)
    if kept:
        rows = zip(map(_row, kept), transactions, strict=True)
        columns = zip(*((*row, transaction) for row, transaction in rows), strict=True)
        await connection.execute(_KEEP, *map(list, columns))


def _earns_otherwise(book: LoanBook) -> bool:
    before = book.counted
    return bool(
        book.newly_accrued
        or book.window != before.window
        or book.suspended_percent != before.percent
    )


def _rebase(book: LoanBook) -> Rebased:
    book.count_booked()
    before = book.counted
    own = book.newly_accrued - before.earned_minor
    book.newly_suspended -= before.suspended_minor
    book.newly_accrued = 0
    book.counted = Counted(before.through, book.window, book.suspended_percent)
    on = max(book.newly_on, before.through or date.min) if own else book.newly_on
    return Rebased(book, before, on, own)


def _row(each: Rebased) -> tuple[object, ...]:
    before, window = each.before, each.before.window
    return (
        each.book.id,
        window and window.start,
        window and window.end,
        window and window.interest_minor,
        window and window.accrued_minor,
        before.percent,
        before.through,
        each.on if each.own_minor else None,
        each.own_minor,
    )
