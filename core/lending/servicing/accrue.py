"""A step of the business day: interest earned through a date, for all loans of a share at once.

A loan that has closed the date already is left alone.
"""

from collections.abc import Sequence

from asyncpg import Record

from core.business_day.steps import Work
from core.foundation.unit_of_work import UnitOfWork
from core.lending.details import AccrualDetails
from core.lending.servicing import booking
from core.lending.servicing.accrual import EARNED

# Of what is earned, the part that goes to suspense: half up, of a period's running total, and only
# while it is owed: what was paid ahead was income when it came in.
_SUSPENDED = """
greatest(0, least(
  (o.percent * o.target + 50) / 100 - (o.percent * o.booked + 50) / 100,
  o.owed + o.target - o.booked - o.suspended
))
"""
# Periods that have ended: book their rest and open the next one, if there is one. Where the period
# ends on the very day, the next has earned nothing yet and the loan's day is closed.
_ROLL = f"""
WITH ended AS (
  SELECT id, period_end, suspended_percent AS percent, period_accrued_minor AS booked,
         interest_accrued_minor - interest_paid_minor AS owed,
         interest_suspended_minor AS suspended,
         {EARNED} AS target
  FROM loans
  WHERE user_id >= $1 AND ($2::uuid IS NULL OR user_id < $2)
    AND status IN ('active', 'restructured') AND period_end <= $3 AND last_closed_on < $3
  ORDER BY id FOR NO KEY UPDATE
), rolled AS (
  UPDATE loans l SET
    interest_accrued_minor = l.interest_accrued_minor + o.target - o.booked,
    interest_suspended_minor = l.interest_suspended_minor + {_SUSPENDED},
    period_start = n.period_start, period_end = n.due_date,
    period_interest_minor = coalesce(n.accrues_minor, 0), period_accrued_minor = 0,
    last_closed_on = CASE WHEN o.period_end = $3 THEN $3 ELSE l.last_closed_on END
  FROM ended o LEFT JOIN LATERAL (
    SELECT period_start, due_date, accrues_minor FROM loan_instalments i
    WHERE i.loan_id = o.id AND i.superseded_at IS NULL AND i.period_start >= o.period_end
    ORDER BY i.number LIMIT 1
  ) n ON true
  WHERE l.id = o.id
  RETURNING l.currency, o.target - o.booked AS earned, {_SUSPENDED} AS suspended
)
SELECT currency, sum(earned)::bigint AS earned, sum(suspended)::bigint AS suspended
FROM rolled GROUP BY currency
"""  # noqa: S608 - the rule of another file
_EARN = f"""
WITH open AS (
  SELECT id, suspended_percent AS percent, period_accrued_minor AS booked,
         interest_accrued_minor - interest_paid_minor AS owed,
         interest_suspended_minor AS suspended,
         CASE WHEN period_end IS NULL THEN 0 ELSE {EARNED} END AS target
  FROM loans
  WHERE user_id >= $1 AND ($2::uuid IS NULL OR user_id < $2)
    AND status IN ('active', 'restructured') AND last_closed_on < $3
  ORDER BY id FOR NO KEY UPDATE
), closed AS (
  UPDATE loans l SET
    interest_accrued_minor = l.interest_accrued_minor + o.target - o.booked,
    interest_suspended_minor = l.interest_suspended_minor + {_SUSPENDED},
    period_accrued_minor = o.target, last_closed_on = $3
  FROM open o WHERE l.id = o.id
  RETURNING l.currency, o.target - o.booked AS earned, {_SUSPENDED} AS suspended
)
SELECT currency, sum(earned)::bigint AS earned, sum(suspended)::bigint AS suspended
FROM closed GROUP BY currency
"""  # noqa: S608 - the rule of another file


async def accrue(unit: UnitOfWork, work: Work) -> None:
    """Book the interest earned through the date, and close the day for these loans."""
    connection = unit.connection
    share, day = work.share, work.business_date
    earned: dict[str, tuple[int, int]] = {}
    rows = await connection.fetch(_ROLL, share.first_id, share.next_id, day)
    while rows:
        _add(earned, rows)
        rows = await connection.fetch(_ROLL, share.first_id, share.next_id, day)
    _add(earned, await connection.fetch(_EARN, share.first_id, share.next_id, day))
    about = AccrualDetails(day)
    entries = [
        booking.interest_earned(currency, amount, about, suspended_minor=suspended)
        for currency, (amount, suspended) in sorted(earned.items())
    ]
    await booking.post(connection, entries)


def _add(earned: dict[str, tuple[int, int]], rows: Sequence[Record]) -> None:
    for currency, amount, suspended in rows:
        before = earned.get(currency, (0, 0))
        earned[currency] = before[0] + amount, before[1] + suspended
