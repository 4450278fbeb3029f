"""Loans in the database: read under row locks in id order, written back set-based.

All kinds of transactions that settle in one unit of work share one ``LoansAtHand``: a collection
and a customer's payment on the same loan in one batch see each other's effect in memory, in the
order of acceptance.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from uuid import UUID
from weakref import WeakKeyDictionary

from asyncpg import Record

from core.foundation.database import Connection
from core.foundation.errors import LoanNotFound
from core.lending.origination.products import parse_terms
from core.lending.servicing import booking
from core.lending.servicing.accrual import Window
from core.lending.servicing.allocation import Split
from core.lending.servicing.details import AccrualDetails
from core.lending.servicing.loan_book import ENDED, Line, LoanBook
from core.lending.states import LoanStatus
from core.notifications import notices
from core.notifications.notices import Notice
from core.transactions.journal import JournalEntry

_LOCK_LOANS = """
SELECT id, user_id, account_id, status, currency, amount_minor AS amount, interest_rate AS rate,
       terms::text AS terms, processing_fee_minor AS fee, emi_minor AS emi,
       disbursement_transaction_id, principal_outstanding_minor AS outstanding,
       principal_repaid_minor AS repaid,
       principal_written_off_minor AS principal_written_off,
       interest_accrued_minor AS interest_accrued, interest_paid_minor AS interest_paid,
       written_off_minor AS written_off, recovered_minor AS recovered,
       schedule_version AS version, schedule_basis::text AS basis, tenure_months, dpd,
       classification,
       period_start, period_end, period_interest_minor, period_accrued_minor
FROM loans WHERE id = ANY($1::uuid[]) AND deleted_at IS NULL ORDER BY id FOR NO KEY UPDATE
"""
_LOCK_FREE_LOANS = f"{_LOCK_LOANS} SKIP LOCKED"
_EXISTING = "SELECT id FROM loans WHERE id = ANY($1::uuid[]) AND deleted_at IS NULL"
_READ_LOAN = _LOCK_LOANS.replace(" FOR NO KEY UPDATE", "")
LINE_COLUMNS = """
loan_id, version, number, period_start, due_date, opening_minor, penalty_minor, fee_minor,
interest_minor, principal_minor, penalty_paid_minor, fee_paid_minor, interest_paid_minor,
principal_paid_minor, prepaid_minor, attempts, first_attempt_on, next_attempt_on, paid_on
"""
_DUE_LINES = f"""
SELECT {LINE_COLUMNS} FROM loan_instalments
WHERE loan_id = ANY($1::uuid[]) AND superseded_at IS NULL AND paid_on IS NULL AND due_date <= $2
ORDER BY loan_id, number
"""  # noqa: S608 - columns of this file
_ALL_LINES = f"""
SELECT {LINE_COLUMNS} FROM loan_instalments
WHERE loan_id = ANY($1::uuid[]) AND superseded_at IS NULL ORDER BY loan_id, number
"""  # noqa: S608 - columns of this file
_WRITE_LOANS = """
UPDATE loans l SET status = b.status, emi_minor = b.emi,
  principal_outstanding_minor = b.outstanding, principal_repaid_minor = b.repaid,
  principal_written_off_minor = b.principal_written_off, interest_accrued_minor = b.accrued,
  interest_paid_minor = b.interest_paid, written_off_minor = b.written_off,
  recovered_minor = b.recovered, schedule_version = b.version, schedule_basis = b.basis,
  period_start = b.period_start, period_end = b.period_end,
  period_interest_minor = b.period_interest, period_accrued_minor = b.period_accrued,
  dpd = b.dpd, in_default = l.in_default AND b.dpd > 0,
  classification = CASE WHEN b.dpd = 0 AND (l.classification <> 'npa'
                             OR b.status IN ('closed', 'foreclosed')) THEN 'standard'
                        ELSE l.classification END,
  closed_at = CASE WHEN b.ended THEN coalesce(l.closed_at, clock_timestamp()) END
FROM unnest($1::uuid[], $2::text[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[],
            $7::bigint[], $8::bigint[], $9::bigint[], $10::bigint[], $11::int[], $12::jsonb[],
            $13::date[], $14::date[], $15::bigint[], $16::bigint[], $17::int[], $18::bool[])
  AS b (id, status, emi, outstanding, repaid, principal_written_off, accrued, interest_paid,
        written_off, recovered, version, basis, period_start, period_end, period_interest,
        period_accrued, dpd, ended)
WHERE l.id = b.id
"""
# What a collection or a plain payment changes; most days bring nothing else, by the thousand.
_COUNT_REPAID = """
UPDATE loans l SET principal_outstanding_minor = b.outstanding, principal_repaid_minor = b.repaid,
  interest_paid_minor = b.interest_paid, dpd = b.dpd, in_default = l.in_default AND b.dpd > 0,
  classification = CASE WHEN b.dpd = 0 AND l.classification <> 'npa' THEN 'standard'
                        ELSE l.classification END
FROM unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::bigint[], $5::int[])
  AS b (id, outstanding, repaid, interest_paid, dpd)
