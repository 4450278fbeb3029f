"""A loan as its papers name it: whose, of what, and how it stands."""

from dataclasses import dataclass
from datetime import date
from typing import Final
from uuid import UUID

from core.foundation.database import Reader
from core.foundation.errors import LoanNotFound, LoanStateConflict
from core.lending.states import LoanStatus

# A loan ends on the business date for which the last of it was paid, whenever that was entered; one
# that was written off, when it was recovered.
_FIND: Final = """
SELECT l.id AS loan_id, l.status, l.currency, l.amount_minor, l.disbursed_on,
       CASE WHEN l.status = 'written_off' THEN (
         SELECT max(e.value_date) FROM loan_events e
         WHERE e.loan_id = l.id AND e.kind IN ('write_off', 'recovery')
       ) WHEN l.closed_at IS NOT NULL THEN (
         SELECT max(i.paid_on) FROM loan_instalments i
         WHERE i.loan_id = l.id AND i.superseded_at IS NULL
       ) END AS ended_on, l.written_off_minor, l.recovered_minor,
       coalesce(u.full_name, u.email) AS borrower, p.name AS product
FROM loans l JOIN users u ON u.id = l.user_id JOIN loan_products p ON p.code = l.product_code
WHERE l.id = $1 AND l.deleted_at IS NULL AND ($2::uuid IS NULL OR l.user_id = $2)
"""


@dataclass(frozen=True, slots=True)
class LoanOnFile:
    """A loan that was paid out; amounts in minor units, ``ended_on`` a business date."""

    loan_id: UUID
    status: LoanStatus
    currency: str
    amount_minor: int
    disbursed_on: date
    ended_on: date | None
    written_off_minor: int
    recovered_minor: int
    borrower: str
    product: str


async def loan_on_file(reader: Reader, loan_id: UUID, *, owner_id: UUID | None) -> LoanOnFile:
    """The loan. Raises LoanNotFound, and LoanStateConflict where it was never paid out."""
    row = await reader.fetchrow(_FIND, loan_id, owner_id)
    if row is None:
        raise LoanNotFound
    if row["disbursed_on"] is None:
        raise LoanStateConflict("the loan was not paid out")
    values = dict(row)
    return LoanOnFile(status=LoanStatus(values.pop("status")), **values)
