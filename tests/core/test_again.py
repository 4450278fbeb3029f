"""What may simply run once more does, so often and no more; what may not is raised at once."""

import pytest

from core.foundation.again import again


class Counter:
    """A counter that is lost so many times before it answers."""

    def __init__(self, losses: int) -> None:
        self.losses = losses
        self.pauses: list[int] = []

    async def ask(self) -> str:
        self.losses -= 1
        if self.losses >= 0:
            raise ConnectionError
        return "served"

    def pause_seconds(self, attempt: int) -> float:
        self.pauses.append(attempt)
        return 0

    async def queue_up(self, *, after: type[Exception] = ConnectionError) -> str:
        return await again(
            self.ask,
            attempts=3,
            after=lambda error: isinstance(error, after),
            pause_seconds=self.pause_seconds,
            what="a question",
        )


@pytest.mark.parametrize("losses", [0, 1, 2])
async def test_who_is_lost_asks_again(losses: int) -> None:
    counter = Counter(losses)
    assert await counter.queue_up() == "served"
    assert counter.pauses == list(range(1, losses + 1))


async def test_the_last_loss_is_told() -> None:
    counter = Counter(3)
    with pytest.raises(ConnectionError):
        await counter.queue_up()
    assert counter.pauses == [1, 2]


async def test_a_refusal_is_final() -> None:
    counter = Counter(1)
    with pytest.raises(ConnectionError):
        await counter.queue_up(after=ValueError)
    assert counter.pauses == []
