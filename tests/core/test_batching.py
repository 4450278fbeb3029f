"""Sharing a flush: whoever comes during one goes in the next, and each gets what is theirs."""

import asyncio
from collections.abc import Sequence

import pytest

from core.foundation.batching import Coalescer
from core.foundation.errors import Overloaded


class Ferry:
    """Carries numbers across and doubles them, as soon as it is let go."""

    def __init__(self) -> None:
        self.trips: list[list[int]] = []
        self.aboard = 0
        self.most_at_once = 0
        self.leave = asyncio.Event()

    async def __call__(self, items: list[int]) -> Sequence[int | Exception]:
        self.trips.append(items)
        self.aboard += 1
        self.most_at_once = max(self.most_at_once, self.aboard)
        await self.leave.wait()
        self.aboard -= 1
        if 13 in items:
            raise RuntimeError("sunk")
        return [ValueError(item) if item < 0 else item * 2 for item in items]


def board(ferry: Coalescer[int, int], *numbers: int) -> list[asyncio.Task[int]]:
    return [asyncio.create_task(ferry.submit(number)) for number in numbers]


async def a_moment() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_the_first_goes_alone_and_the_crowd_behind_it_together() -> None:
    ferry = Ferry()
    shared: Coalescer[int, int] = Coalescer(ferry)
    first = board(shared, 1)
    await a_moment()
    crowd = board(shared, 2, 3, 4)
    await a_moment()
    ferry.leave.set()
    assert await asyncio.gather(*first, *crowd) == [2, 4, 6, 8]
    assert ferry.trips == [[1], [2, 3, 4]]


async def test_no_batch_is_larger_than_allowed() -> None:
    ferry = Ferry()
    ferry.leave.set()
    shared: Coalescer[int, int] = Coalescer(ferry, max_batch=2)
    assert await asyncio.gather(*board(shared, 1, 2, 3, 4, 5)) == [2, 4, 6, 8, 10]
    assert ferry.trips == [[1, 2], [3, 4], [5]]


async def test_no_more_flushes_run_at_once_than_there_are_lanes() -> None:
    ferry = Ferry()
    shared: Coalescer[int, int] = Coalescer(ferry, max_batch=1, lanes=2)
    tasks = board(shared, *range(6))
    await a_moment()
    assert ferry.aboard == 2
    ferry.leave.set()
    assert await asyncio.gather(*tasks) == [0, 2, 4, 6, 8, 10]
    assert ferry.most_at_once == 2


async def test_an_exception_for_one_is_raised_to_that_one_alone() -> None:
    ferry = Ferry()
    ferry.leave.set()
    shared: Coalescer[int, int] = Coalescer(ferry)
    results = await asyncio.gather(*board(shared, 1, -2, 3), return_exceptions=True)
    assert [results[0], results[2]] == [2, 6]
    assert isinstance(results[1], ValueError)


async def test_a_flush_that_fails_fails_its_own_batch_and_the_next_goes_on() -> None:
    ferry = Ferry()
    shared: Coalescer[int, int] = Coalescer(ferry, max_batch=2)
    tasks = board(shared, 1, 13, 3)
    ferry.leave.set()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(result) for result in results] == [RuntimeError, RuntimeError, int]


async def test_one_who_leaves_while_waiting_disturbs_nobody() -> None:
    ferry = Ferry()
    shared: Coalescer[int, int] = Coalescer(ferry)
    first = board(shared, 1)
    await a_moment()
    gone, stays = board(shared, 2, 3)
    await a_moment()
    gone.cancel()
    first[0].cancel()
    ferry.leave.set()
    assert await stays == 6
    with pytest.raises(asyncio.CancelledError):
        await gone
    # And the lane is free again.
    assert await shared.submit(4) == 8


async def test_when_all_leave_the_lane_is_free_again() -> None:
    ferry = Ferry()
    shared: Coalescer[int, int] = Coalescer(ferry)
    tasks = board(shared, 1, 2)
    await a_moment()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    ferry.leave.set()
    assert await shared.submit(5) == 10


async def test_beyond_so_many_waiting_the_next_is_refused_at_once() -> None:
    ferry = Ferry()
    shared: Coalescer[int, int] = Coalescer(ferry, max_waiting=2)
    aboard = board(shared, 1)
    await a_moment()
    waiting = board(shared, 2, 3)
    await a_moment()
    with pytest.raises(Overloaded):
        await asyncio.wait_for(shared.submit(4), 1)
    ferry.leave.set()
    assert await asyncio.gather(*aboard, *waiting) == [2, 4, 6]
    assert ferry.trips == [[1], [2, 3]], "who was refused has not travelled"
    assert await shared.submit(5) == 10
