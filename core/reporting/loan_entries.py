"""Everything that was booked on one loan: each transaction with its postings.

A report: it reads lending, transactions and the ledger together. Income that is booked for all
loans in one entry is none of a single loan's and is left out; what such an entry holds of a loan
is told by ``loan_interest``.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from itertools import groupby
from typing import Final
from uuid import UUID

from asyncpg import Record

from core.foundation.database import Reader
from core.foundation.errors import Invalid
from core.ledger.chart import LedgerCode
from core.reporting.loan_files import LoanOnFile

MAX_POSTINGS: Final = 20_000

# What settled on the loan has its record in lending; what the bank booked by itself names the loan.
_POSTINGS: Final = """
WITH booked AS (
  SELECT disbursement_transaction_id AS id FROM loans
  WHERE id = $1 AND disbursement_transaction_id IS NOT NULL
  UNION SELECT transaction_id FROM loan_collections WHERE loan_id = $1
  UNION SELECT transaction_id FROM loan_events WHERE loan_id = $1 AND transaction_id IS NOT NULL
  UNION SELECT id FROM transactions
  WHERE debit_account_id IS NULL AND credit_account_id IS NULL
    AND details ? 'loan_id' AND details->>'loan_id' = $1::text
)
SELECT t.id, t.type, t.description, (t.details->>'business_date')::date AS value_date,
       p.accounting_date, p.booked_at, p.amount_minor, p.ledger_code,
       coalesce(a.account_number, l.name) AS account
FROM booked b
JOIN transactions t ON t.id = b.id
JOIN postings p ON p.transaction_id = t.id
LEFT JOIN account_directory a ON a.id = p.account_id
LEFT JOIN ledger_accounts l ON l.code = p.ledger_code
ORDER BY p.accounting_date, p.booked_at, t.seq, p.leg
LIMIT $2
"""


@dataclass(frozen=True, slots=True)
class LoanPosting:
    """One leg; ``account`` is a customer's account number, or the ledger account's name.

    A credit is positive, as in the books.
    """

    ledger_code: str | None
    account: str
    amount_minor: int


@dataclass(frozen=True, slots=True)
class LoanEntry:
    """One transaction on a loan; ``value_date`` is the business date that it is for, if it has one.

    What the borrower owes of each component grows by a positive change; ``paid_minor`` is what the
    borrower's side paid, negative where it received. A line of interest that was booked with all
    other loans' (``loan_interest``) is no transaction of its own.
    """

    transaction_id: UUID | None
    type: str
    description: str
    value_date: date | None
    accounting_date: date
    booked_at: datetime | None
    postings: tuple[LoanPosting, ...]

    @property
    def of_day(self) -> date:
        """The day that it is for."""
        return self.value_date or self.accounting_date

    @property
    def paid_minor(self) -> int:
        """What left the accounts of customers."""
        return -sum(leg.amount_minor for leg in self.postings if leg.ledger_code is None)

    @property
    def principal_minor(self) -> int:
        """By how much the principal outstanding changed."""
        return self._owed(LedgerCode.LOANS_RECEIVABLE)

    @property
    def interest_minor(self) -> int:
        """By how much the interest owed changed."""
        return self._owed(LedgerCode.INTEREST_RECEIVABLE)

    @property
    def charges_minor(self) -> int:
        """By how much penalties and fees owed changed."""
        return self._owed(LedgerCode.PENALTY_RECEIVABLE) + self._owed(LedgerCode.FEE_RECEIVABLE)

    def credited(self, *codes: str) -> int:
        """The sum of its legs on these ledger accounts, credits positive."""
        return sum(leg.amount_minor for leg in self.postings if leg.ledger_code in codes)

    def _owed(self, code: LedgerCode) -> int:
        return -self.credited(code)


async def entries_on(reader: Reader, loan: LoanOnFile) -> list[LoanEntry]:
    """Everything booked on the loan, in the order of the books. Raises Invalid beyond a limit."""
    rows = await reader.fetch(_POSTINGS, loan.loan_id, MAX_POSTINGS + 1)
    if len(rows) > MAX_POSTINGS:
        raise Invalid(f"more than {MAX_POSTINGS} postings are too many for a statement")
    return list(_entries(rows))


def _entries(rows: Iterable[Record]) -> Iterator[LoanEntry]:
    for _, group in groupby(rows, key=lambda row: row["id"]):
        legs = list(group)
        first = legs[0]
        yield LoanEntry(
            first["id"],
            first["type"],
            first["description"] or first["type"],
            first["value_date"],
            first["accounting_date"],
            first["booked_at"],
            tuple(
                LoanPosting(leg["ledger_code"], leg["account"], leg["amount_minor"]) for leg in legs
            ),
        )
