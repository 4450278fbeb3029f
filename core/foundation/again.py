"""Trying again: the one loop around what may simply run once more."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from core.foundation.logging import describe, get_logger

log = get_logger(__name__)

Answer = TypeVar("Answer")


async def again(
    work: Callable[[], Awaitable[Answer]],
    *,
    attempts: int,
    after: Callable[[Exception], bool],
    pause_seconds: Callable[[int], float],
    what: str,
) -> Answer:
    """What ``work`` answers, at the latest the last of so many ``attempts``.

    Only an error ``after`` which it may run again is passed over, each with a pause that is told
    how many attempts there were; the last one and any other is raised. ``what`` names it in the
    log.
    """
    attempt = 1
    while True:
        try:
            return await work()
        except Exception as error:
            if attempt == attempts or not after(error):
                raise
            log.warning("again", what=what, attempt=attempt, error=describe(error))
        await asyncio.sleep(pause_seconds(attempt))
        attempt += 1
