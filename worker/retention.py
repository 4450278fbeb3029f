"""What the bank need not know any more is forgotten, once a day.

The books themselves are kept: transactions, postings, loans, and the audit log without its
addresses. Each kind goes in a unit of work of its own, so that one that fails keeps no other.
"""

from datetime import datetime, timedelta

from core.audit.log import forget_origins
from core.identity.addresses import forget_addresses
from core.identity.sessions import forget_ended_sessions
from core.notifications.notices import forget_notices
from core.transactions.keys import forget_keys
from worker.runtime import Runtime


async def forget_what_is_old(runtime: Runtime, now: datetime) -> None:
    """Delete what is older than the settings keep it; doing it again does nothing more."""
    settings, database = runtime.settings, runtime.database
    sessions_end = now - timedelta(days=settings.keep_sessions_days)
    origins_end = now - timedelta(days=settings.keep_origins_days)
    notices_end = now - timedelta(days=settings.keep_notices_days)
    keys_end = now - timedelta(days=settings.keep_idempotency_keys_days)
    async with database.unit_of_work() as session:
        await forget_ended_sessions(session, sessions_end)
        await session.commit()
    async with database.unit_of_work() as session:
        await forget_origins(session, origins_end)
        await forget_addresses(session, origins_end)
        await session.commit()
    async with database.raw_unit_of_work() as connection:
        await forget_notices(connection, notices_end)
    async with database.raw_unit_of_work() as connection:
        await forget_keys(connection, keys_end)
