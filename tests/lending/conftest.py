"""Lending's own bench: a quiet bank of its own, whose date the tests move."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from core.database import Database
from tests.conftest import fresh_settings, worker_number
from tests.lending.lender import Lender
from tests.quiet import Quiet


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The tests of a file share a bank whose date they move: one worker runs them, in order."""
    for item in items:
        if "lender" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.xdist_group(item.nodeid.partition("::")[0]))


@pytest_asyncio.fixture(scope="module")
async def lender() -> AsyncIterator[Lender]:
    """A lending bank for one file of tests."""
    settings = fresh_settings("lending", (2 * worker_number() + 1) % 16)
    # What a killed worker held in Redis is free again soon, so that crashes are quick to live.
    settings = settings.model_copy(update={"account_lock_ttl_seconds": 1})
    database = Database.from_settings(settings, name="lending-test")
    async with Quiet.open(database, settings) as quiet:
        yield Lender(quiet)
    await database.close()