WHERE l.id = b.id
"""
_SUPERSEDE = """
UPDATE loan_instalments i SET superseded_at = clock_timestamp(), next_attempt_on = NULL
FROM unnest($1::uuid[], $2::int[], $3::int[]) AS s (loan_id, version, number)
WHERE i.loan_id = s.loan_id AND i.version = s.version AND i.number = s.number
"""
_WRITE_LINES = """
UPDATE loan_instalments i SET penalty_paid_minor = b.penalty, fee_paid_minor = b.fee,
  interest_paid_minor = b.interest, principal_paid_minor = b.principal,
  attempts = b.attempts, first_attempt_on = b.first_attempt_on,
  next_attempt_on = b.next_attempt_on, paid_on = b.paid_on
FROM unnest($1::uuid[], $2::int[], $3::int[], $4::bigint[], $5::bigint[], $6::bigint[],
            $7::bigint[], $8::int[], $9::date[], $10::date[], $11::date[])
  AS b (loan_id, version, number, penalty, fee, interest, principal, attempts, first_attempt_on,
        next_attempt_on, paid_on)
WHERE i.loan_id = b.loan_id AND i.version = b.version AND i.number = b.number
"""
_INSERT_LINES = f"""
INSERT INTO loan_instalments ({LINE_COLUMNS})
SELECT * FROM unnest($1::uuid[], $2::int[], $3::int[], $4::date[], $5::date[], $6::bigint[],
  $7::bigint[], $8::bigint[], $9::bigint[], $10::bigint[], $11::bigint[], $12::bigint[],
  $13::bigint[], $14::bigint[], $15::bigint[], $16::int[], $17::date[], $18::date[], $19::date[])
