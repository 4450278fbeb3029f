"""What the bank need not know any more is forgotten, once a day.

The books themselves are kept: transactions, postings, loans, and the audit log without its
addresses. Each kind goes in a unit of work of its own, so that one that fails keeps no other.
"""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from core.audit.log import forget_origins
from core.foundation.database import Database
from core.identity.addresses import forget_addresses
from core.identity.sessions import forget_ended_sessions
from core.notifications.inbox import forget_notices
from core.transactions.keys import forget_keys
from worker.runtime import Runtime

Forgetting = Callable[[Database, datetime], Awaitable[None]]


async def forget_what_is_old(runtime: Runtime, now: datetime) -> None:
    """Delete what is older than the settings keep it; doing it again does nothing more.

    Raises ExceptionGroup, after all were tried, of the kinds that could not be forgotten.
    """
    settings = runtime.settings
    kinds: list[tuple[Forgetting, int]] = [
        (_sessions, settings.keep_sessions_days),
        (_origins, settings.keep_origins_days),
        (_notices, settings.keep_notices_days),
        (_keys, settings.keep_idempotency_keys_days),
    ]
    failures: list[Exception] = []
    for forget, days in kinds:
        try:
            await forget(runtime.database, now - timedelta(days=days))
        except Exception as error:  # noqa: BLE001 - raised below, with the others
            failures.append(error)
    if failures:
        raise ExceptionGroup("not everything that is old was forgotten", failures)


async def _sessions(database: Database, before: datetime) -> None:
    async with database.unit_of_work() as unit:
        await forget_ended_sessions(unit.session, before)
        await unit.commit()


async def _origins(database: Database, before: datetime) -> None:
    async with database.unit_of_work() as unit:
        await forget_origins(unit.session, before)
        await forget_addresses(unit.session, before)
        await unit.commit()


async def _notices(database: Database, before: datetime) -> None:
    async with database.unit_of_work() as unit:
        await forget_notices(unit.connection, before)
        await unit.commit()


async def _keys(database: Database, before: datetime) -> None:
    async with database.unit_of_work() as unit:
        await forget_keys(unit.connection, before)
        await unit.commit()
