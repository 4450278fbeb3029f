"""The system's processes for tests: the same commands that ``giro up`` runs."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

from core.foundation.config import DATABASE_URLS, Settings
from ops.embedded.tethered import tethered
from ops.run import processes

ROOT = Path(__file__).resolve().parents[1]
START_SECONDS = 60
# A program knows the database by its own role alone.
ONE_ROLE = {name.upper(): "" for name in DATABASE_URLS if name != "database_url"}


def environment(settings: Settings) -> dict[str, str]:
    """The environment of a child: nothing of ours but what ``settings`` say."""
    ours = {name.upper() for name in Settings.model_fields}
    inherited = {k: v for k, v in os.environ.items() if k.upper() not in ours}
    changed = settings.model_dump(exclude_unset=True, mode="json")
    values = {
        name.upper(): ",".join(value) if isinstance(value, list) else str(value)
        for name, value in changed.items()
        if value is not None
    }
    return inherited | values | {"PYTHONUNBUFFERED": "1"}


def migrate(settings: Settings) -> None:
    """Bring the database of ``settings`` to head."""
    done = subprocess.run(
        processes.migrate(), env=environment(settings), cwd=ROOT, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr.decode()


class System:
    """API, worker and scheduler on free ports; more can be started, any can be killed."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.log = Path(tempfile.mkdtemp(prefix="giro-logs-")) / "system.log"
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.running: dict[str, subprocess.Popen[bytes]] = {}

    def start(self) -> None:
        """Start one of each and wait until the API is ready."""
        self.spawn("api", processes.api("127.0.0.1", self.port))
        self.spawn("worker", processes.worker())
        self.spawn("scheduler", processes.scheduler())
        self.wait_until_ready(self.port)

    def spawn(self, name: str, command: list[str]) -> subprocess.Popen[bytes]:
        """Start a process of the system under a name of its own, by the role that runs it."""
        as_role = self.settings if "api.main:app" in command else self.settings.as_worker()
        with self.log.open("ab") as log:
            child = subprocess.Popen(
                tethered(command, cwd=ROOT, on_parent_death=signal.SIGKILL),
                env=environment(as_role) | ONE_ROLE,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.running[name] = child
        return child

    def wait_until_ready(self, port: int) -> None:
        """Until GET /health/ready answers 200 on ``port``."""
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/health/ready", timeout=5):
                    return
            except (urllib.error.URLError, OSError):
                dead = [name for name, child in self.running.items() if child.poll() is not None]
                assert not dead, f"{dead} died:\n{self.log.read_text()[-4000:]}"
                time.sleep(0.1)
        raise AssertionError(f"not ready:\n{self.log.read_text()[-4000:]}")

    def kill(self, name: str, how: signal.Signals = signal.SIGKILL) -> None:
        """End a process and its children at once, as a crash or a lost machine would."""
        child = self.running.pop(name)
        if child.poll() is None:
            os.killpg(child.pid, how)
        child.wait(timeout=30)

    def stop(self) -> None:
        """Stop everything in good order."""
        for child in self.running.values():
            child.terminate()
        for name, child in self.running.items():
            try:
                child.wait(timeout=20)
            except subprocess.TimeoutExpired:
                os.killpg(child.pid, signal.SIGKILL)
                raise AssertionError(f"{name} did not stop on SIGTERM") from None
        shutil.rmtree(self.log.parent)


def free_port() -> int:
    """A TCP port of the loopback interface that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
