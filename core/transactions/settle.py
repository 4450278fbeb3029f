"""A worker's round: claim, book, commit, unlock, tell.

``Settler.drain`` runs rounds until nothing that is free is left. What goes wrong inside a round is
told apart: the system's failure (deadlock, lost server) runs the whole unit of work again; a
transaction that breaks its batch is isolated, tried again, and after ``MAX_ATTEMPTS`` set aside as
``failed`` with code ``internal``, so that it never blocks the others. What waits for a row that
somebody else holds is left out and nobody's fault; it comes again within ``LONGEST_PAUSE_SECONDS``.
"""

import asyncio
from collections import Counter
from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from time import monotonic
from typing import Any, Final
from uuid import UUID

from core.foundation import clock, metrics
from core.foundation.database import Bounds, Database
from core.foundation.errors import Internal
from core.foundation.locks import Locks
from core.foundation.logging import bind, describe, get_logger, log_each
from core.foundation.metrics import stage
from core.foundation.sqlstates import is_retryable, was_held_up
from core.transactions.book import Booked, book
from core.transactions.claim import Claim, claim
from core.transactions.decide import Outcome
from core.transactions.elsewhere import HeldElsewhere
from core.transactions.finish import LostRace
from core.transactions.kinds import Kinds
from core.transactions.waiting import Announcer

log = get_logger(__name__)

LANES: Final = 2
# How far beyond a full batch a worker looks, and each time further, when others are settling the
# front of the queue or hold what it needs.
LOOK_AHEAD: Final = 3
FURTHEST_LOOK: Final = 30_000
# For how long a drain stays with what others hold; by then the sweep rings for it.
PATIENCE_SECONDS: Final = 5.0
# A statement that waits for a lock is cut short; where that was not expected, what caused it is
# searched for as long as this.
LOCK_WAIT_SECONDS: Final = 0.1
SEARCH_SECONDS: Final = 1.0
UNIT_SECONDS: Final = 30.0
# Timing every transaction of a large batch would cost more than deciding it.
TIMED_PER_BATCH: Final = 20
MAX_ATTEMPTS: Final = 3
RETRIES: Final = 8
FIRST_BACKOFF_SECONDS: Final = 0.02

_COUNT_ATTEMPT = """
UPDATE transactions SET attempts = attempts + 1 WHERE id = $1 AND status = 'pending'
RETURNING attempts
"""
_SET_ASIDE = """
UPDATE transactions SET status = 'failed', settled_at = clock_timestamp(),
       failure_code = $2, failure_reason = $3
WHERE id = $1 AND status = 'pending'
"""
_CLAIMED = """
SELECT id, debit_account_id, credit_account_id FROM transactions
WHERE status = 'pending' AND seq <= $1
  AND (debit_account_id IS NULL OR debit_account_id = ANY($2::uuid[]))
  AND (credit_account_id IS NULL OR credit_account_id = ANY($2::uuid[]))
ORDER BY seq
"""


_SIDES: Final = ("debit_account_id", "credit_account_id")


@dataclass(frozen=True, slots=True)
class Round:
    """What one round did: transactions brought to their end, and pending ones it saw."""

    settled: int
    seen: int


