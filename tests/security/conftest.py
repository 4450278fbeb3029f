"""The same bank behind another door: an API whose settings are those of a guarded production."""

import secrets
from collections.abc import AsyncIterator, Iterator

import httpx2
import pytest
import pytest_asyncio

from core.foundation.config import Environment
from ops.run import processes
from tests.bank import Bank
from tests.system import System

NEW_KEY = secrets.token_hex(32)
METRICS_TOKEN = secrets.token_hex(16)
PROXY = "127.0.0.1"


@pytest.fixture(scope="session")
def guarded_system(system: System) -> Iterator[System]:
    """A second API on the system's stores, in production: key changed, behind a trusted proxy."""
    settings = system.settings.model_copy(
        update={
            "environment": Environment.PRODUCTION,
            "metrics_token": METRICS_TOKEN,
            "secret_key": NEW_KEY,
            "secret_key_previous": system.settings.secret_key,
            "trusted_proxies": [PROXY],
            "rate_limit_enabled": True,
            "rate_limit_login": "1000/minute",
            "rate_limit_public": "10000/minute",
        }
    )
    guarded = System(settings)
    guarded.spawn("api", processes.api("127.0.0.1", guarded.port))
    guarded.wait_until_ready(guarded.port)
    yield guarded
    guarded.stop()


@pytest_asyncio.fixture(scope="session")
async def guarded(guarded_system: System) -> AsyncIterator[Bank]:
    """The bank through that door; ``X-Forwarded-For`` says from where one comes."""
    async with httpx2.AsyncClient(base_url=guarded_system.url, timeout=60) as client:
        yield Bank(client, guarded_system)
