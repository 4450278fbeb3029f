"""One PostgreSQL and one Valkey per test run, shared by every pytest-xdist worker.

In `tests/conftest.py`:

    def pytest_configure(config):
        testing.start(config)      # the controller starts them; workers find them

    def pytest_unconfigure(config):
        testing.stop(config)       # only the one that started them stops them

    servers = testing.servers()    # anywhere, in any worker
    url = servers.create_database(f"giro_{worker}", template="giro_template")
    redis_url = servers.redis_url(1)

pytest-xdist starts its workers after `pytest_configure` of the controller and hands them its
environment, so no file lock is needed; without xdist the one process does it all. The home lies in
a temporary directory that goes with the servers. They outlive nobody: a killed run leaves none.
"""

import contextlib
import os
import tempfile
import time
from pathlib import Path
from typing import Protocol

from core.privileges import DatabaseRole
from ops.embedded.errors import EmbeddedError
from ops.embedded.home import HomeLock, Record, find_place
from ops.embedded.postgres import SUPERUSER, DatabaseUrls, Postgres
from ops.embedded.servers import EmbeddedServers
from ops.embedded.software import find_software
from ops.embedded.valkey import Valkey

HOME_VARIABLE = "GIRO_TEST_HOME"
# Only on these servers, which are gone after the run.
TELLER = "giro_teller"
TELLER_PASSWORD = "both sides of the counter"
_PREFIX = "giro-test-"
_SURELY_STARTED_SECONDS = 60


class PytestConfig(Protocol):
    """The one thing of pytest's Config that matters here: it takes attributes."""


class SharedServers:
    """The run's servers as any worker sees them: databases to create, URLs to connect with."""

    def __init__(self, home: Path) -> None:
        record = Record.load(home)
        if record is None:
            raise EmbeddedError(f"no servers were started in {home}")
        self._superuser_password = record.postgres_superuser_password
        place = find_place(home, record)
        software = find_software(place)
        self.postgres = Postgres(place, record, software)
        self.valkey = Valkey(place, record, software)

    def create_database(self, name: str, template: str | None = None) -> str:
        """Create a database (a copy of `template` if given); its owner's URL."""
        return self.postgres.create_database(name, template)

    def drop_database(self, name: str) -> None:
        """Drop a database, ending whoever is connected to it."""
        self.postgres.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE);')

    def database_urls(self, name: str) -> DatabaseUrls:
        """The URLs of an existing database, one for each of the bank's roles."""
        return self.postgres.urls(name)

    def teller_url(self, name: str) -> str:
        """The URL for a test that plays API and worker at once: what either may, it may."""
        return self.postgres.url_of(TELLER, TELLER_PASSWORD, name)

    def superuser_url(self, name: str) -> str:
        """The URL of an existing database for the superuser, for tests of last resort."""
        return self.postgres.url_of(SUPERUSER, self._superuser_password, name)

    def redis_url(self, database: int = 0) -> str:
        """The URL of one of the numbered Valkey databases, one for each worker, say."""
        return self.valkey.url(database)


def start(config: PytestConfig) -> None:
    """Start the servers unless this is an xdist worker or they run already."""
    if hasattr(config, "workerinput") or HOME_VARIABLE in os.environ:
        return
    _clear_killed_runs()
    home = Path(tempfile.mkdtemp(prefix=_PREFIX))
    home.chmod(0o711)
    running = EmbeddedServers(home, durable=False, postgres_settings={"max_connections": "400"})
    running.start()
    running.postgres.execute(
        f"CREATE ROLE {TELLER} LOGIN PASSWORD '{TELLER_PASSWORD}'"
        f" IN ROLE {DatabaseRole.API}, {DatabaseRole.WORKER}"
    )
    os.environ[HOME_VARIABLE] = str(home)
    config.giro_servers = running  # type: ignore[attr-defined]


def _clear_killed_runs() -> None:
    """Delete what runs that were killed left behind: homes that nobody holds any more."""
    for home in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        lock_file = home / "embedded.lock"
        with contextlib.suppress(OSError, EmbeddedError):
            if time.time() - lock_file.stat().st_mtime > _SURELY_STARTED_SECONDS:
                lock = HomeLock(lock_file)
                lock.acquire()
                lock.release()
                EmbeddedServers(home).destroy()


def stop(config: PytestConfig) -> None:
    """Stop and delete the servers that this very process started."""
    running: EmbeddedServers | None = getattr(config, "giro_servers", None)
    if running is not None:
        del os.environ[HOME_VARIABLE]
        running.destroy()


def servers() -> SharedServers:
    """The servers of this test run, from any process of it."""
    return SharedServers(Path(os.environ[HOME_VARIABLE]))
