"""One claimed batch, settled whatever goes wrong with it.

What goes wrong is told apart: the system's failure (deadlock, lost server) runs the whole unit of
work again; a transaction that breaks its batch is isolated, tried again, and after
``MAX_ATTEMPTS`` set aside as ``failed`` with code ``internal``, so that it never blocks the others.
What waits for a row that somebody else holds is left out and nobody's fault.
"""

from collections.abc import Collection, Sequence
from functools import partial
from time import monotonic
from typing import Any, Final
from uuid import UUID

from core.foundation import metrics
from core.foundation.again import again
from core.foundation.database import Bounds, Database
from core.foundation.logging import bind, describe, get_logger
from core.foundation.metrics import stage
from core.foundation.sqlstates import is_connection_loss, is_retryable, was_held_up
from core.transactions.book import Booked, book, find_pending
from core.transactions.claim import Claim
from core.transactions.elsewhere import LockedElsewhere
from core.transactions.finish import Finisher, LostRace
from core.transactions.kinds import Kinds
from core.transactions.waiting import Announcer

log = get_logger(__name__)

# A statement that waits for a lock is cut short; where that was not expected, what caused it is
# searched for as long as this.
LOCK_WAIT_SECONDS: Final = 0.1
SEARCH_SECONDS: Final = 1.0
UNIT_SECONDS: Final = 30.0
MAX_ATTEMPTS: Final = 3
RETRIES: Final = 8
FIRST_BACKOFF_SECONDS: Final = 0.02

_COUNT_ATTEMPT = """
UPDATE transactions SET attempts = attempts + 1 WHERE id = $1 AND status = 'pending'
RETURNING attempts
"""
_CLAIMED = """
SELECT id, debit_account_id, credit_account_id FROM transactions
WHERE status = 'pending' AND seq <= $1
  AND (debit_account_id IS NULL OR debit_account_id = ANY($2::uuid[]))
  AND (credit_account_id IS NULL OR credit_account_id = ANY($2::uuid[]))
ORDER BY seq
"""
_SIDES: Final = ("debit_account_id", "credit_account_id")


