"""A step of the business day: the fees of what falls due become the bank's income."""

from core.business_day.steps import Work
from core.foundation.unit_of_work import UnitOfWork
from core.lending.amortisation import Fee
from core.lending.details import FeeDetails
from core.lending.servicing import booking

# The loan's lock orders this and a payment that books the same fee. What is paid in part before it
# is due is booked then, so that an instalment with a fee to book is unpaid. A plain value per loan
# where EXISTS would do: that may be planned as a join with the instalments of the whole bank.
_LOCK_ASKING = """
SELECT l.id FROM loans l
WHERE l.user_id >= $1 AND ($2::uuid IS NULL OR l.user_id < $2)
  AND l.status IN ('active', 'restructured') AND l.oldest_unpaid_on <= $3
  AND (
    SELECT true FROM loan_instalments i
    WHERE i.loan_id = l.id AND i.due_date <= $3 AND i.superseded_at IS NULL AND i.paid_on IS NULL
      AND i.fee_minor > 0 AND i.fee_booked_on IS NULL LIMIT 1
  )
ORDER BY l.id FOR NO KEY UPDATE
"""
_BOOK = """
WITH booked AS (
  UPDATE loan_instalments SET fee_booked_on = $2
  WHERE loan_id = ANY($1::uuid[]) AND due_date <= $2
    AND superseded_at IS NULL AND paid_on IS NULL AND fee_minor > 0 AND fee_booked_on IS NULL
  RETURNING loan_id, fee_minor, fee_tax_minor
)
SELECT l.currency, sum(b.fee_minor)::bigint AS fee, sum(b.fee_tax_minor)::bigint AS tax
FROM booked b JOIN loans l ON l.id = b.loan_id GROUP BY l.currency ORDER BY l.currency
"""


async def book_fees_due(unit: UnitOfWork, work: Work) -> None:
    """Book what the share's instalments due by the date ask as fees, once, per currency."""
    connection, share, day = unit.connection, work.share, work.business_date
    asking = await connection.fetch(_LOCK_ASKING, share.first_id, share.next_id, day)
    if not asking:
        return
    rows = await connection.fetch(_BOOK, [row["id"] for row in asking], day)
    about = FeeDetails(day)
    entries = [
        booking.fees_asked(row["currency"], Fee(row["fee"] - row["tax"], row["tax"]), about)
        for row in rows
    ]
    await booking.post(connection, entries)
