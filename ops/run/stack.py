"""The whole system of one home: servers, schema, API, workers, scheduler, in this order."""

import asyncio
import datetime
import errno
import os
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx2

from core.foundation.config import Settings
from ops.embedded import DatabaseUrls, EmbeddedError, EmbeddedServers, Urls
from ops.embedded.home import HomeLock, create_home, write_private
from ops.embedded.ports import LOOPBACK, free_port, next_free_port, why_not
from ops.embedded.servers import Server
from ops.run import processes, specs
from ops.run.child import Child, ChildFailedError
from ops.run.output import Output
from ops.run.run_file import LOCK_NAME, Process, RunFile, remove_run_file
from ops.run.stores import ask_database, ask_redis
from ops.run.supervisor import Supervisor

READY_WITHIN_SECONDS = 120.0


class StackError(EmbeddedError):
    """The system cannot be brought up; the message says why."""


@dataclass(frozen=True)
class Options:
    """How to run it.

    `port` None: 8000, or the next free one. `own_stores`: embedded ones even where the settings
    name others. `environment` wins over everything else in what the programs get.
    """

    home: Path = Path(".giro")
    host: str = LOOPBACK
    port: int | None = None
    workers: int = 2
    api_processes: int = 1
    durable: bool = True
    own_stores: bool = False
    environment: Mapping[str, str] = field(default_factory=dict)


