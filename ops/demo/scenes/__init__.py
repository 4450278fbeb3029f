"""The scenes in the order in which they are played. A scene is a TITLE and `play(stage)`."""

from collections.abc import Awaitable, Callable
from typing import Final

from ops.demo.scenes import (
    accounts,
    books,
    burst,
    correction,
    foreclosure,
    frozen,
    loans,
    overdraft,
    people,
    recovery,
    replay,
    statement,
    transfer,
    year,
)
from ops.demo.stage import Stage

Scene = tuple[str, Callable[[Stage], Awaitable[None]]]

SCENES: Final[tuple[Scene, ...]] = tuple(
    (scene.TITLE, scene.play)
    for scene in (
        *(people, accounts, transfer, replay, overdraft, frozen, burst),
        *(loans, foreclosure, correction, year, recovery),
        *(statement, books),
    )
)
