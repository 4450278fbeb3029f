"""Loans and schedules as they are shown."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from core.business_day.dates import business_date
from core.foundation.database import Connection
from core.foundation.errors import LoanNotFound
from core.lending import amortisation
from core.lending.amortisation import Schedule
from core.lending.origination.basis import Basis
from core.lending.origination.products import ProductTerms, parse_terms
from core.lending.servicing.allocation import Split, total
from core.lending.servicing.loan_book import Line, LoanBook
from core.lending.servicing.payoff import Payoff, payoff
from core.lending.servicing.storage import LoansAtHand

# What a day's end found past due, and what is unpaid of the days before $1. Nobody is late before
# the day of collection, which a holiday moves. ``line_status`` says the same.
_IS_OVERDUE = """
(CASE WHEN l.dpd > 0 THEN i.due_date < $1 OR i.due_date <= l.assessed_on
      ELSE i.due_date < $1
           AND coalesce(i.first_attempt_on, i.next_attempt_on, i.due_date) < $1 END)
"""
_LATE_THROUGH = "SELECT assessed_on FROM loans WHERE id = $1 AND dpd > 0"
# What is due next is the oldest unpaid instalment that is not overdue; where all are, the last one
# that is.
_SELECT = f"""
SELECT l.id, l.user_id, l.status, l.product_code, l.amount_minor, l.currency, l.interest_rate,
       l.tenure_months, l.terms::text AS terms, l.purpose, l.account_id, l.emi_minor,
       l.principal_outstanding_minor, l.dpd, l.classification, l.in_default,
       l.processing_fee_minor, l.applied_at, l.decided_at, l.disbursed_at, l.closed_at,
       l.disbursement_transaction_id, l.disbursement_failure, l.rejection_reason, l.assessment,
       n.due_date AS next_due_date, n.unpaid_minor AS next_due_minor,
       coalesce(o.overdue_minor, 0)::bigint AS overdue_minor
FROM loans l
LEFT JOIN LATERAL (
  SELECT i.due_date, i.unpaid_minor FROM loan_instalments i
  WHERE i.loan_id = l.id AND i.superseded_at IS NULL AND i.paid_on IS NULL
    AND l.status IN ('active', 'restructured')
  ORDER BY {_IS_OVERDUE}, CASE WHEN {_IS_OVERDUE} THEN -i.number ELSE i.number END LIMIT 1
) n ON true
LEFT JOIN LATERAL (
  SELECT sum(i.unpaid_minor) AS overdue_minor FROM loan_instalments i
  WHERE i.loan_id = l.id AND i.superseded_at IS NULL AND i.paid_on IS NULL AND {_IS_OVERDUE}
    AND l.status IN ('active', 'restructured')
) o ON true
"""  # noqa: S608 - a condition of this file
_ONE = _SELECT + "WHERE l.id = $2 AND l.deleted_at IS NULL AND ($3::uuid IS NULL OR l.user_id = $3)"
_PAGE = (
    _SELECT
    + """
WHERE l.deleted_at IS NULL AND ($2::uuid IS NULL OR l.user_id = $2)
  AND ($3::text IS NULL OR l.status = $3) AND ($4::uuid IS NULL OR l.id < $4)
ORDER BY l.id DESC LIMIT $5
"""
)


@dataclass(frozen=True, slots=True)
class LoanView:
    """A loan with what is due on it."""

    id: UUID
    user_id: UUID
    status: str
    product_code: str
    amount_minor: int
    currency: str
    interest_rate: Decimal
    tenure_months: int
    terms: ProductTerms
    purpose: str | None
    account_id: UUID
    emi_minor: int
    principal_outstanding_minor: int
    dpd: int
    classification: str
    in_default: bool
    processing_fee_minor: int
    applied_at: datetime
    decided_at: datetime | None
    disbursed_at: datetime | None
    closed_at: datetime | None
    disbursement_transaction_id: UUID | None
    disbursement_failure: str | None
    rejection_reason: str | None
    assessment: dict[str, Any]
    next_due_date: date | None
    next_due_minor: int | None
    overdue_minor: int


@dataclass(frozen=True, slots=True)
class LineView:
    """One instalment; ``status`` is due, paid, partial, overdue or future."""

    line: Line
    status: str


@dataclass(frozen=True, slots=True)
class ScheduleView:
    """A loan's current schedule, or the one it would have if it were paid out today."""

    amount_minor: int
    currency: str
    interest_rate: Decimal
    tenure_months: int
    terms: ProductTerms
    emi_minor: int
    apr: Decimal
    lines: list[LineView]

    @property
    def total_interest_minor(self) -> int:
        """All interest of the schedule."""
        return total(view.line.asked for view in self.lines).interest

    @property
    def total_payable_minor(self) -> int:
        """All that the schedule asks, with the charges so far."""
        return total(view.line.asked for view in self.lines).total


