"""Taking turns: bounded, at once or not at all, and fair among those who ask."""

import asyncio
from time import monotonic

import pytest

from core.foundation.errors import Overloaded
from core.foundation.turns import Turns


async def a_moment() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


class Counter:
    """A counter whose clerk serves each for as long as told."""

    def __init__(self, turns: Turns) -> None:
        self.turns = turns
        self.served: list[str] = []
        self.next = asyncio.Semaphore(0)

    async def _ask(self, whose: str) -> None:
        async with self.turns.turn(whose):
            self.served.append(whose)
            await self.next.acquire()

    def ask(self, *people: str) -> list[asyncio.Task[None]]:
        return [asyncio.create_task(self._ask(whose)) for whose in people]

    async def serve(self, times: int) -> None:
        for _ in range(times):
            self.next.release()
            await a_moment()


def patient(slots: int, **limits: int) -> Turns:
    return Turns("test", slots, **{"max_waiting": 100, "patience_seconds": 60, **limits})


async def test_those_who_wait_are_served_in_rounds() -> None:
    counter = Counter(patient(1))
    tasks = counter.ask("anna", "anna", "anna", "anna")
    await a_moment()
    tasks += counter.ask("bert", "carl", "bert")
    await a_moment()
    await counter.serve(7)
    await asyncio.gather(*tasks)
    assert counter.served == ["anna", "anna", "bert", "carl", "anna", "bert", "anna"]


async def test_nobody_takes_more_turns_at_once_than_allowed() -> None:
    counter = Counter(patient(3, running_each=2))
    tasks = counter.ask("anna", "anna", "anna", "anna")
    await a_moment()
    assert counter.served == ["anna", "anna"], "the third turn is left to others"
    tasks += counter.ask("bert")
    await a_moment()
    assert counter.served == ["anna", "anna", "bert"]
    await counter.serve(5)
    await asyncio.gather(*tasks)


@pytest.mark.parametrize("limits", [{"max_waiting": 2}, {"waiting_each": 2}])
async def test_who_would_wait_among_too_many_is_told_at_once(limits: dict[str, int]) -> None:
    counter = Counter(patient(1, **limits))
    tasks = counter.ask("anna", "anna", "anna")
    await a_moment()
    started = monotonic()
    with pytest.raises(Overloaded):
        await counter.turns.take("anna")
    assert monotonic() - started < 1
    await counter.serve(3)
    await asyncio.gather(*tasks)
    async with counter.turns.turn("anna"):
        pass


async def test_who_has_waited_too_long_is_told_so_and_waits_no_more() -> None:
    turns = Turns("test", 1, max_waiting=5, patience_seconds=0.05)
    async with turns.turn("anna"):
        with pytest.raises(Overloaded):
            await turns.take("bert")
    async with turns.turn("carl"):  # bert's turn has not come, and keeps nobody waiting
        pass


async def test_one_who_leaves_in_the_moment_of_his_turn_gives_it_on() -> None:
    turns = patient(1)
    await turns.take("anna")
    leaving = asyncio.create_task(turns.take("bert"))
    staying = asyncio.create_task(turns.take("carl"))
    await a_moment()
    turns.give_back("anna")  # bert's turn begins…
    leaving.cancel()  # …as he leaves
    await asyncio.wait_for(staying, 1)
    with pytest.raises(asyncio.CancelledError):
        await leaving
    turns.give_back("carl")
    async with turns.turn("dora"):
        pass


async def test_one_who_has_left_is_passed_over() -> None:
    turns = patient(1)
    await turns.take("anna")
    gone = asyncio.create_task(turns.take("bert"))
    staying = asyncio.create_task(turns.take("carl"))
    await a_moment()
    gone.cancel()
    turns.give_back("anna")
    await asyncio.wait_for(staying, 1)
