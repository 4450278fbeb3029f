"""Loans in the database: read under row locks in id order, written back set-based.

What only looks (``read_book``, ``read_due``) takes no locks and writes nothing back.

All kinds of transactions that settle in one unit of work share one ``LoansAtHand``: a collection
and a customer's payment on the same loan in one batch see each other's effect in memory, in the
order of acceptance.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from uuid import UUID

from asyncpg import Record

from core.foundation.database import Connection, Reader
from core.foundation.errors import LoanNotFound
from core.lending.amortisation import NO_FEE
from core.lending.details import AccrualDetails, CollectionDetails, FeeDetails
from core.lending.servicing import accrual_lock, accrual_rows, booking, event_rows
from core.lending.servicing.events import Event
from core.lending.servicing.line_rows import ALL_LINES, DUE_LINES, line_of, write_lines
from core.lending.servicing.loan_book import LoanBook
from core.lending.servicing.loan_rows import (
    LOCK_FREE_LOANS,
    LOCK_LOANS,
    READ_LOANS,
    book_of,
    write_loans,
)
from core.notifications import inbox
from core.notifications.inbox import Notice
from core.transactions.journal import JournalEntry

_EXISTING = "SELECT id FROM loans WHERE id = ANY($1::uuid[]) AND deleted_at IS NULL"


@dataclass(slots=True)
class LoansAtHand:
    """The loans of one unit of work, and what is to be written with them."""

    books: dict[UUID, LoanBook] = field(default_factory=dict)
    notices: list[Notice] = field(default_factory=list)
    entries: list[JournalEntry] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    # What was collected here: its attempt's row, which tells it, is written at the end.
    collected: list[tuple[UUID, CollectionDetails, int]] = field(default_factory=list)

    def book(self, loan_id: UUID) -> LoanBook:
        """The loan. Raises LoanNotFound where it does not exist or was deleted."""
        if loan_id not in self.books:
            raise LoanNotFound
        return self.books[loan_id]

    # Whether no day can be counted until the end of the unit of work.
    held: bool = False

    async def lock(self, connection: Connection, loan_ids: Iterable[UUID]) -> None:
        """Lock and read the loans that are not at hand yet, in id order, without lines."""
        wanted = sorted(set(loan_ids) - self.books.keys())
        if wanted:
            if not self.held:
                await accrual_lock.hold(connection)
                self.held = True
            for row in await connection.fetch(LOCK_LOANS, wanted):
                self.books[row["id"]] = book_of(row)

    async def lock_free(self, connection: Connection, loan_ids: Iterable[UUID]) -> set[UUID]:
        """As ``lock``, without waiting; answers those that another unit of work holds."""
        wanted = sorted(set(loan_ids) - self.books.keys())
        if not wanted:
            return set()
        self.held = self.held or await accrual_lock.hold_if_free(connection)
        if not self.held:
            return set(wanted)
        for row in await connection.fetch(LOCK_FREE_LOANS, wanted):
            self.books[row["id"]] = book_of(row)
        missing = [loan_id for loan_id in wanted if loan_id not in self.books]
        if not missing:
            return set()
        return {row["id"] for row in await connection.fetch(_EXISTING, missing)}

    async def load_due(self, connection: Connection, loan_ids: Iterable[UUID], by: date) -> None:
        """Read the unpaid lines of these loans that are due ``by`` a date."""
        await self.lock(connection, loan_ids)
        _add_lines(self.books, await connection.fetch(DUE_LINES, list(loan_ids), by))

    async def load_all(self, connection: Connection, loan_ids: Iterable[UUID]) -> None:
        """Read the whole current schedules of these loans."""
        await self.lock(connection, loan_ids)
        _add_lines(self.books, await connection.fetch(ALL_LINES, list(loan_ids)))

    async def write(self, connection: Connection) -> None:
        """Write back every change, the entries and the notices; what is written is clean."""
        changed = [book for book in self.books.values() if book.changed]
        await write_lines(connection, self.books.values())
        rebased = accrual_rows.rebase(changed)
        await write_loans(connection, changed)
        await accrual_rows.book(connection, rebased)
        own = [entry for book in changed for entry in _own_entries(book)]
        await booking.post(connection, [*own, *self.entries])
        await event_rows.add(connection, self.events)
        await inbox.write(connection, self.notices)
        for book in changed:
            book.changed = book.reshaped = False
            book.newly_credited = 0
            book.newly_asked = NO_FEE
            book.newly_suspended = book.newly_suspended_penalty = 0
        self.entries, self.notices, self.events, self.collected = [], [], [], []


async def read_book(reader: Reader, loan_id: UUID) -> LoanBook:
    """One loan and its whole schedule without a lock, to look at. Raises LoanNotFound."""
    row = await reader.fetchrow(READ_LOANS, [loan_id])
    if row is None:
        raise LoanNotFound
    book = book_of(row)
    _add_lines({loan_id: book}, await reader.fetch(ALL_LINES, [loan_id]))
    return book


async def read_due(reader: Reader, loan_ids: Sequence[UUID], by: date) -> list[LoanBook]:
    """These loans in id order with what is due ``by`` a date, without a lock, to look at."""
    books = {row["id"]: book_of(row) for row in await reader.fetch(READ_LOANS, loan_ids)}
    _add_lines(books, await reader.fetch(DUE_LINES, loan_ids, by))
    return list(books.values())


def _add_lines(books: Mapping[UUID, LoanBook], rows: Sequence[Record]) -> None:
    for row in rows:
        book = books.get(row["loan_id"])
        if book is not None and (row["version"], row["number"]) not in book.lines:
            line = line_of(row)
            book.lines[line.version, line.number] = line


def _own_entries(book: LoanBook) -> Iterator[JournalEntry]:
    """What the loan has earned, moved and asked in this unit of work."""
    about = AccrualDetails(book.newly_on, book.id)
    if book.newly_credited:
        yield booking.interest_to_principal(book.currency, book.newly_credited, about)
    if book.newly_asked.total_minor:
        fees_about = FeeDetails(book.newly_on, book.id)
        yield booking.fees_asked(book.currency, book.newly_asked, fees_about)
    yield booking.to_suspense(
        book.currency, book.newly_suspended, book.newly_suspended_penalty, about
    )
