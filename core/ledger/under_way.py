"""Waiting for what was under way at a moment: units of work that have begun to write."""

import asyncio
from time import monotonic
from typing import Final

from core.foundation.database import Database

LOOK_SECONDS: Final = 0.05

# Whoever has begun to write has an id below this statement's xmax.
_BEGUN = "SELECT pg_snapshot_xmax(pg_current_snapshot())::text"
_ALL_ENDED = "SELECT pg_snapshot_xmin(pg_current_snapshot()) >= $1::text::xid8"


async def last_begun(database: Database) -> str:
    """A mark of this moment: what has begun to write by now lies below it."""
    async with database.read() as reader:
        mark: str = await reader.fetchval(_BEGUN)
    return mark


async def wait_until_ended(database: Database, mark: str, *, patience_seconds: float) -> None:
    """Wait until everything below ``mark`` has come to its end. Raises TimeoutError."""
    patient_until = monotonic() + patience_seconds
    while True:
        async with database.read() as reader:
            if await reader.fetchval(_ALL_ENDED, mark):
                return
        if monotonic() > patient_until:
            raise TimeoutError("a unit of work under way has not come to its end")
        await asyncio.sleep(LOOK_SECONDS)
