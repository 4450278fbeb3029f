"""Steps of the business day: interest earned through a date, booked for all loans of the bank.

Income is booked by a sum over the rows of all running loans, one entry for each currency; no row is
written for it. What a loan alone has of it is told by ``accrual_history``. The rows of which an
instalment's period has ended go on to the next one.
"""

from datetime import date
from typing import Final

from core.business_day.steps import Work
from core.foundation.database import Connection
from core.foundation.unit_of_work import UnitOfWork
from core.lending.details import AccrualDetails
from core.lending.servicing import accrual_lock, booking
from core.lending.servicing.accrual import EARNED_AT, SUSPENDED_WITH
from core.lending.servicing.storage import LoansAtHand

_ACCRUED_THROUGH = "SELECT accrued_through FROM lending_day WHERE id = 1"
# Of the days after $1 (null: from the beginning) through $2.
_EARNED: Final = f"""
SELECT currency, sum(after - before)::bigint AS earned,
       sum({SUSPENDED_WITH.format(amount="after")}
         - {SUSPENDED_WITH.format(amount="before")})::bigint AS suspended
FROM (
  SELECT currency, suspended_percent, interest_suspended_minor, interest_accrued_minor,
         interest_paid_minor, {EARNED_AT.format(day="$1::date")} - period_accrued_minor AS before,
         {EARNED_AT.format(day="$2::date")} - period_accrued_minor AS after
  FROM loans WHERE status IN ('active', 'restructured') AND period_end IS NOT NULL
) AS windows
GROUP BY currency ORDER BY currency
"""  # noqa: S608 - the rule of another file
_KEEP = """
INSERT INTO lending_accruals
  (business_date, currency, since, earned_minor, suspended_minor, transaction_id)
SELECT $1, currency, $2, earned, suspended, transaction_id
FROM unnest($3::text[], $4::bigint[], $5::bigint[], $6::uuid[])
  AS a (currency, earned, suspended, transaction_id)
"""
_MOVE_ON = "UPDATE lending_day SET accrued_through = $1 WHERE id = 1"

_ENDED = """
SELECT id, period_end < $3 AS left_behind FROM loans
WHERE user_id >= $1 AND ($2::uuid IS NULL OR user_id < $2) AND status IN ('active', 'restructured')
  AND period_end <= $3
"""
# Periods that ended on the very day through which the books have everything: all of it was booked,
# and the next period has earned nothing yet.
_ROLL = f"""
WITH ended AS (
  SELECT id, period_start, period_end, period_interest_minor AS interest, suspended_percent,
         period_accrued_minor AS counted, period_interest_minor - period_accrued_minor AS rest,
         {SUSPENDED_WITH.format(amount="period_interest_minor - period_accrued_minor")} AS suspended
  FROM loans
  WHERE id = ANY($1::uuid[]) AND period_end = $2 AND status IN ('active', 'restructured')
  ORDER BY id FOR NO KEY UPDATE
), kept AS (
  INSERT INTO loan_accruals (loan_id, period_start, period_end, period_interest_minor,
                             period_accrued_minor, suspended_percent, accrued_through)
  SELECT id, period_start, period_end, interest, counted, suspended_percent, $2 FROM ended
)
UPDATE loans l SET
  interest_accrued_minor = l.interest_accrued_minor + e.rest,
  interest_suspended_minor = e.suspended,
  period_start = n.period_start, period_end = n.due_date,
  period_interest_minor = coalesce(n.accrues_minor, 0), period_accrued_minor = 0
FROM ended e LEFT JOIN LATERAL (
  SELECT period_start, due_date, accrues_minor FROM loan_instalments i
  WHERE i.loan_id = e.id AND i.superseded_at IS NULL AND i.period_start >= e.period_end
  ORDER BY i.number LIMIT 1
) n ON true
WHERE l.id = e.id
"""  # noqa: S608 - the rule of another file


async def accrue(unit: UnitOfWork, work: Work) -> None:
    """Book what all loans of the bank have earned through the date; once, whichever share comes
    first."""
    connection, day = unit.connection, work.business_date
    if await _is_booked(connection, day):
        return
    await accrual_lock.hold_alone(connection)
    if await _is_booked(connection, day):
        return
    since: date | None = await connection.fetchval(_ACCRUED_THROUGH)
    rows = [row for row in await connection.fetch(_EARNED, since, day) if row["earned"]]
    about = AccrualDetails(day)
    entries = [
        booking.interest_earned(currency, earned, about, suspended_minor=suspended)
        for currency, earned, suspended in rows
    ]
    transactions = await booking.post(connection, entries)
    if rows:
        await connection.execute(
            _KEEP, day, since, *map(list, zip(*rows, strict=True)), transactions
        )
    await connection.execute(_MOVE_ON, day)


async def begin_periods(unit: UnitOfWork, work: Work) -> None:
    """Let the share's loans of which a period has ended earn by the next one."""
    connection, share = unit.connection, work.share
    await accrual_lock.hold(connection)
    through: date | None = await connection.fetchval(_ACCRUED_THROUGH)
    if through is None:
        return
    ended = await connection.fetch(_ENDED, share.first_id, share.next_id, through)
    rolling = [row["id"] for row in ended if not row["left_behind"]]
    if rolling:
        await connection.execute(_ROLL, rolling, through)
    behind = [row["id"] for row in ended if row["left_behind"]]
    if behind:  # set aside when it ended: what the next period has earned since is not booked
        loans = LoansAtHand()
        await loans.load_all(connection, behind)
        for book in loans.books.values():
            book.accrue_to(through)
        await loans.write(connection)


async def _is_booked(connection: Connection, day: date) -> bool:
    through: date | None = await connection.fetchval(_ACCRUED_THROUGH)
    return through is not None and through >= day
