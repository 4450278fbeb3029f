"""One running stack under trial: brought up, found, asked behind its back, and brought down."""

import asyncio
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import httpx2

from core.foundation.cache import connect
from core.foundation.config import Settings
from core.verification import Result
from ops.books import verify_books
from ops.embedded.ports import free_port
from ops.embedded.tethered import tethered
from ops.run.processes import ROOT
from ops.run.run_file import RunFile, read_run_file
from tests.faults import clocks
from tests.faults.host import ENVIRONMENT
from tests.faults.processes import family, title
from tests.servers import SharedServers

START_SECONDS = 120.0
STOP_SECONDS = 60.0
CONNECT_SECONDS = 15.0


class StageError(Exception):
    """The stack did not do what every trial needs; the message says what."""


@dataclass(frozen=True)
class Shape:
    """What a stack consists of. ``disk_mb``: the database on a disk of its own, of this size."""

    workers: int = 2
    api_processes: int = 2
    schedulers: int = 1
    clocks: bool = False
    disk_mb: int | None = None


USUAL = Shape()


class Stage:
    """A stack on a home of its own, run by a supervisor of its own. An async context manager."""

    def __init__(self, shape: Shape) -> None:
        self.shape = shape
        self.home = Path(tempfile.mkdtemp(prefix="giro-faults-"))
        self.home.chmod(0o711)
        self.log = self.home / "stack.log"
        self.disk = self.home / "postgres"
        self.clocks = self.home / "clocks"
        self._port = free_port()
        self._host: subprocess.Popen[bytes] | None = None
        self._mounted = False

    @property
    def url(self) -> str:
        """The API's address."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def host(self) -> subprocess.Popen[bytes]:
        """The supervisor's process."""
        if self._host is None:
            raise StageError("the stack is not up")
        return self._host

    @property
    def run(self) -> RunFile:
        """What runs now, as the supervisor knows it."""
        found = read_run_file(self.home)
        if found is None:
            raise StageError(f"nothing runs on {self.home}")
        return found

    @property
    def servers(self) -> SharedServers:
        """The embedded servers, with every password."""
        return SharedServers(self.home)

    @property
    def superuser_url(self) -> str:
        """The bank's database, for the superuser."""
        return self.servers.superuser_url("giro")

    def pids(self, prefix: str) -> dict[str, int]:
        """The masters of the children whose names begin like this, by name."""
        processes = self.run.processes
        return {p.name: p.pid for p in processes if p.name.startswith(prefix) and p.pid is not None}

    def families(self, prefix: str) -> dict[str, list[int]]:
        """The same, each with everything below it."""
        return {name: family(pid) for name, pid in self.pids(prefix).items()}

    def redis(self) -> Any:  # its stubs leave open which calls are awaited
        """A client of the stack's Redis; the caller closes it."""
        return connect(self.servers.redis_url())

    async def superuser(self) -> "asyncpg.Connection[asyncpg.Record]":
        """A connection to the bank's database that no limit or grant holds back.

        Waits for a server that is just starting again.
        """
        deadline = time.monotonic() + CONNECT_SECONDS
        while True:
            try:
                return await asyncpg.connect(self.superuser_url, timeout=CONNECT_SECONDS)
            except (OSError, asyncpg.PostgresError):
                if time.monotonic() > deadline:
                    raise
            await asyncio.sleep(0.1)

    async def start(self) -> None:
        """Bring the stack up (again, on what it left). Raises StageError where it does not come."""
        if self.shape.disk_mb is not None and not self._mounted:
            self._mount(self.shape.disk_mb)
        if self.shape.clocks and (library := clocks.library()) is not None:
            clocks.install(library, self.clocks)
        command = [sys.executable, "-m", "tests.faults.host", str(self.home)]
        command += ["--port", str(self._port), "--workers", str(self.shape.workers)]
        command += ["--api-processes", str(self.shape.api_processes)]
        command += ["--schedulers", str(self.shape.schedulers)]
        command += ["--clocks", str(self.clocks)] if self.shape.clocks else []
        with self.log.open("ab") as log:
            self._host = subprocess.Popen(  # noqa: ASYNC220 - it starts in no time
                tethered(command, cwd=ROOT, on_parent_death=signal.SIGTERM),
                env=_environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        await self.until_ready(START_SECONDS)

    async def until_ready(self, seconds: float) -> None:
        """Wait until GET /health/ready answers 200."""
        deadline = time.monotonic() + seconds
        async with httpx2.AsyncClient(base_url=self.url, timeout=2) as client:
            while time.monotonic() < deadline:
                if self.host.poll() is not None:
                    break
                with suppress(httpx2.HTTPError):
                    if (await client.get("/health/ready")).status_code == 200:
                        return
                await asyncio.sleep(0.1)
        raise StageError(f"the stack did not come up:\n{self.last_lines()}")

    async def revive(self) -> None:
        """Kill the supervisor, wait until everything has gone with it, and start it again."""
        left = family(self.host.pid)
        self.host.kill()
        self.host.wait()
        deadline = time.monotonic() + STOP_SECONDS
        while any(title(pid) for pid in left):
            if time.monotonic() > deadline:
                raise StageError("what a killed supervisor left behind did not end")
            await asyncio.sleep(0.05)
        await self.start()

    def stop(self, *, keep: bool = False) -> None:
        """Bring everything down and delete it, unless ``keep`` asks for the home to stay."""
        if self._host is not None:
            with suppress(ProcessLookupError):
                self._host.send_signal(signal.SIGCONT)
                self._host.terminate()
            try:
                self._host.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._host.kill()  # its children are told by the kernel, and watched
                self._host.wait()
        if self._mounted:
            subprocess.run(["umount", "--lazy", str(self.disk)], check=False)
        if not keep:
            shutil.rmtree(self.home, ignore_errors=True)

    async def verify(self) -> list[Result]:
        """What `giro verify` checks, on the stack's books; those that do not hold."""
        run = self.run
        settings = Settings(_env_file=None, database_url=run.database_url, redis_url=run.redis_url)
        return [result for result in await verify_books(settings) if not result.ok]

    async def staff(self, role: str) -> tuple[str, str]:
        """A new member of staff, made as the command line makes them: e-mail and password."""
        email, password = f"{role}-{secrets.token_hex(4)}@example.org", secrets.token_urlsafe(18)
        command = [sys.executable, "-m", "ops.cli", "create-user", email, "--role", role]
        process = await asyncio.create_subprocess_exec(
            *command,
            *("--password-stdin", "--home", str(self.home)),
            cwd=ROOT,
            env={**_environment(), **ENVIRONMENT},
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        said, _ = await process.communicate(password.encode() + b"\n")
        if process.returncode != 0:
            raise StageError(f"no {role} could be made:\n{said.decode()}")
        return email, password

    def last_lines(self, count: int = 30) -> str:
        """What the stack said last."""
        with suppress(OSError):
            return "\n".join(self.log.read_text(errors="replace").splitlines()[-count:])
        return ""

    def _mount(self, size_mb: int) -> None:
        self.disk.mkdir()
        options = f"size={size_mb}m,mode=0700"
        command: Sequence[str] = ["mount", "-t", "tmpfs", "-o", options, "giro", str(self.disk)]
        subprocess.run(command, check=True, capture_output=True)
        self._mounted = True


def may_mount() -> bool:
    """Whether we may put a small disk under a database: only root may, and not everywhere."""
    place = Path(tempfile.mkdtemp(prefix="giro-disk-"))
    try:
        command = ["mount", "-t", "tmpfs", "-o", "size=1m", "giro", str(place)]
        if (
            os.geteuid() != 0
            or subprocess.run(command, capture_output=True, check=False).returncode
        ):
            return False
        subprocess.run(["umount", str(place)], check=True)
    except OSError:
        return False
    finally:
        place.rmdir()
    return True


def _environment() -> dict[str, str]:
    """Ours, without what would change the stack's settings."""
    settings = {name.upper() for name in Settings.model_fields}
    return {name: value for name, value in os.environ.items() if name.upper() not in settings}
