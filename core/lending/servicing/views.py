"""Loans as they are shown: everything that any answer says of a loan is a field of ``LoanView``."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

from asyncpg import Record
from pydantic import ValidationError

from core.business_day.dates import business_date
from core.foundation.database import Reader
from core.foundation.errors import LoanNotFound, LoanStateConflict
from core.foundation.logging import describe, get_logger
from core.foundation.outcome import Trace
from core.lending.amortisation import Method
from core.lending.origination.products import ProductTerms, parse_terms
from core.lending.servicing.loan_book import LoanBook
from core.lending.servicing.overdue import IS_OVERDUE
from core.lending.servicing.payoff import Payoff, payoff
from core.lending.servicing.storage import read_book

log = get_logger(__name__)

_IS_THERE = "SELECT EXISTS (SELECT FROM loans WHERE id = $1)"
# What is due next is the oldest unpaid instalment that is not overdue; where all are, the last one
# that is.
_SELECT = f"""
SELECT l.id AS loan_id, l.user_id, l.status, l.product_code AS product, l.amount_minor, l.currency,
       l.interest_rate, l.tenure_months, l.terms::text AS terms, l.purpose, l.account_id,
       l.emi_minor, l.principal_outstanding_minor AS outstanding_principal_minor, l.dpd,
       l.classification, l.in_default, l.processing_fee_minor, l.applied_at, l.decided_at,
       l.disbursed_at, l.closed_at, l.disbursement_transaction_id, l.disbursement_failure,
       l.restructured_count, l.rejection_reason, l.rejection_reasons, l.overpaid_minor,
       l.interest_suspended_minor AS suspended_interest_minor, l.schedule_basis::text AS basis,
       n.due_date AS next_due_date, n.unpaid_minor AS next_due_amount_minor,
       coalesce(o.overdue_minor, 0)::bigint AS overdue_amount_minor
FROM loans l
LEFT JOIN LATERAL (
  SELECT i.due_date, i.unpaid_minor FROM loan_instalments i
  WHERE i.loan_id = l.id AND i.superseded_at IS NULL AND i.paid_on IS NULL
    AND l.status IN ('active', 'restructured')
  ORDER BY {IS_OVERDUE}, CASE WHEN {IS_OVERDUE} THEN -i.number ELSE i.number END LIMIT 1
) n ON true
LEFT JOIN LATERAL (
  SELECT sum(i.unpaid_minor) AS overdue_minor FROM loan_instalments i
  WHERE i.loan_id = l.id AND i.superseded_at IS NULL AND i.paid_on IS NULL AND {IS_OVERDUE}
    AND l.status IN ('active', 'restructured')
) o ON true
"""  # noqa: S608 - the rule of another file
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
    """A loan with what is due on it.

    Amounts in minor units, the rate in percent a year; ``basis`` is what its current schedule was
    computed from, as JSON, None before disbursal. ``kept_terms`` are None where nobody can read
    them: whoever asks for the terms is refused, and everything else of the loan, and of all others
    in a list with it, is shown nevertheless. Staff cannot mend a loan that hides the whole list.
    """

    loan_id: UUID
    user_id: UUID
    status: str
    product: str
    amount_minor: int
    currency: str
    interest_rate: Decimal
    tenure_months: int
    kept_terms: ProductTerms | None
    purpose: str | None
    account_id: UUID
    emi_minor: int
    outstanding_principal_minor: int
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
    restructured_count: int
    rejection_reason: str | None
    rejection_reasons: Sequence[Mapping[str, str]] | None
    basis: str | None
    next_due_date: date | None
    next_due_amount_minor: int | None
    overdue_amount_minor: int
    overpaid_minor: int
    suspended_interest_minor: int

    @property
    def terms(self) -> ProductTerms:
        """Its terms. Raises LoanStateConflict where nobody can read them."""
        if self.kept_terms is None:
            raise LoanStateConflict("the terms of the loan cannot be read")
        return self.kept_terms

    @property
    def method(self) -> Method | None:
        """How its instalments are computed, if anybody can tell."""
        return None if self.kept_terms is None else self.kept_terms.method

    @property
    def reasons(self) -> Sequence[Mapping[str, str]]:
        """Why it was rejected, each with ``code`` and ``text``, the principal one first."""
        return self.rejection_reasons or ()


async def find_loan(
    reader: Reader, loan_id: UUID, *, owner_id: UUID | None, time_zone: str
) -> LoanView:
    """One loan; of this owner, if given. Raises LoanNotFound."""
    today = await business_date(reader, time_zone)
    row = await reader.fetchrow(_ONE, today, loan_id, owner_id)
    if row is None:
        raise LoanNotFound
    return _view(row)


async def page_of_loans(
    reader: Reader,
    *,
    owner_id: UUID | None,
    status: str | None,
    before_id: UUID | None,
    limit: int,
    time_zone: str,
) -> list[LoanView]:
    """The newest loans; of this owner and status, if given."""
    today = await business_date(reader, time_zone)
    rows = await reader.fetch(_PAGE, today, owner_id, status, before_id, limit)
    return [_view(row) for row in rows]


async def find_payoff(
    reader: Reader, loan_id: UUID, *, owner_id: UUID | None, on: date
) -> tuple[LoanBook, Payoff]:
    """What it costs to end the loan on a day. Raises LoanNotFound."""
    book = await read_book(reader, loan_id)
    if owner_id not in {None, book.user_id}:
        raise LoanNotFound
    return book, payoff(book, on)


def _view(row: Record) -> LoanView:
    values = dict(row)
    kept = values.pop("terms")
    try:
        terms = parse_terms(kept)
    except ValidationError as error:
        log.critical("loan_terms_unreadable", loan_id=str(values["loan_id"]), error=describe(error))
        terms = None
    return LoanView(kept_terms=terms, **values)


def trace(loan_id: UUID) -> Trace:
    """How a loan is found whose commit was not answered."""
    return Trace("loan_id", loan_id, _IS_THERE)
