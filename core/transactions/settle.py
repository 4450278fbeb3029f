"""A worker's rounds: claim, settle, unlock, until nothing that is free is left.

How a claimed batch is settled, whatever goes wrong with it, stands in ``settle_batch``. What waits
for a row that somebody else holds comes again within ``LONGEST_PAUSE_SECONDS``.
"""

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from time import monotonic
from typing import Final

from core.foundation.database import Database
from core.foundation.locks import Locks
from core.transactions.claim import claim
from core.transactions.elsewhere import LockedElsewhere
from core.transactions.kinds import Kinds
from core.transactions.settle_batch import BatchSettler
from core.transactions.waiting import Announcer

LANES: Final = 2
# How far beyond a full batch a worker looks, and each time further, when others are settling the
# front of the queue or hold what it needs.
LOOK_AHEAD: Final = 3
FURTHEST_LOOK: Final = 30_000
# For how long a drain stays with what others hold; by then the sweep rings for it.
PATIENCE_SECONDS: Final = 5.0


@dataclass(frozen=True, slots=True)
class Round:
    """What one round did: transactions brought to their end, and pending ones it saw."""

    settled: int
    seen: int


class Settler:
    """Settles pending transactions for one worker process, of a bank in ``time_zone``."""

    def __init__(
        self,
        database: Database,
        locks: Locks,
        kinds: Kinds,
        announcer: Announcer,
        *,
        batch_size: int,
        time_zone: str,
    ) -> None:
        self._database = database
        self._locks = locks
        self._batch_size = batch_size
        self._elsewhere = LockedElsewhere()
        self._batches = BatchSettler(
            database,
            kinds,
            announcer,
            self._elsewhere,
            idle_seconds=locks.ttl_seconds,
            time_zone=time_zone,
        )
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
        try:
            async with claim(
                self._database,
                self._locks,
                limit=self._batch_size,
                depth=depth,
                closed=self._elsewhere.look(),
            ) as taken:
                settled = await self._batches.settle(taken) if taken.taken else 0
        finally:  # what has ended has, whatever became of the rest
            await self._batches.tell()
        return Round(settled, taken.seen)
