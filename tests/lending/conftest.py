"""Lending's own bench: a quiet bank of its own, whose date the tests move."""

from collections.abc import AsyncIterator

import pytest_asyncio

from core.foundation.database import Database
from tests.conftest import fresh_settings
from tests.lending.lender import Lender
from tests.quiet import Quiet


@pytest_asyncio.fixture(scope="module")
async def lender() -> AsyncIterator[Lender]:
    """A lending bank for one file of tests."""
    settings = fresh_settings("lending")
    # What a killed worker held in Redis is free again soon, so that crashes are quick to live.
    settings = settings.model_copy(update={"account_lock_ttl_seconds": 1})
    database = Database.from_settings(settings, name="lending-test")
    async with Quiet.open(database, settings) as quiet:
        yield Lender(quiet)
    await database.close()
