"""A bank of its own for the business day: its date is moved, and nothing runs by itself."""

from collections.abc import AsyncIterator

import pytest_asyncio

from core.foundation.database import Database
from tests.conftest import fresh_settings
from tests.quiet import Quiet


@pytest_asyncio.fixture(scope="module")
async def bank_of_its_own() -> AsyncIterator[Quiet]:
    """A quiet bank for one file of tests."""
    settings = fresh_settings("day")
    database = Database.from_settings(settings, name="day-test")
    async with Quiet.open(database, settings) as quiet:
        yield quiet
    await database.close()
