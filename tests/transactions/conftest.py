"""Who may cut connections: the superuser of the quiet database. And logs as the processes write."""

from collections.abc import AsyncIterator

import asyncpg
import pytest
import pytest_asyncio

from core.config import Settings
from core.logging import configure
from ops.embedded import testing


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def superuser(quiet_settings: Settings) -> AsyncIterator["asyncpg.Connection"]:
    """A connection of the superuser's to the quiet database."""
    name = quiet_settings.database_url.rpartition("/")[2]
    connection = await asyncpg.connect(testing.servers().superuser_url(name))
    yield connection
    await connection.close()


@pytest.fixture(scope="session", autouse=True)
def _logs(quiet_settings: Settings) -> None:
    configure(quiet_settings, process="test")
