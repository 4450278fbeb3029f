"""A step of the business day: interest earned through a date, for all loans of a share at once.

A loan that has closed the date already is left alone.
"""

from core.business_day.steps import Work
from core.foundation.unit_of_work import UnitOfWork
from core.lending.details import AccrualDetails
from core.lending.servicing import booking
from core.lending.servicing.accrual import EARNED

# Periods that have ended: book their rest and open the next one, if there is one. Where the period
# ends on the very day, the next has earned nothing yet and the loan's day is closed.
_ROLL = f"""
WITH ended AS (
  SELECT id, period_end, {EARNED} - period_accrued_minor AS rest FROM loans
  WHERE user_id >= $1 AND ($2::uuid IS NULL OR user_id < $2)
    AND status IN ('active', 'restructured') AND period_end <= $3 AND last_closed_on < $3
  ORDER BY id FOR NO KEY UPDATE
), rolled AS (
  UPDATE loans l SET
    interest_accrued_minor = l.interest_accrued_minor + e.rest,
    period_start = n.period_start, period_end = n.due_date,
    period_interest_minor = coalesce(n.accrues_minor, 0), period_accrued_minor = 0,
    last_closed_on = CASE WHEN e.period_end = $3 THEN $3 ELSE l.last_closed_on END
  FROM ended e LEFT JOIN LATERAL (
    SELECT period_start, due_date, accrues_minor FROM loan_instalments i
    WHERE i.loan_id = e.id AND i.superseded_at IS NULL AND i.period_start >= e.period_end
    ORDER BY i.number LIMIT 1
  ) n ON true
  WHERE l.id = e.id
  RETURNING l.currency, e.rest
)
SELECT currency, count(*) AS loans, sum(rest)::bigint AS earned FROM rolled GROUP BY currency
"""  # noqa: S608 - the rule of another file
_EARN = f"""
WITH open AS (
  SELECT id, period_accrued_minor AS booked,
         CASE WHEN period_end IS NULL THEN 0 ELSE {EARNED} END AS target
  FROM loans
  WHERE user_id >= $1 AND ($2::uuid IS NULL OR user_id < $2)
    AND status IN ('active', 'restructured') AND last_closed_on < $3
  ORDER BY id FOR NO KEY UPDATE
), closed AS (
  UPDATE loans l SET
    interest_accrued_minor = l.interest_accrued_minor + o.target - o.booked,
    period_accrued_minor = o.target, last_closed_on = $3
  FROM open o WHERE l.id = o.id
  RETURNING l.currency, o.target - o.booked AS earned
)
SELECT currency, sum(earned)::bigint AS earned FROM closed GROUP BY currency
"""  # noqa: S608 - the rule of another file


async def accrue(unit: UnitOfWork, work: Work) -> None:
    """Book the interest earned through the date, and close the day for these loans."""
    connection = unit.connection
    share, day = work.share, work.business_date
    earned: dict[str, int] = {}
    while rolled := await connection.fetch(_ROLL, share.first_id, share.next_id, day):
        for row in rolled:
            earned[row["currency"]] = earned.get(row["currency"], 0) + row["earned"]
    for row in await connection.fetch(_EARN, share.first_id, share.next_id, day):
        earned[row["currency"]] = earned.get(row["currency"], 0) + row["earned"]
    await booking.post(
        connection,
        [
            booking.interest_earned(currency, amount, AccrualDetails(day))
            for currency, amount in sorted(earned.items())
        ],
    )
