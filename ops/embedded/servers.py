"""PostgreSQL and Valkey of one home, together: start, use, stop."""

import contextlib
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from ops.embedded.errors import EmbeddedError
from ops.embedded.home import HomeLock, Record, create_home, find_place
from ops.embedded.ports import free_port
from ops.embedded.postgres import DatabaseUrls, Postgres
from ops.embedded.postgres_settings import FORGETFUL
from ops.embedded.software import find_software
from ops.embedded.valkey import Valkey

Server = Postgres | Valkey


@dataclass(frozen=True)
class Urls:
    """Where the two stores are, as the settings want them."""

    database: DatabaseUrls
    redis_url: str


class EmbeddedServers:
    """Real servers below `home`, bound to 127.0.0.1 on free ports that stay the same if they can.

    Usable as a context manager. Start them from a thread that lives as long as they should: the
    kernel ends them when that thread is gone, so not even `kill -9` leaves orphans (on Linux).
    `durable=False` is for tests: it survives killed processes, not a power cut.
    """

    def __init__(
        self,
        home: Path,
        *,
        durable: bool = True,
        postgres_settings: Mapping[str, str] | None = None,
    ) -> None:
        self._home = home
        self._durable = durable
        self._settings = {**({} if durable else FORGETFUL), **(postgres_settings or {})}
        self._record: Record | None = None
        self._lock: HomeLock | None = None
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._postgres: Postgres | None = None
        self._valkey: Valkey | None = None

    @property
    def postgres(self) -> Postgres:
        """The PostgreSQL server; only after `prepare` or `start`."""
        if self._postgres is None:
            raise EmbeddedError("the embedded servers are not prepared yet")
        return self._postgres

    @property
    def valkey(self) -> Valkey:
        """The Valkey server; only after `prepare` or `start`."""
        if self._valkey is None:
            raise EmbeddedError("the embedded servers are not prepared yet")
        return self._valkey

    @property
    def urls(self) -> Urls:
        """Where to connect, to the database `giro` as each of its roles."""
        return Urls(database=self.postgres.urls(), redis_url=self.valkey.url())

    def prepare(self, *, postgres: bool = True, valkey: bool = True) -> None:
        """Take the home, create what is missing, choose ports; start nothing yet.

        Raises HomeInUseError when another process holds the home, EmbeddedError otherwise.
        """
        home = create_home(self._home)
        self._lock = HomeLock(home / "embedded.lock")
        self._lock.acquire()
        try:
            self._record = record = Record.load(home) or Record()
            place = find_place(home, record)
            record.save(home)
            (home / "logs").mkdir(exist_ok=True)
            software = find_software(place)
            self._postgres = Postgres(place, record, software, settings=self._settings)
            self._valkey = Valkey(place, record, software, durable=self._durable)
            if postgres:
                self._postgres.prepare()
            self.choose_ports()
            if valkey:
                self._valkey.prepare()
        except BaseException:
            self.release()
            raise
        self._home = home

    def choose_ports(self) -> None:
        """Keep the recorded ports where they are free, pick and record others where not."""
        if self._record is None:
            raise EmbeddedError("the embedded servers are not prepared yet")
        self._record.postgres_port = free_port(self._record.postgres_port)
        self._record.valkey_port = free_port(self._record.valkey_port)
        self._record.save(self._home.expanduser().resolve())

    def start(self, timeout_seconds: float = 120) -> Urls:
        """Start both and wait until they answer; crash recovery counts into the timeout."""
        if self._lock is None:
            self.prepare()
        try:
            for server in (self.postgres, self.valkey):
                self._processes[server.name] = _launch(server)
            for server in (self.postgres, self.valkey):
                _wait_until_ready(server, self._processes[server.name], timeout_seconds)
            self.postgres.make_roles()
        except BaseException:
            self.stop()
            raise
        return self.urls

    def stop(self) -> None:
        """Stop both in order, Valkey before PostgreSQL, and give the home back."""
        for server in (self._valkey, self._postgres):
            process = self._processes.pop(server.name, None) if server else None
            if server and process:
                _end(process, server.stop_signal)
        self.release()

    def release(self) -> None:
        """Give the home back without stopping anything (the supervisor stops its children)."""
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    def destroy(self) -> None:
        """Stop, and delete the home and its data wherever it lies: for demos and tests."""
        self.stop()
        record = Record.load(self._home)
        if record is not None and record.root != ".":
            shutil.rmtree(record.root, ignore_errors=True)
        shutil.rmtree(self._home, ignore_errors=True)

    def create_database(self, name: str, template: str | None = None) -> str:
        """Create a database; its owner's URL."""
        return self.postgres.create_database(name, template)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()


def _launch(server: Server) -> subprocess.Popen[bytes]:
    with server.log.open("ab") as log:
        return subprocess.Popen(
            server.command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/"
        )


def _wait_until_ready(
    server: Server, process: subprocess.Popen[bytes], timeout_seconds: float
) -> None:
    deadline = time.monotonic() + timeout_seconds
    while not server.is_ready(process.pid):
        if process.poll() is not None:
            raise EmbeddedError(f"{server.name} did not start; {server.log} says:\n{tail(server)}")
        if time.monotonic() > deadline:
            raise EmbeddedError(f"{server.name} was not ready within {timeout_seconds:.0f} s")
        time.sleep(0.02)


def tail(server: Server, lines: int = 8) -> str:
    """The last lines of a server's log."""
    with contextlib.suppress(OSError):
        return "\n".join(server.log.read_text(errors="replace").splitlines()[-lines:])
    return ""


def _end(process: subprocess.Popen[bytes], stop: signal.Signals, grace_seconds: float = 30) -> None:
    if process.poll() is None:
        process.send_signal(stop)
    try:
        process.wait(grace_seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
