"""Real servers for every test: one PostgreSQL and one Valkey a run, databases for each worker.

``bank`` talks to a running system (API, worker, scheduler as processes) over HTTP. ``quiet`` is a
second database on which nothing runs: tests of the engine settle there by their own hand.
"""

import itertools
import os
import secrets
from collections.abc import AsyncIterator, Iterator

import asyncpg
import httpx2
import pytest
import pytest_asyncio

from core.foundation.config import Settings
from core.foundation.database import Database
from core.foundation.logging import configure
from tests import servers as testing
from tests.bank import Bank
from tests.quiet import Quiet
from tests.system import System, free_port, migrate

REDIS_DATABASES_EACH = 64


def pytest_configure(config: pytest.Config) -> None:
    testing.start(config)


def pytest_unconfigure(config: pytest.Config) -> None:
    testing.stop(config)


def worker_number() -> int:
    """0 for the first pytest-xdist worker or where there is only one process."""
    return int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))


_redis_databases = itertools.count()


def fresh_settings(purpose: str, *, as_one: bool = True) -> Settings:
    """Settings on databases of their own, migrated to head.

    Each program runs by the role that it has in production. ``as_one``: for a process that plays
    API and worker at once, by a role that may do what either may, and nothing else.
    """
    servers = testing.servers()
    redis_database = worker_number() * REDIS_DATABASES_EACH + next(_redis_databases)
    name = f"giro_{purpose}_{worker_number()}_{secrets.token_hex(3)}"
    servers.create_database(name)
    urls = servers.database_urls(name)
    api, worker = [servers.teller_url(name)] * 2 if as_one else [urls.api, urls.worker]
    settings = Settings(
        _env_file=None,
        database_url=api,
        worker_database_url=worker,
        auditor_database_url=urls.auditor,
        migration_database_url=urls.owner,
        redis_url=servers.redis_url(redis_database),
        secret_key=secrets.token_hex(32),
        bcrypt_rounds=4,  # what is tested is not the cost of a hash
        rate_limit_enabled=False,
        sweep_after_seconds=0.5,
    )
    migrate(settings)
    return settings


@pytest.fixture(scope="session", autouse=True)
def _logs() -> None:
    # As the processes log: without it, tracebacks would show local variables, secrets among them.
    configure(Settings(_env_file=None), process="test")


@pytest.fixture(scope="session")
def system() -> Iterator[System]:
    """The whole system as processes: one API, one worker, one scheduler."""
    settings = fresh_settings("live", as_one=False)
    settings = settings.model_copy(update={"worker_metrics_port": free_port()})
    running = System(settings)
    running.start()
    yield running
    running.stop()


@pytest_asyncio.fixture(scope="session")
async def bank(system: System) -> AsyncIterator[Bank]:
    """The system over HTTP, with people to play."""
    async with httpx2.AsyncClient(base_url=system.url, timeout=60) as client:
        yield Bank(client, system)


@pytest.fixture(scope="session")
def quiet_settings() -> Settings:
    return fresh_settings("quiet")


@pytest_asyncio.fixture(scope="session")
async def database(quiet_settings: Settings) -> AsyncIterator[Database]:
    """The quiet database."""
    database = Database.from_settings(quiet_settings, name="test")
    yield database
    await database.close()


@pytest_asyncio.fixture(scope="session")
async def quiet(database: Database, quiet_settings: Settings) -> AsyncIterator[Quiet]:
    """The bank without its processes: accounts, orders and settlement by hand."""
    async with Quiet.open(database, quiet_settings) as opened:
        yield opened


@pytest_asyncio.fixture(scope="session")
async def superuser(quiet_settings: Settings) -> AsyncIterator["asyncpg.Connection"]:
    """Who may cut connections and needs no privilege: the superuser, on the quiet database."""
    name = quiet_settings.database_url.rpartition("/")[2]
    connection = await asyncpg.connect(testing.servers().superuser_url(name))
    yield connection
    await connection.close()
