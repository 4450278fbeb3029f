"""A worker that stops itself, as SIGSTOP does, in the middle of a unit of work.

    python -m tests.transactions.hung_worker DATABASE_URL REDIS_URL TTL_SECONDS

Says ``ready``, stops inside its first unit of work, with its accounts locked, and once it is
continued drains and says ``settled``; then drains again for every line it is told.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Sequence

import uvloop

from core.cache import connect
from core.config import Settings
from core.database import Connection, Database
from core.locks import Locks
from core.logging import configure
from core.transactions.decide import Movement, Outcome, Rule, move_amount
from core.transactions.kinds import Kinds
from core.transactions.settlement import Settler
from core.transactions.waiting import Announcer


class StopsOnce:
    """Transfers, the first of which stop the process."""

    type = "transfer"

    def __init__(self) -> None:
        self.stopped = False

    async def load(self, connection: Connection, movements: Sequence[Movement]) -> Rule:
        if not self.stopped:
            self.stopped = True
            os.kill(os.getpid(), signal.SIGSTOP)
        return move_amount

    async def apply(self, connection: Connection, outcomes: Sequence[Outcome]) -> None:
        """Nothing beside the postings."""


def say(word: str) -> None:
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


async def main(database_url: str, redis_url: str, ttl_seconds: str) -> None:
    configure(Settings(_env_file=None, log_level="ERROR"), process="worker")
    database, redis = Database(database_url, name="hung"), connect(redis_url)
    kinds = Kinds()
    kinds.replace(StopsOnce())
    locks = Locks(redis, ttl_seconds=float(ttl_seconds))
    settler = Settler(database, locks, kinds, Announcer(redis), batch_size=100)
    say("ready")
    while await asyncio.to_thread(sys.stdin.readline):
        await settler.drain()
        say("settled")
    await redis.aclose()
    await database.close()


if __name__ == "__main__":
    uvloop.run(main(*sys.argv[1:]))
