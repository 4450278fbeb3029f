"""A worker's round: claim, book, commit, unlock, tell.

``Settler.drain`` runs rounds until nothing that is free is left. What goes wrong inside a round is
told apart: the system's failure (deadlock, lost server) runs the whole unit of work again; a
transaction that breaks its batch is isolated, tried again, and after ``MAX_ATTEMPTS`` set aside as
``failed`` with code ``internal``, so that it never blocks the others.
"""

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from core import clock, metrics
from core.database import Database, is_retryable
from core.errors import Internal
from core.locks import Locks
from core.logging import bind, describe, get_logger, log_each
from core.metrics import stage
from core.transactions.book import LostRace, book
from core.transactions.claim import Claim, claim
from core.transactions.decide import Outcome
from core.transactions.kinds import Kinds
from core.transactions.waiting import Announcer

log = get_logger(__name__)

LANES: Final = 2
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
_CLAIMED_IDS = """
SELECT id FROM transactions WHERE status = 'pending' AND seq <= $1
  AND (debit_account_id IS NULL OR debit_account_id = ANY($2::uuid[]))
  AND (credit_account_id IS NULL OR credit_account_id = ANY($2::uuid[]))
ORDER BY seq
"""


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
        self._draining = False
        self._asked = False

    async def drain(self) -> int:
        """Settle until nothing that is free is left; answers how many transactions reached an end.

        One drain at a time in a process: a call during another makes that one look once more.
        """
        self._asked = True
        if self._draining:
            return 0
        self._draining = True
        total = 0
        try:
            while self._asked:
                self._asked = False
                total += await self._lane(alone=True)
        finally:
            self._draining = False
        return total

    async def _lane(self, *, alone: bool) -> int:
        """Round after round; several lanes where the queue is longer than a batch.

        They run side by side, so that one decides while another's statements run. With little to
        do they would only halve the batches, and double what a transaction costs.
        """
        total, crowded = 0, False
        while True:
            done = await self.round(crowded=crowded)
            total += done.settled
            if alone and done.seen >= self._batch_size:
                lanes = (self._lane(alone=False) for _ in range(LANES))
                return total + sum(await asyncio.gather(*lanes))
            if not done.settled and (crowded or not done.seen):
                return total
            crowded = done.settled < done.seen

    async def round(self, *, crowded: bool = False) -> Round:
        """Claim and settle one batch."""
        async with claim(
            self._database, self._locks, limit=self._batch_size, crowded=crowded
        ) as taken:
            outcomes = await self._settle(taken) if taken.taken else []
        if outcomes:
            self._count(outcomes)
            with stage("log"):
                _log(outcomes)
            with stage("announce"):
                await self._announcer.announce([outcome.movement.id for outcome in outcomes])
        return Round(len(outcomes), taken.seen)

    async def _settle(self, taken: Claim) -> list[Outcome]:
        try:
            return await self._book_with_retries(taken)
        except Exception as error:
            if is_retryable(error):
                raise  # the system's failure: the rows stay pending, the sweep rings again
            log.exception("batch_broken", transactions=taken.taken, error=describe(error))
        async with self._database.raw_connection() as connection:
            rows = await connection.fetch(_CLAIMED_IDS, taken.last_seq, list(taken.accounts))
        return await self._isolate(taken, [row["id"] for row in rows])

    async def _book_with_retries(
        self, taken: Claim, only: Sequence[UUID] | None = None
    ) -> list[Outcome]:
        backoff = FIRST_BACKOFF_SECONDS
        for attempt in range(1, RETRIES + 1):
            try:
                with stage("book"):
                    async with self._database.raw_unit_of_work() as connection:
                        return await book(connection, taken, self._kinds, only=only)
            except Exception as error:
                if attempt == RETRIES or not (isinstance(error, LostRace) or is_retryable(error)):
                    raise
                metrics.retries.labels(type(error).__name__).inc()
                log.warning("unit_of_work_again", attempt=attempt, error=describe(error))
                await asyncio.sleep(backoff)
                backoff *= 2
        raise AssertionError("the last attempt returns or raises")

    async def _isolate(self, taken: Claim, ids: Sequence[UUID]) -> list[Outcome]:
        """Settle in halves, in order, until what breaks the unit of work stands alone."""
        if not ids:
            return []
        try:
            return await self._book_with_retries(taken, only=ids)
        except Exception as error:
            if is_retryable(error):
                raise
            if len(ids) == 1:
                await self._note_breakage(ids[0], error)
                return []
        middle = len(ids) // 2
        first = await self._isolate(taken, ids[:middle])
        return first + await self._isolate(taken, ids[middle:])

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
