"""A step of the business day: days past due, asset classes and default, per borrower."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from typing import NamedTuple
from uuid import UUID

from asyncpg import Record

from core.business_day.steps import Work
from core.foundation.database import Connection
from core.foundation.unit_of_work import UnitOfWork
from core.lending.collections.delinquency import (
    Arrears,
    classify_borrower,
    days_past_due,
    is_in_default,
    specified_until,
)
from core.lending.origination.products import ProductTerms, parse_terms
from core.lending.servicing import accrual_lock, suspense
from core.lending.servicing.calendar import CollectionCalendar
from core.lending.servicing.storage import LoansAtHand
from core.lending.states import Classification

# Borrowers of whom a loan is overdue, or was at an earlier day's end; with all their loans.
_LOCK = """
SELECT l.id FROM loans l
WHERE l.user_id IN (
  SELECT user_id FROM loans
  WHERE status IN ('active', 'restructured') AND oldest_unpaid_on <= $3
    AND user_id >= $1 AND ($2::uuid IS NULL OR user_id < $2)
  UNION
  SELECT user_id FROM loans
  WHERE status IN ('active', 'restructured') AND (dpd > 0 OR classification <> 'standard')
    AND user_id >= $1 AND ($2::uuid IS NULL OR user_id < $2)
) AND l.status IN ('active', 'restructured')
ORDER BY l.id FOR NO KEY UPDATE
"""
# A restructured loan's first instalment asks for the arrears of the schedule before it.
_LOANS = """
SELECT l.id, l.user_id, l.assessed_on, l.classification, l.in_default, l.suspended_percent,
       l.specified_until, l.terms::text AS terms,
       CASE WHEN l.oldest_unpaid_on <= $2 THEN l.oldest_unpaid_on END AS oldest_due,
       l.status = 'restructured' AND EXISTS (
  SELECT FROM loan_instalments i
  WHERE i.loan_id = l.id AND i.superseded_at IS NULL AND i.paid_on IS NULL
    AND i.number = (l.schedule_basis->>'first_number')::int
) AS carries_arrears
FROM loans l WHERE l.id = ANY($1::uuid[]) ORDER BY l.user_id, l.id
"""
_WRITE = """
UPDATE loans l SET dpd = c.dpd, worst_dpd = greatest(l.worst_dpd, c.dpd),
       classification = c.classification, in_default = c.in_default,
       specified_until = c.specified_until, assessed_on = $6
FROM unnest($1::uuid[], $2::int[], $3::text[], $4::bool[], $5::date[])
  AS c (id, dpd, classification, in_default, specified_until)
WHERE l.id = c.id
"""


class Assessed(NamedTuple):
    """A loan as the day's end finds it; ``oldest_due`` is its oldest due date that is unpaid."""

    id: UUID
    user_id: UUID
    assessed_on: date | None
    classification: Classification
    in_default: bool
    suspended_percent: int
    specified_until: date | None
    terms: ProductTerms
    oldest_due: date | None
    carries_arrears: bool


@dataclass(frozen=True, slots=True)
class Standing:
    """A loan at a day's end."""

    loan_id: UUID
    user_id: UUID
    dpd: int
    classification: Classification
    in_default: bool
    specified_until: date | None
    # Percent of what it earns that went to suspense until now, and that goes there from now on.
    suspended_before: int
    suspended_percent: int


async def classify(unit: UnitOfWork, work: Work, *, calendar: CollectionCalendar) -> list[Standing]:
    """Write the standing of every loan of borrowers in arrears, or out of them again."""
    connection = unit.connection
    share, day = work.share, work.business_date
    await accrual_lock.hold(connection)  # before any row, as everybody who changes a loan
    locked = await connection.fetch(_LOCK, share.first_id, share.next_id, day)
    if not locked:
        return []
    rows = await connection.fetch(_LOANS, [row["id"] for row in locked], day)
    standings = [
        standing
        for _, loans in groupby(map(_assessed, rows), key=lambda loan: loan.user_id)
        for standing in _borrower(list(loans), day, calendar)
    ]
    await connection.execute(
        _WRITE,
        [each.loan_id for each in standings],
        [each.dpd for each in standings],
        [each.classification.value for each in standings],
        [each.in_default for each in standings],
        [each.specified_until for each in standings],
        day,
    )
    await _move_income(connection, standings, day)
    return standings


async def _move_income(connection: Connection, standings: Sequence[Standing], day: date) -> None:
    """Unpaid income of what became non-performing goes to suspense, and comes back with it."""
    moved = {
        each.loan_id: each.suspended_percent
        for each in standings
        if each.suspended_percent != each.suspended_before
    }
    if not moved:
        return
    loans = LoansAtHand()
    await loans.load_all(connection, list(moved))
    for book in loans.books.values():
        if moved[book.id]:
            suspense.enter(book, day)
        else:
            suspense.leave(book, day)
    await loans.write(connection)


def _borrower(loans: Sequence[Assessed], day: date, calendar: CollectionCalendar) -> list[Standing]:
    """The standings of a borrower's loans; none for a day before the last that was assessed."""
    if any(loan.assessed_on is not None and loan.assessed_on > day for loan in loans):
        return []
    found = [_arrears(loan, day, calendar) for loan in loans]
    classes = classify_borrower(found)
    return [
        Standing(
            loan_id=loan.id,
            user_id=loan.user_id,
            dpd=arrears.dpd,
            classification=asset_class,
            in_default=is_in_default(
                arrears.dpd, loan.terms.default_after_dpd, already=loan.in_default
            ),
            specified_until=specified_until(
                loan.specified_until, day, arrears, loan.terms.specified_period_days
            ),
            suspended_before=loan.suspended_percent,
            suspended_percent=(
                suspense.percent_of(loan.terms) if asset_class is Classification.NPA else 0
            ),
        )
        for loan, arrears, asset_class in zip(loans, found, classes, strict=True)
    ]


def _arrears(loan: Assessed, day: date, calendar: CollectionCalendar) -> Arrears:
    return Arrears(
        days_past_due(loan.oldest_due, day, calendar),
        loan.classification,
        loan.terms.bucket_edges(),
        carried=loan.carries_arrears,
        specified=loan.specified_until is not None and day < loan.specified_until,
    )


def _assessed(row: Record) -> Assessed:
    loan = Assessed(*row)
    return loan._replace(
        classification=Classification(loan.classification), terms=parse_terms(row["terms"])
    )
