"""What a loan earned by the entries that book the days' interest of all loans, for its statement.

Such an entry is no single loan's; the loan's part of each is computed again by lending's own rule
(``accrual_history``). The days between two entries of the loan are told in one line, a line each
month at least, so that a statement is read and its columns add up.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from typing import Final
from uuid import UUID

from core.foundation.database import Reader
from core.ledger.chart import LedgerCode
from core.lending.servicing.accrual_history import find_history
from core.reporting.loan_entries import LoanEntry, LoanPosting
from core.reporting.loan_files import LoanOnFile

INTEREST_EARNED: Final = "interest_earned"
_ACCOUNTING_DATES: Final = """
SELECT transaction_id, min(accounting_date) FROM postings
WHERE transaction_id = ANY($1::uuid[]) GROUP BY transaction_id
"""


@dataclass(frozen=True, slots=True)
class DayEarned:
    """A loan's part of one day's entry, below zero where interest was taken back."""

    on: date
    accounting_date: date
    amount_minor: int


async def interest_earned(
    reader: Reader, loan: LoanOnFile, entries: Sequence[LoanEntry]
) -> list[DayEarned]:
    """The loan's parts in the order of the books, without what is among its own ``entries``."""
    known = {entry.transaction_id for entry in entries}
    history = await find_history(reader, loan.loan_id, owner_id=None, first=date.min, last=date.max)
    parts = [part for part in history.entries if part.transaction_id not in known]
    ids = list({part.transaction_id for part in parts})
    rows = await reader.fetch(_ACCOUNTING_DATES, ids)
    dates: dict[UUID, date] = {row[0]: row[1] for row in rows}
    found = [DayEarned(x.on, dates[x.transaction_id], x.amount_minor) for x in parts]
    return sorted(found, key=lambda day: (day.accounting_date, day.on))


def with_interest(entries: Sequence[LoanEntry], earned: Sequence[DayEarned]) -> list[LoanEntry]:
    """The entries with lines of interest earned between them, all in the order of the books."""
    found, told = [], 0
    for entry in entries:
        upto = told
        while upto < len(earned) and earned[upto].accounting_date <= entry.accounting_date:
            upto += 1
        found += [*_lines(earned[told:upto]), entry]
        told = upto
    return [*found, *_lines(earned[told:])]


def _lines(days: Sequence[DayEarned]) -> Iterator[LoanEntry]:
    for _, month in groupby(days, key=lambda day: day.accounting_date.replace(day=1)):
        run = list(month)
        first, last = min(day.on for day in run), max(day.on for day in run)
        amount = sum(day.amount_minor for day in run)
        code = LedgerCode.INTEREST_RECEIVABLE.value
        yield LoanEntry(
            None,
            INTEREST_EARNED,
            f"Interest earned, {first} through {last}" if first < last else f"Interest, {first}",
            last,
            run[-1].accounting_date,
            None,
            (LoanPosting(code, "Interest receivable", -amount),),
        )