async def find_loan(
    connection: Connection, loan_id: UUID, *, owner_id: UUID | None, time_zone: str
) -> LoanView:
    """One loan; of this owner, if given. Raises LoanNotFound."""
    today = await business_date(connection, time_zone)
    row = await connection.fetchrow(_ONE, today, loan_id, owner_id)
    if row is None:
        raise LoanNotFound
    return _view(row)


async def page_of_loans(
    connection: Connection,
    *,
    owner_id: UUID | None,
    status: str | None,
    before_id: UUID | None,
    limit: int,
    time_zone: str,
) -> list[LoanView]:
    """The newest loans; of this owner and status, if given."""
    today = await business_date(connection, time_zone)
    rows = await connection.fetch(_PAGE, today, owner_id, status, before_id, limit)
    return [_view(row) for row in rows]


async def find_schedule(
    connection: Connection, loan_id: UUID, *, owner_id: UUID | None, time_zone: str
) -> ScheduleView:
    """The loan's current schedule. Raises LoanNotFound."""
    book = await _owned(connection, loan_id, owner_id)
    today = await business_date(connection, time_zone)
    late_through: date | None = await connection.fetchval(_LATE_THROUGH, loan_id)
    projected = _projected(book, today)
    lines = book.current() or [_future(row) for row in projected.instalments]
    return ScheduleView(
        amount_minor=book.amount,
        currency=book.currency,
        interest_rate=book.rate,
        tenure_months=book.tenure_months,
        terms=book.terms,
        emi_minor=book.emi,
        apr=_apr(book, projected, today),
        lines=[LineView(line, line_status(line, today, late_through)) for line in lines],
    )


async def find_payoff(
    connection: Connection, loan_id: UUID, *, owner_id: UUID | None, on: date
) -> tuple[LoanBook, Payoff]:
    """What it costs to end the loan on a day. Raises LoanNotFound."""
    book = await _owned(connection, loan_id, owner_id)
    return book, payoff(book, on)


def line_status(line: Line, today: date, late_through: date | None) -> str:
    """How an instalment stands on ``today``.

    ``late_through`` is the last day at whose end its loan was past due, None where it is not.
    """
    if line.paid_on is not None:
        return "paid"
    collected_on = line.first_attempt_on or line.next_attempt_on or line.due_date
    if line.due_date < today and (late_through is not None or collected_on < today):
        return "overdue"
    if late_through is not None and line.due_date <= late_through:
        return "overdue"
    if line.paid.total > line.prepaid:
        return "partial"
    return "due" if line.due_date <= today else "future"


async def _owned(connection: Connection, loan_id: UUID, owner_id: UUID | None) -> LoanBook:
    book = await LoansAtHand().read(connection, loan_id)
    if owner_id not in {None, book.user_id}:
        raise LoanNotFound
    return book


def _projected(book: LoanBook, today: date) -> Schedule:
    return _first_basis(book, today).project(book.terms, book.currency, book.fee)


def _apr(book: LoanBook, schedule: Schedule, today: date) -> Decimal:
    terms = _first_basis(book, today).terms(book.terms, book.currency, book.fee)
    return amortisation.apr(terms, schedule)


def _first_basis(book: LoanBook, today: date) -> Basis:
    """What the current schedule was computed from, before any prepayment."""
    if book.basis is not None:
        return Basis.from_json(book.basis)
    return Basis(today, book.amount, book.rate, book.terms.instalments(book.tenure_months))


def _future(row: amortisation.Instalment) -> Line:
    return Line(
        version=0,
        number=row.number,
        period_start=row.start_date,
        due_date=row.due_date,
        opening=row.opening_balance_minor,
        asked=Split(interest=row.interest_minor, principal=row.principal_minor),
    )


def _view(row: Any) -> LoanView:
    values = dict(row)
    terms = parse_terms(values.pop("terms"))
    return LoanView(terms=terms, **values)
