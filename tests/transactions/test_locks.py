"""Locks of any number of accounts: who is taken, who waits, and what is locked for whom."""

import random
from collections.abc import Sequence

from core.foundation.ids import new_id
from core.foundation.locks import Locks, _open_to
from tests.quiet import Quiet


def locks_of(quiet: Quiet) -> Locks:
    return Locks(quiet.redis, ttl_seconds=5)


async def test_a_claimant_gets_all_that_it_needs_or_is_left_behind(quiet: Quiet) -> None:
    # Given somebody else's hand on one of Dora's three accounts
    anna, bert, carl, dora = [new_id() for _ in range(4)]
    async with locks_of(quiet).hold([(dora,)], limit=1):
        claimants = [(anna,), (bert, carl, dora), (carl, new_id()), (anna, new_id(), new_id())]
        async with locks_of(quiet).hold(claimants, limit=10) as taken:
            # Then what she needs is closed to whoever comes later, and nothing of it is locked
            assert taken.places == [0, 3]
            assert bert.bytes not in taken.locked
            assert len(taken.locked) == 3 * 16
        async with locks_of(quiet).hold([(bert, carl)], limit=1) as taken:
            assert taken.places == [0]


async def test_the_server_and_we_read_a_queue_alike(quiet: Quiet) -> None:
    draw = random.Random(7)
    accounts = [new_id() for _ in range(12)]
    for _ in range(20):
        claimants: Sequence[Sequence[object]] = [
            draw.sample(accounts, draw.randint(1, 5)) for _ in range(15)
        ]
        closed = draw.sample(accounts, draw.randint(0, 2))
        async with locks_of(quiet).hold(claimants, limit=99, closed=closed) as taken:
            assert taken.places == _open_to(claimants, set(closed))
