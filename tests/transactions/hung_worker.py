"""A worker that stops itself, as SIGSTOP does, in the middle of a unit of work.

    python -m tests.transactions.hung_worker DATABASE_URL REDIS_URL TTL_SECONDS WHERE

Says ``ready``, stops inside its first unit of work, with its accounts locked, and once it is
continued drains and says ``settled``; then drains again for every line it is told. WHERE is
``between`` two statements, or ``reading`` the long answer to one.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Sequence

import uvloop

from core.foundation.cache import connect
from core.foundation.config import Settings
from core.foundation.database import Database, UnitOfWork
from core.foundation.locks import Locks
from core.foundation.logging import configure
from core.transactions.decide import Movement, Outcome, Rule, move_amount
from core.transactions.kinds import Kinds
from core.transactions.settle import Settler
from core.transactions.waiting import Announcer

# 300 MB: more than a process can read, or a kernel keep for it, before it stops.
LONG_ANSWER = "SELECT repeat('x', 300) FROM generate_series(1, 1000000)"


def stop() -> None:
    os.kill(os.getpid(), signal.SIGSTOP)


class StopsOnce:
    """Transfers, the first of which stop the process."""

    type = "transfer"

    def __init__(self, where: str) -> None:
        self.stopped = False
        self.where = where

    async def load(self, unit: UnitOfWork, movements: Sequence[Movement]) -> Rule:
        if not self.stopped:
            self.stopped = True
            if self.where == "reading":
                asyncio.get_running_loop().call_later(0.05, stop)
                await unit.connection.fetch(LONG_ANSWER)
            else:
                stop()
        return move_amount

    async def apply(self, unit: UnitOfWork, outcomes: Sequence[Outcome]) -> None:
        """Nothing beside the postings."""


def say(word: str) -> None:
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


async def main(database_url: str, redis_url: str, ttl_seconds: str, where: str) -> None:
    configure(Settings(_env_file=None, log_level="ERROR"), process="worker")
    database, redis = Database(database_url, name="hung"), connect(redis_url)
    kinds = Kinds()
    kinds.replace(StopsOnce(where))
    locks = Locks(redis, ttl_seconds=float(ttl_seconds))
    settler = Settler(database, locks, kinds, Announcer(redis), batch_size=100, time_zone="UTC")
    say("ready")
    while await asyncio.to_thread(sys.stdin.readline):
        await settler.drain()
        say("settled")
    await redis.aclose()
    await database.close()


if __name__ == "__main__":
    uvloop.run(main(*sys.argv[1:]))
