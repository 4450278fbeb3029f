"""One PostgreSQL cluster: created, started, asked and stopped without its wrapper scripts."""

import contextlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self
from urllib.parse import quote

from core.privileges import DatabaseRole
from ops.embedded.errors import EmbeddedError
from ops.embedded.home import Place, Record, own_directory, write_private
from ops.embedded.ports import LOOPBACK
from ops.embedded.postgres_settings import SETTINGS, shared_buffers
from ops.embedded.software import Software
from ops.embedded.tethered import tethered

SUPERUSER = "postgres"
OWNER = "giro_owner"
DATABASE = "giro"
ROLES_SCRIPT = Path(__file__).resolve().parents[1] / "roles.sql"
# Until Giro 0.1 one role owned everything and did everything; its password is the owner's now.
_RENAME_OWNER = r"""
SELECT 'ALTER ROLE giro RENAME TO giro_owner'
WHERE EXISTS (SELECT FROM pg_roles WHERE rolname = 'giro')
  AND NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'giro_owner') \gexec
"""
# Fast shutdown: roll back what is open, write a checkpoint, end.
STOP_SIGNAL = signal.SIGINT


@dataclass(frozen=True)
class DatabaseUrls:
    """One database, as each of the roles connects to it."""

    owner: str
    api: str
    worker: str
    auditor: str

    @classmethod
    def same(cls, url: str) -> Self:
        """A database on which one role does everything."""
        return cls(owner=url, api=url, worker=url, auditor=url)