"""  # noqa: S608 - columns of this file


@dataclass(slots=True)
class LoansAtHand:
    """The loans of one unit of work, and what is to be written with them."""

    books: dict[UUID, LoanBook] = field(default_factory=dict)
    notices: list[Notice] = field(default_factory=list)
    entries: list[JournalEntry] = field(default_factory=list)

    def book(self, loan_id: UUID) -> LoanBook:
        """The loan. Raises LoanNotFound where it does not exist or was deleted."""
        if loan_id not in self.books:
            raise LoanNotFound
        return self.books[loan_id]

    async def lock(self, connection: Connection, loan_ids: Iterable[UUID]) -> None:
        """Lock and read the loans that are not at hand yet, in id order, without lines."""
        wanted = sorted(set(loan_ids) - self.books.keys())
        if wanted:
            for row in await connection.fetch(_LOCK_LOANS, wanted):
                self.books[row["id"]] = _book(row)

    async def lock_free(self, connection: Connection, loan_ids: Iterable[UUID]) -> set[UUID]:
        """As ``lock``, without waiting; answers those that another unit of work holds."""
        wanted = sorted(set(loan_ids) - self.books.keys())
        if not wanted:
            return set()
        for row in await connection.fetch(_LOCK_FREE_LOANS, wanted):
            self.books[row["id"]] = _book(row)
        missing = [loan_id for loan_id in wanted if loan_id not in self.books]
        if not missing:
            return set()
        return {row["id"] for row in await connection.fetch(_EXISTING, missing)}

    async def load_due(self, connection: Connection, loan_ids: Iterable[UUID], by: date) -> None:
        """Read the unpaid lines of these loans that are due ``by`` a date."""
        await self.lock(connection, loan_ids)
        self._add(await connection.fetch(_DUE_LINES, list(loan_ids), by))

    async def load_all(self, connection: Connection, loan_ids: Iterable[UUID]) -> None:
        """Read the whole current schedules of these loans."""
        await self.lock(connection, loan_ids)
        self._add(await connection.fetch(_ALL_LINES, list(loan_ids)))

    async def read(self, connection: Connection, loan_id: UUID) -> LoanBook:
        """Read one loan and its whole schedule without a lock, to look at. Raises LoanNotFound."""
        row = await connection.fetchrow(_READ_LOAN, [loan_id])
        if row is None:
            raise LoanNotFound
        self.books[loan_id] = _book(row)
        self._add(await connection.fetch(_ALL_LINES, [loan_id]))
        return self.books[loan_id]

    async def write(self, connection: Connection) -> None:
        """Write back every change, the entries and the notices; what is written is clean."""
        changed = [book for book in self.books.values() if book.changed]
        await _write_lines(connection, self.books.values())
        await _write_loans(connection, changed)
        earned = [_accrual_entry(book) for book in changed if book.newly_accrued]
        entries = [*earned, *self.entries]
        await booking.post(connection, entries)
        await notices.write(connection, self.notices)
        for book in changed:
            book.changed = book.reshaped = False
            book.newly_accrued = 0
        self.entries, self.notices = [], []

    def _add(self, rows: Sequence[Record]) -> None:
        for row in rows:
            book = self.books.get(row["loan_id"])
            if book is not None and (row["version"], row["number"]) not in book.lines:
                line = line_of(row)
                book.lines[line.version, line.number] = line


_at_hand: "WeakKeyDictionary[Any, tuple[str, LoansAtHand]]" = WeakKeyDictionary()


async def loans_at_hand(connection: Connection) -> LoansAtHand:
    """The loans of the unit of work that is open on ``connection``, the same for every caller."""
    unit = await connection.fetchval("SELECT pg_current_xact_id()::text")
    known = _at_hand.get(connection)
    if known is None or known[0] != unit:
        known = (unit, LoansAtHand())
        _at_hand[connection] = known
    return known[1]


def _book(row: Record) -> LoanBook:
    values = dict(row)
    start, end = values.pop("period_start"), values.pop("period_end")
    interest, accrued = values.pop("period_interest_minor"), values.pop("period_accrued_minor")
    return LoanBook(
        status=LoanStatus(values.pop("status")),
        terms=parse_terms(values.pop("terms")),
        window=Window(start, end, interest, accrued) if end is not None else None,
        **values,
    )


def line_of(row: Record) -> Line:
    """The line of a row that begins with LINE_COLUMNS."""
    _, version, number, start, due, opening, *amounts = row[:14]
    prepaid, attempts, first, following, paid_on = row[14:19]
    asked, paid = Split(*amounts[:4]), Split(*amounts[4:])
    return Line(
        version,
        number,
        start,
        due,
        opening,
        asked,
        paid,
        prepaid,
        attempts,
        first,
        following,
        paid_on,
    )


def _loan_row(book: LoanBook) -> tuple[object, ...]:
    window = book.window
    return (
        book.id, book.status.value, book.emi, book.outstanding, book.repaid,
        book.principal_written_off, book.interest_accrued, book.interest_paid, book.written_off,
        book.recovered, book.version,
        book.basis,
        window and window.start, window and window.end,
        window.interest_minor if window else 0, window.accrued_minor if window else 0,
        book.dpd, book.status in ENDED,
    )  # fmt: skip


def _line_row(book: LoanBook, line: Line) -> tuple[object, ...]:
    asked, paid = line.asked, line.paid
    return (
        book.id, line.version, line.number, line.period_start, line.due_date, line.opening,
        asked.penalty, asked.fee, asked.interest, asked.principal,
        paid.penalty, paid.fee, paid.interest, paid.principal,
        line.prepaid, line.attempts, line.first_attempt_on, line.next_attempt_on, line.paid_on,
    )  # fmt: skip


async def _write_loans(connection: Connection, changed: Sequence[LoanBook]) -> None:
    repaid = [
        (book.id, book.outstanding, book.repaid, book.interest_paid, book.dpd)
        for book in changed
        if not book.reshaped
    ]
    reshaped = [_loan_row(book) for book in changed if book.reshaped]
    for statement, rows in ((_COUNT_REPAID, repaid), (_WRITE_LOANS, reshaped)):
        if rows:
            await connection.execute(statement, *map(list, zip(*rows, strict=True)))


async def _write_lines(connection: Connection, books: Iterable[LoanBook]) -> None:
    lines = [
        (book, line)
        for book in books
        for line in book.lines.values()
        if line.changed or line.is_new
    ]
    # Both orders matter: numbers are unique among lines that are not superseded.
    dropped = [(b.id, x.version, x.number) for b, x in lines if x.superseded and not x.is_new]
    kept = [
        (b.id, x.version, x.number, x.paid.penalty, x.paid.fee, x.paid.interest, x.paid.principal,
         x.attempts, x.first_attempt_on, x.next_attempt_on, x.paid_on)
        for b, x in lines if not x.is_new and not x.superseded
    ]  # fmt: skip
    fresh = [_line_row(b, x) for b, x in lines if x.is_new and not x.superseded]
    for statement, rows in ((_SUPERSEDE, dropped), (_WRITE_LINES, kept), (_INSERT_LINES, fresh)):
        if rows:
            await connection.execute(statement, *map(list, zip(*rows, strict=True)))
    for _, line in lines:
        line.changed = line.is_new = False


def _accrual_entry(book: LoanBook) -> JournalEntry:
    return booking.interest_earned(
        book.currency, book.newly_accrued, AccrualDetails(loan_id=book.id)
    )
