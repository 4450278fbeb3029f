"""Who may cut connections: the superuser of the quiet database."""

from collections.abc import AsyncIterator

import asyncpg
import pytest_asyncio

from core.config import Settings
from ops.embedded import testing


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def superuser(quiet_settings: Settings) -> AsyncIterator["asyncpg.Connection"]:
    """A connection of the superuser's to the quiet database."""
    name = quiet_settings.database_url.rpartition("/")[2]
    connection = await asyncpg.connect(testing.servers().superuser_url(name))
    yield connection
    await connection.close()
