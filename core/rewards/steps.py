"""Cashbacks as a part of closing a business date, beside the clock that credits them as well.

Most are credited by the clock, within seconds of falling due. A bank whose clock is moved ahead
credits with each date what falls due by its end, so that the date leaves nothing behind.
"""

from datetime import date
from typing import Final
from uuid import UUID

from core.business_day import dates
from core.business_day.runs import CLOSE_DAY
from core.business_day.steps import Part, Phase, Share, StepDone, Steps, Work
from core.foundation.database import Reader
from core.foundation.logging import get_logger
from core.foundation.unit_of_work import UnitOfWork
from core.rewards.cashback import AT_ONCE, FIRST_OF_ALL, credit
from core.transactions.intake import Intake

log = get_logger(__name__)

PART: Final = "rewards"

_SHARES = """
WITH numbered AS (
  SELECT payment_id, (row_number() OVER (ORDER BY payment_id) - 1) / $2 AS bucket
  FROM cashbacks WHERE due_at <= $1 AND transaction_id IS NULL AND cancelled_at IS NULL
), ranges AS (
  SELECT (array_agg(payment_id ORDER BY payment_id))[1] AS first_id, count(*)::int AS size,
         row_number() OVER (ORDER BY bucket) AS number
  FROM numbered GROUP BY bucket
)
SELECT CASE WHEN number = 1 THEN '00000000-0000-0000-0000-000000000000' ELSE first_id END,
       lead(first_id) OVER (ORDER BY number), size
FROM ranges ORDER BY number
"""
_SECOND_HALF = """
WITH waiting AS (
  SELECT payment_id, row_number() OVER (ORDER BY payment_id) AS place, count(*) OVER () AS number
  FROM cashbacks WHERE payment_id >= $1 AND ($2::uuid IS NULL OR payment_id < $2)
    AND transaction_id IS NULL AND cancelled_at IS NULL
)
SELECT (array_agg(payment_id ORDER BY payment_id))[1] AS first_id, count(*)::int AS size
FROM waiting WHERE place > number / 2 AND number > 1
HAVING count(*) > 0
"""


def register(steps: Steps, intake: Intake, *, time_zone: str) -> None:
    """Credit with a date, in that time zone, the cashbacks that are due by then."""
    cashbacks = Cashbacks(intake, time_zone)
    # The second phase has nothing to do but to wait until what was credited is settled.
    phases = (Phase("credit", (cashbacks.credit,)), Phase("settle", (), follow_up=True))
    steps.register(CLOSE_DAY, Part(PART, cashbacks, phases))


class Cashbacks:
    """A workload of the business day: the cashbacks that are due and not credited, by payment."""

    def __init__(self, intake: Intake, time_zone: str) -> None:
        self._intake = intake
        self._time_zone = time_zone

    async def credit(self, unit: UnitOfWork, work: Work) -> StepDone:
        """Submit all of the share's cashbacks, also what has fallen due since it was cut."""
        due_by = await dates.due_by(unit.connection, work.business_date, self._time_zone)
        first, following = work.share.first_id, work.share.next_id
        submitted: list[UUID] = []
        # Each one that was looked at is credited, cancelled or put off: it is not met again.
        while (credited := await credit(unit, self._intake, due_by, first, following)).looked_at:
            submitted += credited.submitted
        return StepDone(submitted)

    async def open_since(self, _reader: Reader) -> date | None:
        """Cashbacks fall due by the instant: no date waits for them."""
        return None

    async def shares(self, reader: Reader, day: date) -> list[Share]:
        """Shares of as many cashbacks as are credited at once; one of all where none is due yet.

        What falls due while the parts before are done is then in a share as well.
        """
        due_by = await dates.due_by(reader, day, self._time_zone)
        rows = await reader.fetch(_SHARES, due_by, AT_ONCE)
        return [Share(*row) for row in rows] or [Share(FIRST_OF_ALL, None, 0)]

    async def second_half(self, reader: Reader, share: Share) -> Share | None:
        """The second half of the share's cashbacks; None where it holds one only."""
        row = await reader.fetchrow(_SECOND_HALF, share.first_id, share.next_id)
        return None if row is None else Share(row["first_id"], share.next_id, row["size"])

    async def left_out(self, _unit: UnitOfWork, work: Work) -> None:
        """The clock meets it again and says so in its log; the run's ``error`` says it here."""
        log.error("cashback_set_aside", run_id=str(work.run_id), first=str(work.share.first_id))
