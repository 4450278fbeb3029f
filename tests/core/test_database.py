"""The database's URL, in the spelling that every tool of PostgreSQL's understands."""

import asyncio

import asyncpg
import pytest

from core.foundation.config import Settings
from core.foundation.database import Database
from core.foundation.pool import IDLE_SECONDS
from tests.system import migrate


@pytest.mark.parametrize("query", ["sslmode=disable", "sslmode=prefer&application_name=ledger"])
async def test_options_of_the_url_reach_the_driver_by_either_door(
    quiet_settings: Settings, query: str
) -> None:
    url = f"{quiet_settings.database_url}?{query}"
    database = Database(url, name="test")
    async with database.read() as reader:
        assert (
            await reader.fetchval("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()")
            is False
        )
    await database.close()
    migrate(quiet_settings.model_copy(update={"database_url": url}))


async def test_encryption_that_the_server_has_not_is_not_done_without(
    quiet_settings: Settings,
) -> None:
    database = Database(f"{quiet_settings.database_url}?sslmode=require", name="test")
    with pytest.raises(ConnectionError, match="SSL"):
        async with database.read():
            pass
    await database.close()


async def test_whoever_hangs_inside_a_unit_of_work_is_cut_off_after_seconds(
    database: Database,
) -> None:
    async with database.read() as reader:
        shown = await reader.fetchval("SHOW idle_in_transaction_session_timeout")
    assert shown == f"{IDLE_SECONDS:.0f}s"
    assert IDLE_SECONDS <= 5


async def test_on_a_full_server_nobody_keeps_what_others_wait_for(
    quiet_settings: Settings, superuser: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    # Given a server with room for two more, and both taken by an API that wants a third
    name = quiet_settings.database_url.rpartition("/")[2]
    there = await superuser.fetchval(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
    )
    await superuser.execute(f'ALTER DATABASE "{name}" CONNECTION LIMIT {there + 2}')
    api = Database(quiet_settings.database_url, name="api", pool_size=3)
    worker = Database(quiet_settings.database_url, name="worker", pool_size=1)
    try:
        async with api.read(), api.read():
            with pytest.raises(Exception, match="too many connections"):
                async with api.read():
                    pass
            with pytest.raises(Exception, match="too many connections"):
                async with worker.read():
                    pass
        # When the API has served its two requests, then it does not keep what it has for later
        async with asyncio.timeout(10):
            while not await can_connect(worker):  # noqa: ASYNC110 - another process's room
                await asyncio.sleep(0.05)
    finally:
        await superuser.execute(f'ALTER DATABASE "{name}" CONNECTION LIMIT -1')
        await api.close()
        await worker.close()


async def can_connect(database: Database) -> bool:
    try:
        async with database.read():
            return True
    except Exception as error:
        if "too many connections" not in str(error):
            raise
        return False