class Settler:
    """Settles pending transactions for one worker process."""

    def __init__(
        self,
        database: Database,
        locks: Locks,
        kinds: Kinds,
        announcer: Announcer,
        *,
        batch_size: int,
    ) -> None:
        self._database = database
        self._locks = locks
        self._kinds = kinds
        self._announcer = announcer
        self._batch_size = batch_size
        self._elsewhere = HeldElsewhere()
        self._bounds = Bounds(LOCK_WAIT_SECONDS, idle=locks.ttl_seconds, whole=UNIT_SECONDS)
        self._draining = False
        self._asked = asyncio.Event()

    async def drain(self) -> int:
        """Settle until nothing that is free is left; answers how many transactions reached an end.

        What others hold is tried again for a while. One drain at a time in a process: a call during
        another makes that one look once more.
        """
        self._asked.set()
        if self._draining:
            return 0
        self._draining = True
        patient_until = monotonic() + PATIENCE_SECONDS
        total = 0
        try:
            while self._asked.is_set() or await self._comes_again(patient_until):
                self._asked.clear()
                total += await self._lane(alone=True)
        finally:
            self._draining = False
        await self._locks.sweep()
        return total

    async def _comes_again(self, patient_until: float) -> bool:
        """Wait until what others held may be tried again, or somebody asks; False if nothing is."""
        pause = self._elsewhere.seconds_left()
        if pause is None or monotonic() > patient_until:
            return False
        with suppress(TimeoutError):
            async with asyncio.timeout(pause):
                await self._asked.wait()
        return True

    async def _lane(self, *, alone: bool = False, helps: bool = False) -> int:
        """Round after round; several lanes where the queue is longer than a batch.

        They run side by side, so that one decides while another's statements run. With little to
        do they would only halve the batches, and double what a transaction costs. So a lane that
        ``helps`` ends where the others, of any worker, leave it less than half a batch.
        """
        total, depth = 0, self._batch_size
        while True:
            done = await self.round(depth=depth)
            total += done.settled
            if alone and done.settled and done.seen >= self._batch_size:
                helpers = (self._lane(helps=True) for _ in range(LANES - 1))
                total += sum(await asyncio.gather(self._lane(), *helpers))
                depth = self._batch_size
                continue  # a lane may have left for what another still had in hand: look once more
            if helps and depth > self._batch_size and done.settled < self._batch_size // 2:
                return total
            if done.settled == done.seen:
                if not done.seen:
                    return total
                depth = self._batch_size
            elif done.settled:
                depth = self._batch_size * LOOK_AHEAD
            elif depth > self._batch_size and (done.seen < depth or depth >= FURTHEST_LOOK):
                return total
            else:
                depth *= LOOK_AHEAD

    async def round(self, *, depth: int | None = None) -> Round:
        """Claim and settle one batch out of the first ``depth`` that are pending."""
        async with claim(
            self._database,
            self._locks,
            limit=self._batch_size,
            depth=depth,
            closed=self._elsewhere.look(),
        ) as taken:
            outcomes = await self._settle(taken) if taken.taken else []
        if outcomes:
            self._count(outcomes)
            with stage("log"):
                _log(outcomes)
            with stage("announce"):
                await self._announcer.announce([outcome.movement.id for outcome in outcomes])
        return Round(len(outcomes), taken.seen)

    async def _settle(self, taken: Claim) -> Sequence[Outcome]:
        try:
            booked = await self._book_with_retries(taken)
        except Exception as error:
            if was_held_up(error):
                log.warning("batch_held_up", transactions=taken.taken, error=describe(error))
            elif is_retryable(error):
                raise  # the system's failure: the rows stay pending, the sweep rings again
            else:
                log.exception("batch_broken", transactions=taken.taken, error=describe(error))
            async with self._database.raw_connection() as connection:
                rows = await connection.fetch(_CLAIMED, taken.last_seq, list(taken.accounts))
            return await self._isolate(taken, rows, monotonic() + SEARCH_SECONDS)
        if self._elsewhere.waited_for(booked.held_elsewhere):
            return [*booked.outcomes, *await self._stand_in_line(taken, booked.held_elsewhere)]
        self._leave_alone(booked.held_elsewhere)
        return booked.outcomes

    async def _stand_in_line(self, taken: Claim, held: Collection[UUID]) -> Sequence[Outcome]:
        """Wait a moment for what is held again and again.

        Whoever looks only now and then may never find a row free that many want.
        """
        try:
            late = await self._book_with_retries(taken, in_line=True)
        except Exception as error:  # noqa: BLE001 - its next turn meets it among the others
            log.info("line_left", error=describe(error))
            late = Booked((), held)
        self._leave_alone(late.held_elsewhere)
        return late.outcomes

    async def _book_with_retries(
        self, taken: Claim, only: Sequence[UUID] | None = None, *, in_line: bool = False
    ) -> Booked:
        backoff = FIRST_BACKOFF_SECONDS
        for attempt in range(1, RETRIES + 1):
            try:
                with stage("book"):
                    async with self._database.unit_of_work(self._bounds) as unit:
                        booked = await book(unit, taken, self._kinds, only=only, in_line=in_line)
                        await unit.commit()
                    return booked
            except Exception as error:
                again = isinstance(error, LostRace) or is_retryable(error)
                if attempt == RETRIES or was_held_up(error) or not again:
                    raise
                metrics.retries.labels(type(error).__name__).inc()
                log.warning("unit_of_work_again", attempt=attempt, error=describe(error))
                await asyncio.sleep(backoff)
                backoff *= 2
        raise AssertionError("the last attempt returns or raises")

    def _leave_alone(self, accounts: Collection[UUID]) -> None:
        if accounts:
            metrics.held_elsewhere.inc(len(accounts))
            log.info("accounts_held_elsewhere", accounts=len(accounts))
            self._elsewhere.note(accounts)

    async def _isolate(
        self, taken: Claim, rows: Sequence[Any], search_until: float
    ) -> list[Outcome]:
        """Settle in halves, in order, until what breaks or holds up the unit of work stands alone.

        Whatever waits for others is searched for until ``search_until``; the rest waits as well.
        """
        if not rows:
            return []
        try:
            booked = await self._book_with_retries(taken, [row["id"] for row in rows])
            self._leave_alone(booked.held_elsewhere)
            return list(booked.outcomes)
        except Exception as error:
            if was_held_up(error):
                if len(rows) == 1 or monotonic() > search_until:
                    self._leave_alone(
                        {row[side] for row in rows for side in _SIDES if row[side] is not None}
                    )
                    return []
            elif is_retryable(error):
                raise
            elif len(rows) == 1:
                await self._note_breakage(rows[0]["id"], error)
                return []
        middle = len(rows) // 2
        first = await self._isolate(taken, rows[:middle], search_until)
        return first + await self._isolate(taken, rows[middle:], search_until)

    async def _note_breakage(self, transaction_id: UUID, error: Exception) -> None:
        with bind(transaction_id=str(transaction_id)):
            async with self._database.raw_unit_of_work() as connection:
                attempts = await connection.fetchval(_COUNT_ATTEMPT, transaction_id)
                if attempts is not None and attempts >= MAX_ATTEMPTS:
                    await connection.execute(
                        _SET_ASIDE, transaction_id, Internal.code, Internal.title
                    )
            log.exception("transaction_breaks_worker", attempts=attempts, error=describe(error))
            if attempts is not None and attempts >= MAX_ATTEMPTS:
                metrics.set_aside.inc()
                log.critical("transaction_set_aside", error=describe(error))
                await self._announcer.announce([transaction_id])

    def _count(self, outcomes: Sequence[Outcome]) -> None:
        metrics.batch_size.observe(len(outcomes))
        settled_at = clock.now()
        for outcome in outcomes[:: len(outcomes) // TIMED_PER_BATCH + 1]:
            waited = settled_at - outcome.movement.created_at
            metrics.time_to_final.observe(waited.total_seconds())
        ends = Counter((o.movement.type, o.failure.code if o.failure else None) for o in outcomes)
        for (kind, code), count in ends.items():
            if code is None:
                metrics.settled.labels(kind).inc(count)
            else:
                metrics.failed.labels(kind, code).inc(count)


def _log(outcomes: Sequence[Outcome]) -> None:
    """A line for each transaction, to be found by its id or by that of the request behind it."""
    log_each(
        log,
        "transaction_final",
        (
            {
                "transaction_id": str(movement.id),
                "request_id": movement.request_id,
                "type": movement.type,
                "failure_code": failure.code if failure else None,
            }
            for movement, _, failure in outcomes
        ),
    )
