"""The database's URL, in the spelling that every tool of PostgreSQL's understands."""

import pytest

from core.config import Settings
from core.database import IDLE_SECONDS, Database
from tests.system import migrate


@pytest.mark.parametrize("query", ["sslmode=disable", "sslmode=prefer&application_name=ledger"])
async def test_options_of_the_url_reach_the_driver_by_either_door(
    quiet_settings: Settings, query: str
) -> None:
    url = f"{quiet_settings.database_url}?{query}"
    database = Database(url, name="test")
    async with database.raw_connection() as connection:
        assert (
            await connection.fetchval("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()")
            is False
        )
    await database.close()
    migrate(quiet_settings.model_copy(update={"database_url": url}))


async def test_encryption_that_the_server_has_not_is_not_done_without(
    quiet_settings: Settings,
) -> None:
    database = Database(f"{quiet_settings.database_url}?sslmode=require", name="test")
    with pytest.raises(ConnectionError, match="SSL"):
        async with database.raw_connection():
            pass
    await database.close()


async def test_whoever_hangs_inside_a_unit_of_work_is_cut_off_after_seconds(
    database: Database,
) -> None:
    async with database.raw_connection() as connection:
        shown = await connection.fetchval("SHOW idle_in_transaction_session_timeout")
    assert shown == f"{IDLE_SECONDS:.0f}s"
    assert IDLE_SECONDS <= 5
