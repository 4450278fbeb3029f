"""`giro` as somebody at a terminal has it: run to its end, or running until it is stopped."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from ops.embedded import EmbeddedServers

REPOSITORY = Path(__file__).resolve().parents[2]
GIRO = [sys.executable, "-m", "ops.cli"]
UNSET = ("DATABASE_URL", "REDIS_URL", "SECRET_KEY", "GIRO_HOME", "ENVIRONMENT")


def environment(**settings: str) -> dict[str, str]:
    """Nothing set that a fresh checkout would not have, but for `settings`."""
    fresh = {k: v for k, v in os.environ.items() if k not in UNSET}
    return fresh | {"PYTHONPATH": str(REPOSITORY)} | settings


def giro(
    *arguments: str, cwd: Path, stdin: str = "", **settings: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*GIRO, *arguments],
        input=stdin,
        cwd=cwd,
        env=environment(**settings),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def status(cwd: Path) -> dict:
    return json.loads(giro("status", "--json", cwd=cwd).stdout)


def is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def until(condition, seconds: float = 30):
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, f"not within {seconds} s: {condition}"
        time.sleep(0.1)
    return value


class Up:
    """A `giro up` in a directory of its own, its output read to the line that says ready."""

    def __init__(self, cwd: Path, *arguments: str, under: Sequence[str] = ()) -> None:
        self.cwd = cwd
        self.log = (cwd / "up.log").open("w+")
        self.process = subprocess.Popen(
            [*under, *GIRO, "up", "--workers", "1", *arguments],
            cwd=cwd,
            env=environment(),
            stdout=self.log,
            stderr=subprocess.STDOUT,
        )

    def said(self) -> str:
        return (self.cwd / "up.log").read_text()

    def ready(self) -> str:
        def look() -> str | None:
            assert self.process.poll() is None, self.said()
            found = re.search(r"^ready (http://\S+)$", self.said(), re.M)
            return found.group(1) if found else None

        return until(look, 90)

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(60)
        finally:
            self.log.close()


def forget(cwd: Path) -> None:
    """Delete the home with its data, which may lie elsewhere (root's temporary files are)."""
    EmbeddedServers(cwd / ".giro").destroy()
