"""A loan's row: read as a ``LoanBook``, and written back, set-based."""

from collections.abc import Sequence
from copy import copy
from datetime import date

from asyncpg import Record

from core.foundation.database import Connection
from core.lending.origination.products import parse_terms
from core.lending.servicing.accrual import Counted, Window, earned, is_by_year
from core.lending.servicing.loan_book import ENDED, LoanBook
from core.lending.states import Classification, LoanStatus

LOCK_LOANS = """
SELECT id, user_id, account_id, status, currency, amount_minor AS amount, interest_rate AS rate,
       terms::text AS terms, processing_fee_minor AS fee, emi_minor AS emi,
       disbursement_transaction_id, principal_outstanding_minor AS outstanding,
       principal_repaid_minor AS repaid,
       principal_written_off_minor AS principal_written_off,
       interest_accrued_minor AS interest_accrued, interest_paid_minor AS interest_paid,
       written_off_minor AS written_off, recovered_minor AS recovered,
       schedule_version AS version, schedule_basis::text AS basis, tenure_months, dpd,
       classification, in_default, charged_on, suspended_percent,
       interest_suspended_minor AS interest_suspended,
       penalty_suspended_minor AS penalty_suspended, overpaid_minor AS overpaid,
       restructured_count, specified_until, disbursed_on,
       period_start, period_end, period_interest_minor, period_accrued_minor,
       (SELECT accrued_through FROM lending_day WHERE id = 1) AS accrued_through
FROM loans WHERE id = ANY($1::uuid[]) AND deleted_at IS NULL ORDER BY id FOR NO KEY UPDATE
"""
LOCK_FREE_LOANS = f"{LOCK_LOANS} SKIP LOCKED"
READ_LOANS = LOCK_LOANS.replace(" FOR NO KEY UPDATE", "")
# After the lines were written: the next that is unpaid is rarely at hand.
_OLDEST_UNPAID = """
SELECT min(i.due_date) FROM loan_instalments i
WHERE i.loan_id = l.id AND i.superseded_at IS NULL AND i.paid_on IS NULL
"""
_WRITE_LOANS = f"""
UPDATE loans l SET status = b.status, emi_minor = b.emi,
  principal_outstanding_minor = b.outstanding, principal_repaid_minor = b.repaid,
  principal_written_off_minor = b.principal_written_off, interest_accrued_minor = b.accrued,
  interest_paid_minor = b.interest_paid, written_off_minor = b.written_off,
  recovered_minor = b.recovered, schedule_version = b.version, schedule_basis = b.basis,
  period_start = b.period_start, period_end = b.period_end,
  period_interest_minor = b.period_interest, period_accrued_minor = b.period_accrued,
  dpd = b.dpd, worst_dpd = greatest(coalesce(b.worst_dpd, l.worst_dpd), b.dpd),
  classification = b.classification,
  in_default = b.in_default,
  suspended_percent = b.suspended_percent, interest_suspended_minor = b.interest_suspended,
  penalty_suspended_minor = b.penalty_suspended, overpaid_minor = b.overpaid,
  restructured_count = b.restructured_count, specified_until = b.specified_until,
  charged_on = b.charged_on,
  closed_at = CASE WHEN b.ended THEN coalesce(l.closed_at, clock_timestamp()) END,
  oldest_unpaid_on = ({_OLDEST_UNPAID})
FROM unnest($1::uuid[], $2::text[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[],
            $7::bigint[], $8::bigint[], $9::bigint[], $10::bigint[], $11::int[], $12::jsonb[],
            $13::date[], $14::date[], $15::bigint[], $16::bigint[], $17::int[], $18::text[],
            $19::bool[], $20::bool[], $21::int[], $22::bigint[], $23::bigint[], $24::bigint[],
            $25::int[], $26::date[], $27::int[], $28::date[])
  AS b (id, status, emi, outstanding, repaid, principal_written_off, accrued, interest_paid,
        written_off, recovered, version, basis, period_start, period_end, period_interest,
        period_accrued, dpd, classification, in_default, ended, suspended_percent,
        interest_suspended, penalty_suspended, overpaid, restructured_count, specified_until,
        worst_dpd, charged_on)
WHERE l.id = b.id
"""  # noqa: S608 - columns of this file
# What a collection or a plain payment changes; most days bring nothing else, by the thousand.
_COUNT_REPAID = f"""
UPDATE loans l SET principal_outstanding_minor = b.outstanding, principal_repaid_minor = b.repaid,
  interest_paid_minor = b.interest_paid, oldest_unpaid_on = ({_OLDEST_UNPAID})
FROM unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::bigint[])
  AS b (id, outstanding, repaid, interest_paid)
WHERE l.id = b.id
"""  # noqa: S608 - columns of this file


def book_of(row: Record) -> LoanBook:
    """The loan of a row of these statements, without lines."""
    values = dict(row)
    start, end = values.pop("period_start"), values.pop("period_end")
    interest, accrued = values.pop("period_interest_minor"), values.pop("period_accrued_minor")
    window = Window(start, end, interest, accrued) if end is not None else None
    through = values.pop("accrued_through")
    book = LoanBook(
        status=LoanStatus(values.pop("status")),
        classification=Classification(values.pop("classification")),
        terms=parse_terms(values.pop("terms")),
        window=window,
        **values,
    )
    book.counted = _counted(book, through)
    return book


def _counted(book: LoanBook, through: date | None) -> Counted:
    """What the days' accruals booked for the loan beyond what its row counts."""
    window, percent = book.window, book.suspended_percent
    if window is None or through is None:
        return Counted(through, window, percent)
    if not percent:  # the usual case, and the one that comes by the thousand
        so_far = earned(window, through, by_year=is_by_year(book.terms))
        return Counted(through, window, percent, so_far - window.accrued_minor)
    known = copy(book)
    known.counted = Counted(through)
    known.count_booked()
    return Counted(through, window, percent, known.newly_accrued, known.newly_suspended)


async def write_loans(connection: Connection, changed: Sequence[LoanBook]) -> None:
    """Write the totals of these loans, and what else changed of those that were reshaped.

    Their lines must be written already.
    """
    repaid = [
        (book.id, book.outstanding, book.repaid, book.interest_paid)
        for book in changed
        if not book.reshaped
    ]
    reshaped = [_loan_row(book) for book in changed if book.reshaped]
    for statement, rows in ((_COUNT_REPAID, repaid), (_WRITE_LOANS, reshaped)):
        if rows:
            await connection.execute(statement, *map(list, zip(*rows, strict=True)))


def _loan_row(book: LoanBook) -> tuple[object, ...]:
    window = book.window
    return (
        book.id, book.status.value, book.emi, book.outstanding, book.repaid,
        book.principal_written_off, book.interest_accrued, book.interest_paid, book.written_off,
        book.recovered, book.version,
        book.basis,
        window and window.start, window and window.end,
        window.interest_minor if window else 0, window.accrued_minor if window else 0,
        book.dpd, book.classification.value, book.in_default, book.status in ENDED,
        book.suspended_percent, book.interest_suspended, book.penalty_suspended, book.overpaid,
        book.restructured_count, book.specified_until, book.worst_dpd, book.charged_on,
    )  # fmt: skip
