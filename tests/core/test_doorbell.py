"""The bell that a process of the API rings for the workers."""

import asyncio

from core.foundation.jobs import Doorbell, Jobs


class SlowJobs(Jobs):
    """Jobs whose Redis answers when it is let, and fails the first time."""

    def __init__(self) -> None:
        self.rung_for: list[str | None] = []
        self.answers = asyncio.Event()

    async def ring(self, request_id: str | None = None) -> bool:
        self.rung_for.append(request_id)
        await self.answers.wait()
        if len(self.rung_for) == 1:
            raise ConnectionError("Redis is gone")
        return True


async def test_who_comes_while_a_ring_is_under_way_shares_the_next() -> None:
    jobs = SlowJobs()
    bell = Doorbell(jobs)
    bell.ring("the first")
    await asyncio.sleep(0)
    for number in range(5_000):
        bell.ring(f"while it rings, {number}")
    jobs.answers.set()
    await bell.close()
    assert jobs.rung_for == ["the first", "while it rings, 0"]
    bell.ring("later")
    await bell.close()
    assert jobs.rung_for[2:] == ["later"]
