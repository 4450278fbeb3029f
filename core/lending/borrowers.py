"""The running loans, shared out by borrower: non-performance is the borrower's, not the loan's."""

from datetime import date
from typing import Final
from uuid import UUID

from core.business_day.steps import Share, Work
from core.foundation import metrics
from core.foundation.database import Reader
from core.foundation.logging import get_logger
from core.foundation.unit_of_work import UnitOfWork
from core.lending import notices
from core.notifications import inbox

log = get_logger(__name__)

SHARE_LOANS: Final = 1_000

_SHARES = """
WITH borrowers AS (
  SELECT user_id, count(*) AS loans FROM loans
  WHERE status IN ('active', 'restructured') GROUP BY user_id
), numbered AS (
  SELECT user_id, loans, ((sum(loans) OVER (ORDER BY user_id) - 1) / $1)::int AS bucket
  FROM borrowers
), ranges AS (
  SELECT (array_agg(user_id ORDER BY user_id))[1] AS first_user, sum(loans)::int AS loans,
         row_number() OVER (ORDER BY bucket) AS number
  FROM numbered GROUP BY bucket
)
SELECT CASE WHEN number = 1 THEN '00000000-0000-0000-0000-000000000000' ELSE first_user END
         AS first_id,
       lead(first_user) OVER (ORDER BY number) AS next_id, loans AS size
FROM ranges ORDER BY number
"""
_SECOND_HALF = """
WITH borrowers AS (
  SELECT user_id, count(*) AS loans, row_number() OVER (ORDER BY user_id) AS place,
         count(*) OVER () AS number
  FROM loans WHERE user_id >= $1 AND ($2::uuid IS NULL OR user_id < $2)
    AND status IN ('active', 'restructured')
  GROUP BY user_id
)
SELECT (array_agg(user_id ORDER BY user_id))[1] AS first_id, sum(loans)::int AS size
FROM borrowers WHERE place > number / 2 AND number > 1
HAVING count(*) > 0
"""
_LOANS = """
SELECT id FROM loans WHERE user_id >= $1 AND ($2::uuid IS NULL OR user_id < $2)
  AND status IN ('active', 'restructured') ORDER BY id
"""
_OPEN_SINCE = """
SELECT min(disbursed_on) + 1 FROM loans WHERE status IN ('active', 'restructured')
"""


class Borrowers:
    """A workload of the business day: all running loans. A share holds some borrowers' loans."""

    async def open_since(self, reader: Reader) -> date | None:
        """The day after the first running loan was paid out; None before any loan.

        Asked while the bank has closed no date: what a run that was broken off has done for its
        date does not move it.
        """
        found: date | None = await reader.fetchval(_OPEN_SINCE)
        return found

    async def shares(self, reader: Reader, _day: date) -> list[Share]:
        """Shares of some ``SHARE_LOANS`` loans; none where no loan runs."""
        return [Share(*row) for row in await reader.fetch(_SHARES, SHARE_LOANS)]

    async def second_half(self, reader: Reader, share: Share) -> Share | None:
        """The second half of the share's borrowers; None where it holds one only."""
        row = await reader.fetchrow(_SECOND_HALF, share.first_id, share.next_id)
        return None if row is None else Share(row["first_id"], share.next_id, row["size"])

    async def left_out(self, unit: UnitOfWork, work: Work) -> None:
        """Tell the staff of each loan of a borrower for whom the run could not be done."""
        rows = await unit.connection.fetch(_LOANS, work.share.first_id, work.share.next_id)
        loans: list[UUID] = [row["id"] for row in rows]
        run_id, job, day = work.run_id, work.job, work.business_date
        told = [notices.set_aside(run_id, job, day, loan) for loan in loans]
        await inbox.write(unit.connection, told)
        metrics.loans_set_aside.inc(len(loans))
        log.error("loans_set_aside", run_id=str(run_id), loans=[str(loan) for loan in loans])
