"""A step of the business day: what being late costs at a day's end, for all late loans of a share.

The rules are ``lateness.close_day``; here they meet the database. A loan is charged in one entry.
"""

from collections.abc import Iterable, Sequence
from datetime import date

from core.business_day.steps import Work
from core.foundation.database import Connection
from core.foundation.unit_of_work import UnitOfWork
from core.lending import notices
from core.lending.collections.delinquency import days_past_due
from core.lending.collections.lateness import DayCharges, close_day
from core.lending.details import PenaltyDetails
from core.lending.notices import LineName, money
from core.lending.servicing import booking
from core.lending.servicing.calendar import CollectionCalendar
from core.lending.servicing.loan_book import LoanBook
from core.lending.servicing.storage import LoansAtHand
from core.notifications import inbox

_OVERDUE = """
SELECT id FROM loans
WHERE user_id >= $1 AND ($2::uuid IS NULL OR user_id < $2) AND oldest_unpaid_on <= $3
  AND status IN ('active', 'restructured')
"""
_INSERT_CHARGES = """
INSERT INTO loan_charges (loan_id, version, number, kind, business_date, amount_minor,
                          transaction_id)
SELECT loan_id, version, number, kind, $6, amount, transaction_id
FROM unnest($1::uuid[], $2::int[], $3::int[], $4::text[], $5::bigint[], $7::uuid[])
  AS c (loan_id, version, number, kind, amount, transaction_id)
"""

Charged = tuple[LoanBook, DayCharges]


async def charge(unit: UnitOfWork, work: Work, *, calendar: CollectionCalendar) -> None:
    """Charge every late loan of the share for the date, and tell of what is newly overdue."""
    connection = unit.connection
    share, day = work.share, work.business_date
    rows = await connection.fetch(_OVERDUE, share.first_id, share.next_id, day)
    loans = LoansAtHand()
    await loans.load_due(connection, [row["id"] for row in rows], day)
    charged = [(book, close_day(book, day, calendar)) for book in loans.books.values()]
    for book, _ in charged:
        book.charged_on = max(book.charged_on or day, day)
        book.reshaped = book.changed = True
    loans.notices += _overdue(charged, day, calendar)
    await loans.write(connection)
    await _book(connection, charged, day)


async def _book(connection: Connection, charged: Sequence[Charged], day: date) -> None:
    """One entry for each loan that was charged, and one row for each charge."""
    costly = [(book, charges) for book, charges in charged if charges.total.total]
    entries = [
        booking.late_charged(
            book.currency, charges.total, charges.suspended, PenaltyDetails(book.id, day)
        )
        for book, charges in costly
    ]
    transactions = await booking.post(connection, entries)
    rows = [
        (book.id, each.line.version, each.line.number, kind, amount, transaction)
        for (book, charges), transaction in zip(costly, transactions, strict=True)
        for each in charges.lines
        for kind, amount in each.by_kind()
        if amount
    ]
    if rows:
        *columns, of_rows = map(list, zip(*rows, strict=True))
        await connection.execute(_INSERT_CHARGES, *columns, day, of_rows)


def _overdue(
    charged: Iterable[Charged], day: date, calendar: CollectionCalendar
) -> list[inbox.Notice]:
    return [
        notices.overdue(
            book.user_id,
            LineName(book.id, line.version, line.number),
            money(line.unpaid.total, book.currency),
            days_past_due(line.due_date, day, calendar),
        )
        for book, charges in charged
        for line in charges.newly_late
    ]
