"""Steps of the business day: one ``emi`` transaction for each instalment to collect on a date.

The attempt is written in the same unit of work as its transaction, and an instalment with an
attempt under way is not collected; the attempt's end counts it and plans the next one. Two runs, or
two schedulers, cannot collect one attempt twice.
"""

from datetime import date, timedelta
from typing import Final, NamedTuple
from uuid import UUID

from core.business_day.steps import StepDone, Work
from core.foundation.unit_of_work import UnitOfWork
from core.lending import notices, orders
from core.lending.details import CollectionDetails
from core.lending.notices import LineName, money
from core.notifications import inbox
from core.transactions.intake import Intake
from core.transactions.orders import BankOrder

DUE_SOON_DAYS: Final = 3

# A plain value per loan where EXISTS would do, and OFFSET below: else they may be planned as joins
# with all that is due in the whole bank, share by share.
_LOCK_DUE = """
SELECT l.id FROM loans l
WHERE l.user_id >= $1 AND ($2::uuid IS NULL OR l.user_id < $2)
  AND l.status IN ('active', 'restructured') AND l.oldest_unpaid_on <= $3
  AND (
    SELECT true FROM loan_instalments i WHERE i.loan_id = l.id AND i.next_attempt_on <= $3
      AND i.superseded_at IS NULL AND i.paid_on IS NULL LIMIT 1
  )
ORDER BY l.id FOR NO KEY UPDATE
"""
_DUE = """
SELECT i.loan_id, i.version, i.number, i.attempts + 1 AS attempt, i.unpaid_minor, l.account_id,
       l.currency
FROM loan_instalments i JOIN loans l ON l.id = i.loan_id
WHERE i.loan_id = ANY($1::uuid[]) AND i.next_attempt_on <= $2
  AND i.superseded_at IS NULL AND i.paid_on IS NULL
  AND NOT EXISTS (
    SELECT FROM loan_collections c WHERE c.loan_id = i.loan_id AND c.version = i.version
      AND c.number = i.number AND c.status = 'pending'
  )
ORDER BY i.loan_id, i.number
"""
_ATTEMPT = """
INSERT INTO loan_collections (loan_id, version, number, attempt, transaction_id, business_date,
                              requested_minor, run_id)
SELECT loan_id, version, number, attempt, transaction_id, $7, requested_minor, $8
FROM unnest($1::uuid[], $2::int[], $3::int[], $4::int[], $5::uuid[], $6::bigint[])
  AS a (loan_id, version, number, attempt, transaction_id, requested_minor)
"""
_FALLING_DUE = """
SELECT l.user_id, l.id AS loan_id, i.version, i.number, i.unpaid_minor, l.currency, i.due_date
FROM loans l CROSS JOIN LATERAL (
  SELECT version, number, unpaid_minor, due_date FROM loan_instalments
  WHERE loan_id = l.id AND due_date = ANY($3::date[]) AND superseded_at IS NULL AND paid_on IS NULL
  OFFSET 0
) i
WHERE l.user_id >= $1 AND ($2::uuid IS NULL OR l.user_id < $2)
  AND l.status IN ('active', 'restructured') AND l.oldest_unpaid_on <= $4
ORDER BY l.id
"""


class DueLine(NamedTuple):
    """An instalment to collect, by which attempt, from which account."""

    loan_id: UUID
    version: int
    number: int
    attempt: int
    unpaid_minor: int
    account_id: UUID
    currency: str


async def submit_due(unit: UnitOfWork, work: Work, *, intake: Intake) -> StepDone:
    """Submit the transactions of all instalments of the share to collect by the date."""
    connection = unit.connection
    share, day = work.share, work.business_date
    locked = await connection.fetch(_LOCK_DUE, share.first_id, share.next_id, day)
    if not locked:
        return StepDone()
    loan_ids = [row["id"] for row in locked]
    due = [DueLine(*row) for row in await connection.fetch(_DUE, loan_ids, day)]
    asked = [_order(line, day, work.run_id) for line in due]
    await intake.accept_own(unit, asked)
    attempts = [
        (*line[:4], order.id, order.amount_minor) for line, order in zip(due, asked, strict=True)
    ]
    if attempts:
        await connection.execute(_ATTEMPT, *zip(*attempts, strict=True), day, work.run_id)
    return StepDone([order.id for order in asked])


async def announce_due(unit: UnitOfWork, work: Work) -> None:
    """Tell borrowers what falls due tomorrow and in ``DUE_SOON_DAYS`` days, once each."""
    connection = unit.connection
    share, day = work.share, work.business_date
    soon = day + timedelta(days=DUE_SOON_DAYS)
    days = [day + timedelta(days=1), soon]
    rows = await connection.fetch(_FALLING_DUE, share.first_id, share.next_id, days, soon)
    await inbox.write(
        connection,
        [
            notices.falls_due(
                row["user_id"],
                LineName(row["loan_id"], row["version"], row["number"]),
                money(row["unpaid_minor"], row["currency"]),
                row["due_date"],
                soon=row["due_date"] == soon,
            )
            for row in rows
        ],
    )


def _order(line: DueLine, day: date, run_id: UUID) -> BankOrder:
    return orders.collection(
        line.account_id,
        line.unpaid_minor,
        line.currency,
        CollectionDetails(
            line.loan_id,
            day,
            version=line.version,
            instalment=line.number,
            attempt=line.attempt,
            run_id=run_id,
        ),
    )