class Stack:
    """Brings the system up and down. Use from the main thread's event loop."""

    def __init__(self, options: Options, output: Output, settings: Settings) -> None:
        self._options = options
        self._output = output
        self._settings = settings
        self._home = options.home
        self._lock: HomeLock | None = None
        self._servers: EmbeddedServers | None = None
        self._run: RunFile | None = None
        self.supervisor = Supervisor(output, self._save_run_file)

    @property
    def run(self) -> RunFile:
        """Addresses and processes, once it is up."""
        if self._run is None:
            raise StackError("the system is not up yet")
        return self._run

    @property
    def servers(self) -> EmbeddedServers:
        """The embedded servers, for the benchmark."""
        if self._servers is None:
            raise StackError("this system has no embedded servers")
        return self._servers

    @property
    def home(self) -> Path:
        """The home, absolute once it is up."""
        return self._home

    async def start(self) -> str:
        """Bring everything up; returns the API's address. Stops what it started if that fails."""
        try:
            return await self._start()
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Stop so that no work is lost: first nothing new, then nothing due, then the stores."""
        await self.supervisor.stop(["api"], ["scheduler"], ["worker"], ["valkey"], ["postgres"])
        self.supervisor.close()
        if self._servers is not None:
            self._servers.release()
        if self._lock is not None:
            remove_run_file(self._home)
            self._lock.release()
            self._lock = None
        self._run = None

    async def _start(self) -> str:
        options = self._options
        self._home = create_home(options.home)
        lock = HomeLock(self._home / LOCK_NAME)
        lock.acquire()
        self._lock = lock
        port = choose_port(options, self._output)
        host = LOOPBACK if options.host in {"0.0.0.0", "::", ""} else options.host  # noqa: S104
        urls = await self._start_servers()
        self._run = RunFile(
            pid=os.getpid(),
            api_url=f"http://{host}:{port}",
            database_url=urls.database.auditor,
            redis_url=urls.redis_url,
            started_at=_timestamp(),
            database_urls=urls.database,
        )
        environment = {
            "GIRO_HOME": str(self._home),
            "REDIS_URL": urls.redis_url,
            "SECRET_KEY": self._settings.secret_key or _kept_secret(self._home),
            **options.environment,
        }
        await self._migrate({**environment, **specs.as_owner(urls.database)})
        for url in {urls.database.api, urls.database.worker}:
            (await ask_database(url)).refuse_other()
        await self._start_programs(environment, urls.database, port)
        return self._run.api_url

    async def _start_servers(self) -> Urls:
        """Start the stores that are not given; where all of them are."""
        given = set() if self._options.own_stores else self._settings.model_fields_set
        if "redis_url" in given:
            await ask_redis(self._settings.redis_url)
        if "database_url" in given:
            (await ask_database(self._settings.owner_url)).refuse_newer()
        servers = EmbeddedServers(self._home, durable=self._options.durable)
        wanted: list[Server] = []
        if not {"database_url", "redis_url"} <= given:
            await asyncio.to_thread(
                servers.prepare,
                postgres="database_url" not in given,
                valkey="redis_url" not in given,
            )
            self._servers = servers
            wanted += [] if "database_url" in given else [servers.postgres]
            wanted += [] if "redis_url" in given else [servers.valkey]
        started = [(server, await self.supervisor.start(specs.store(server))) for server in wanted]
        for server, child in started:
            await self.supervisor.until_ready(child, server.is_ready)
        if "database_url" in given:
            database = specs.given_urls(self._settings)
        else:
            await asyncio.to_thread(servers.postgres.make_roles)
            database = servers.postgres.urls()
        redis_url = self._settings.redis_url if "redis_url" in given else servers.valkey.url()
        return Urls(database, redis_url)

    async def _migrate(self, environment: Mapping[str, str]) -> None:
        schema = await ask_database(environment["MIGRATION_DATABASE_URL"])
        schema.refuse_newer()
        process = await asyncio.create_subprocess_exec(
            *processes.migrate(),
            env={**os.environ, **environment, **specs.NO_KEYS},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        said, _ = await process.communicate()
        for line in said.decode(errors="replace").splitlines():
            self._output.child("migrate", line)
        if process.returncode != 0:
            raise StackError(f"the migrations of {schema.where} failed as shown above")

    async def _start_programs(
        self, environment: Mapping[str, str], database: DatabaseUrls, port: int
    ) -> None:
        options = self._options
        command = processes.api(options.host, port, options.api_processes)
        api = await self.supervisor.start(specs.api(command, environment, database, port))
        for number in range(1, options.workers + 1):
            await self.supervisor.start(specs.worker(number, environment, database, free_port()))
        await self.supervisor.start(specs.scheduler(environment, database))
        async with httpx2.AsyncClient(base_url=self.run.api_url, timeout=5) as client:
            await _until_api_ready(client, api)

    def _save_run_file(self) -> None:
        if self._run is None:
            return
        self._run.processes = [_process_of(child) for child in self.supervisor.children]
        self._run.save(self._home)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.stop()


async def _until_api_ready(client: httpx2.AsyncClient, api: Child) -> None:
    """Wait until GET /health/ready answers 200; ChildFailedError after 120 s or three deaths."""
    said = "nothing"
    deadline = time.monotonic() + READY_WITHIN_SECONDS
    while api.starts <= 3 and time.monotonic() < deadline:
        try:
            response = await client.get("/health/ready")
        except httpx2.HTTPError as error:
            said = str(error) or type(error).__name__
        else:
            if response.status_code == 200:
                return
            said = f"{response.status_code} {response.text}"
        await asyncio.sleep(0.05)
    lines = "\n".join(api.last_lines)
    raise ChildFailedError(f"the API did not come up ({said}); its last lines:\n{lines}")


def choose_port(options: Options, output: Output) -> int:
    """The API's port: the one asked for, or without one 8000 or the next that is free.

    Raises StackError where the one asked for is taken, or where we may not listen.
    """
    wanted = options.port or processes.DEFAULT_PORT
    obstacle = why_not(wanted, options.host)
    if obstacle is None:
        return wanted
    if obstacle.errno != errno.EADDRINUSE:
        raise StackError(f"cannot listen on {options.host} port {wanted}: {obstacle.strerror}")
    if options.port is not None:
        raise StackError(f"port {wanted} on {options.host} is taken; choose another with --port")
    port = next_free_port(wanted + 1, options.host)
    output.line(f"port {wanted} is taken, using {port}")
    return port


def _kept_secret(home: Path) -> str:
    """The signing key of a development home, generated once; tokens survive a restart."""
    path = home / "secret_key"
    if not path.exists():
        write_private(path, secrets.token_hex(32))
    return path.read_text().strip()


def _process_of(child: Child) -> Process:
    started = datetime.datetime.fromtimestamp(child.started_at, datetime.UTC)
    return Process(
        name=child.spec.name,
        pid=child.pid,
        restarts=max(0, child.starts - 1),
        started_at=started.isoformat(timespec="seconds"),
        port=child.spec.port,
    )


def _timestamp() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
