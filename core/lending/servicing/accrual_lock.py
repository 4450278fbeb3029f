"""Booking a day's interest for all loans, and changing what a loan earns: one or the other.

A day is counted for the loans as their rows stand. Whoever reads a loan to change it holds the
others' lock together with everybody else who does, from before the reading to the commit; the day's
accrual holds it alone. So no day is counted twice, or left out, for a loan that changes meanwhile.
"""

from typing import Final

from core.foundation.database import Connection

_KEY: Final = 0x6769726F_05
_TOGETHER: Final = "SELECT pg_advisory_xact_lock_shared($1)"
_TOGETHER_IF_FREE: Final = "SELECT pg_try_advisory_xact_lock_shared($1)"
_ALONE: Final = "SELECT pg_advisory_xact_lock($1)"


async def hold(connection: Connection) -> None:
    """Keep the days' accrual from counting until the end of the unit of work."""
    await connection.execute(_TOGETHER, _KEY)


async def hold_if_free(connection: Connection) -> bool:
    """As ``hold``, without waiting; False while a day is being counted."""
    held: bool = await connection.fetchval(_TOGETHER_IF_FREE, _KEY)
    return held


async def hold_alone(connection: Connection) -> None:
    """Wait until nobody is changing what a loan earns, and keep everybody from it."""
    await connection.execute(_ALONE, _KEY)