class BatchSettler:
    """Settles what was claimed; a process that says nothing for ``idle_seconds`` loses its unit."""

    def __init__(
        self,
        database: Database,
        kinds: Kinds,
        announcer: Announcer,
        elsewhere: LockedElsewhere,
        *,
        idle_seconds: float,
        time_zone: str,
    ) -> None:
        self._database = database
        self._kinds = kinds
        self._finisher = Finisher(kinds, announcer, time_zone=time_zone)
        self._elsewhere = elsewhere
        self._bounds = Bounds(LOCK_WAIT_SECONDS, idle=idle_seconds, whole=UNIT_SECONDS)

    async def settle(self, taken: Claim) -> int:
        """Settle what was taken; answers how many transactions reached an end by their rules."""
        try:
            booked = await self._book_with_retries(taken)
        except Exception as error:
            if was_held_up(error):
                log.warning("batch_held_up", transactions=taken.taken, error=describe(error))
            elif is_retryable(error):
                raise  # the system's failure: the rows stay pending, the sweep rings again
            else:
                log.exception("batch_broken", transactions=taken.taken, error=describe(error))
            async with self._database.read() as reader:
                rows = await reader.fetch(_CLAIMED, taken.last_seq, list(taken.accounts))
            return await self._isolate(taken, rows, monotonic() + SEARCH_SECONDS)
        if self._elsewhere.waited_for(booked.held_elsewhere):
            return booked.ended + await self._stand_in_line(taken, booked.held_elsewhere)
        self._leave_alone(booked.held_elsewhere)
        return booked.ended

    async def _stand_in_line(self, taken: Claim, held: Collection[UUID]) -> int:
        """Wait a moment for what is held again and again.

        Whoever looks only now and then may never find a row free that many want.
        """
        try:
            late = await self._book_with_retries(taken, in_line=True)
        except Exception as error:  # noqa: BLE001 - its next turn meets it among the others
            log.info("line_left", error=describe(error))
            late = Booked(0, held)
        self._leave_alone(late.held_elsewhere)
        return late.ended

    async def _book_with_retries(
        self, taken: Claim, only: Sequence[UUID] | None = None, *, in_line: bool = False
    ) -> Booked:
        return await again(
            partial(self._book, taken, only, in_line=in_line),
            attempts=RETRIES,
            after=_may_run_again,
            pause_seconds=lambda attempt: FIRST_BACKOFF_SECONDS * 2 ** (attempt - 1),
            what="settlement of a batch",
        )

    async def _book(self, taken: Claim, only: Sequence[UUID] | None, *, in_line: bool) -> Booked:
        with stage("book"):
            async with self._database.unit_of_work(self._bounds) as unit:
                booked = await book(
                    unit, taken, self._kinds, self._finisher, only=only, in_line=in_line
                )
                await unit.commit()
        return booked

    async def tell(self) -> None:
        """Tell whoever waits of what was settled: after its accounts were unlocked."""
        await self._finisher.tell()

    def _leave_alone(self, accounts: Collection[UUID]) -> None:
        if accounts:
            metrics.held_elsewhere.inc(len(accounts))
            log.info("accounts_held_elsewhere", accounts=len(accounts))
            self._elsewhere.note(accounts)

    async def _isolate(self, taken: Claim, rows: Sequence[Any], search_until: float) -> int:
        """Settle in halves, in order, until what breaks or holds up the unit of work stands alone.

        Whatever waits for others is searched for until ``search_until``; the rest waits as well.
        """
        if not rows:
            return 0
        try:
            booked = await self._book_with_retries(taken, [row["id"] for row in rows])
        except Exception as error:
            if was_held_up(error):
                if len(rows) == 1 or monotonic() > search_until:
                    self._leave_alone(_accounts(rows))
                    return 0
            elif is_retryable(error):
                raise
            elif len(rows) == 1:
                await self._note_breakage(rows[0]["id"], error)
                return 0
        else:
            self._leave_alone(booked.held_elsewhere)
            return booked.ended
        middle = len(rows) // 2
        first = await self._isolate(taken, rows[:middle], search_until)
        return first + await self._isolate(taken, rows[middle:], search_until)

    async def _note_breakage(self, transaction_id: UUID, error: Exception) -> None:
        with bind(transaction_id=str(transaction_id)):
            async with self._database.unit_of_work() as unit:
                attempts = await unit.connection.fetchval(_COUNT_ATTEMPT, transaction_id)
                await unit.commit()
            log.exception("transaction_breaks_worker", attempts=attempts, error=describe(error))
            if attempts is not None and attempts >= MAX_ATTEMPTS:
                await self._set_aside(transaction_id, error)

    async def _set_aside(self, transaction_id: UUID, error: Exception) -> None:
        try:
            async with self._database.unit_of_work(self._bounds) as unit:
                movement = await find_pending(unit, transaction_id, self._kinds)
                if movement is None:
                    return
                await self._finisher.set_aside(unit, movement)
                await unit.commit()
        except Exception as trouble:
            if not _may_be_set_aside_later(trouble):
                raise
            log.info("not_set_aside_yet", error=describe(trouble))
            return
        metrics.set_aside.inc()
        log.critical("transaction_set_aside", error=describe(error))


def _accounts(rows: Sequence[Any]) -> set[UUID]:
    return {row[side] for row in rows for side in _SIDES if row[side] is not None}


def _may_be_set_aside_later(trouble: Exception) -> bool:
    """Whether the rest of the round may go on: what is in the way is this transaction's alone."""
    if was_held_up(trouble) or isinstance(trouble, LostRace):
        return True
    return is_retryable(trouble) and not is_connection_loss(trouble)


def _may_run_again(error: Exception) -> bool:
    may = (isinstance(error, LostRace) or is_retryable(error)) and not was_held_up(error)
    if may:
        metrics.retries.labels(type(error).__name__).inc()
    return may