class Postgres:
    """The cluster of one home. Blocking calls; nothing here needs an event loop."""

    name = "postgres"
    stop_signal = STOP_SIGNAL

    def __init__(
        self,
        place: Place,
        record: Record,
        software: Software,
        *,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        self._place = place
        self._record = record
        self._software = software
        self._settings = {"shared_buffers": shared_buffers(), **SETTINGS, **(settings or {})}
        self._directory = place.root / "postgres"
        self._data = self._directory / "data"
        self.log = place.home / "logs" / "postgres.log"

    @property
    def port(self) -> int:
        """The TCP port on 127.0.0.1, chosen by the caller before the start."""
        if self._record.postgres_port is None:
            raise EmbeddedError("PostgreSQL has no port yet")
        return self._record.postgres_port

    def url(self, database: str = DATABASE) -> str:
        """Where the owner connects, for migrations: it owns its databases but is no superuser."""
        return self.url_of(OWNER, self._record.postgres_password, database)

    def urls(self, database: str = DATABASE) -> DatabaseUrls:
        """Where each of the bank's roles connects."""
        return DatabaseUrls(
            owner=self.url(database),
            api=self.url_of(DatabaseRole.API, self._record.postgres_api_password, database),
            worker=self.url_of(
                DatabaseRole.WORKER, self._record.postgres_worker_password, database
            ),
            auditor=self.url_of(
                DatabaseRole.AUDITOR, self._record.postgres_auditor_password, database
            ),
        )

    def prepare(self) -> None:
        """Create the cluster on first use, and clear what a killed server left behind."""
        own_directory(self._directory, self._place.identity)
        if not self._data.exists():
            self._initialise()
        self._check_version()
        self._end_leftover()

    def command(self) -> list[str]:
        """The argument vector that runs the server in the foreground, tied to this process."""
        settings = {**self._settings, "port": str(self.port)}
        program: list[str | Path] = [self._software.servers / "postgres", "-D", self._data]
        for key, value in settings.items():
            program += ["-c", f"{key}={value}"]
        return tethered(
            program,
            cwd=self._directory,
            on_parent_death=STOP_SIGNAL,
            identity=self._place.identity,
        )

    def is_ready(self, pid: int) -> bool:
        """Whether the server with this pid accepts connections (it says so in its pid file)."""
        lines = self._pid_file_lines()
        return len(lines) > 7 and lines[0].strip() == str(pid) and lines[7].strip() == "ready"

    def execute(
        self,
        sql: str,
        database: str = SUPERUSER,
        *,
        environment: Mapping[str, str] | None = None,
    ) -> str:
        """Run SQL as the superuser on the running server; the unaligned output, rows only."""
        command = [str(self._software.clients / "psql"), "-XqAt", "-v", "ON_ERROR_STOP=1"]
        done = subprocess.run(
            [*command, "-d", database, "-f", "-"],
            input=sql,
            env={**self.client_environment(), **(environment or {})},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise EmbeddedError(f"PostgreSQL refused: {done.stderr.strip()}")
        return done.stdout.strip()

    def make_roles(self) -> None:
        """Make the bank's roles and its database where they are missing; the server must run."""
        record = self._record
        told = {
            "GIRO_DATABASE": DATABASE,
            "GIRO_OWNER": OWNER,
            "GIRO_OWNER_PASSWORD": record.postgres_password,
            "GIRO_API_PASSWORD": record.postgres_api_password,
            "GIRO_WORKER_PASSWORD": record.postgres_worker_password,
            "GIRO_AUDITOR_PASSWORD": record.postgres_auditor_password,
        }
        self.execute(_RENAME_OWNER + ROLES_SCRIPT.read_text(), environment=told)

    def client_environment(self) -> dict[str, str]:
        """The environment for psql and pgbench as the superuser: no password in process lists."""
        return {
            **os.environ,
            "PGHOST": LOOPBACK,
            "PGPORT": str(self.port),
            "PGUSER": SUPERUSER,
            "PGPASSWORD": self._record.postgres_superuser_password,
        }

    def create_database(self, name: str, template: str | None = None) -> str:
        """Create a database and return its owner's URL; it must not exist yet."""
        clause = f' TEMPLATE "{template}" STRATEGY file_copy' if template else ""
        self.execute(f'CREATE DATABASE "{name}" OWNER {OWNER}{clause};')
        return self.url(name)

    def url_of(self, user: str, password: str, database: str) -> str:
        """Where any role connects."""
        return f"postgresql://{user}:{quote(password)}@{LOOPBACK}:{self.port}/{database}"

    def _initialise(self) -> None:
        """initdb, complete or not at all."""
        fresh = self._directory / "data.new"
        shutil.rmtree(fresh, ignore_errors=True)
        password_file = self._directory / ".password"
        write_private(password_file, self._record.postgres_superuser_password, self._place.identity)
        initdb: list[str | Path] = [self._software.servers / "initdb", "-D", fresh, "-U", SUPERUSER]
        initdb += ["--pwfile", password_file, "-A", "scram-sha-256", "-E", "UTF8", "-k"]
        initdb += ["--locale=C", "--no-instructions"]
        if self._major_version() >= 17:
            initdb += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        if self._settings["fsync"] == "off":
            initdb.append("--no-sync")
        try:
            self._run(initdb)
        finally:
            password_file.unlink()
        fresh.rename(self._data)

    def _run(self, program: list[str | Path], stdin: str = "") -> str:
        command = tethered(
            program,
            cwd=self._directory,
            on_parent_death=signal.SIGTERM,
            identity=self._place.identity,
        )
        clean = {"PATH": os.environ.get("PATH", ""), "LC_ALL": "C", "TZ": "UTC"}
        done = subprocess.run(
            command, input=stdin, capture_output=True, text=True, env=clean, check=False
        )
        if done.returncode != 0:
            raise EmbeddedError(f"{Path(program[0]).name} failed: {(done.stderr or done.stdout)}")
        return done.stdout

    def _major_version(self) -> int:
        version = self._run([self._software.servers / "postgres", "--version"])
        return int(version.split()[-1].split(".")[0].split("beta")[0].split("rc")[0])

    def _check_version(self) -> None:
        try:
            found = (self._data / "PG_VERSION").read_text().strip()
        except PermissionError:
            raise EmbeddedError(
                f"{self._data} belongs to another user; start as that one"
            ) from None
        expected = self._major_version()
        if found != str(expected):
            raise EmbeddedError(
                f"{self._data} was written by PostgreSQL {found}, this is {expected}: dump it with "
                f"version {found} or start on another GIRO_HOME"
            )

    def _pid_file_lines(self) -> list[str]:
        try:
            return (self._data / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return []

    def _end_leftover(self) -> None:
        """End an orphan of a killed parent; drop a pid file whose process is not this cluster's.

        The caller holds the home's lock, so nobody else can be using a server found here.
        """
        lines = self._pid_file_lines()
        if not lines:
            return
        pid = int(lines[0])
        deadline = time.monotonic() + 30
        stop = STOP_SIGNAL
        while self._is_our_server(pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, stop)
            if time.monotonic() > deadline:
                stop = signal.SIGQUIT
            if time.monotonic() > deadline + 10:
                raise EmbeddedError(f"a PostgreSQL (pid {pid}) still runs in {self._data}")
            time.sleep(0.1)
        (self._data / "postmaster.pid").unlink(missing_ok=True)

    def _is_our_server(self, pid: int) -> bool:
        """Whether `pid` is alive and runs on our data (a recycled pid does not)."""
        try:
            command = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except (FileNotFoundError, ProcessLookupError):
            if Path("/proc/self").exists():
                return False
        else:
            return os.fsencode(self._data) in command
        try:
            os.kill(pid, 0)
        except OSError:
            return False
        return True
