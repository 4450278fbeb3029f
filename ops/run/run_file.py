"""`run.json` in the home: what `giro up` runs there, for `giro status` and the other commands."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

from ops.embedded.errors import EmbeddedError, HomeInUseError
from ops.embedded.home import HomeLock, write_private
from ops.embedded.postgres import DatabaseUrls

LOCK_NAME = "up.lock"


@dataclass
class Process:
    """One child as it is now; `pid` is None while it waits to be started again."""

    name: str
    pid: int | None
    restarts: int
    started_at: str
    port: int | None = None


@dataclass
class RunFile:
    """The state of a running system. It holds passwords, so only its owner may read it."""

    pid: int
    api_url: str
    # For whoever looks: by the role that reads everything and changes nothing.
    database_url: str
    redis_url: str
    started_at: str
    database_urls: DatabaseUrls
    processes: list[Process] = field(default_factory=list)

    def save(self, home: Path) -> None:
        """Replace the file in one step."""
        write_private(home / "run.json", json.dumps(asdict(self), indent=2) + "\n")


def read_run_file(home: Path) -> RunFile | None:
    """What runs on `home`; None when nothing does (a file left by a killed one counts as none)."""
    try:
        fields = json.loads((home / "run.json").read_text())
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return None
    except PermissionError as error:
        raise EmbeddedError(f"the home {home} belongs to somebody else; set GIRO_HOME") from error
    if not is_running(home):
        return None
    processes = [Process(**process) for process in fields.pop("processes")]
    urls = fields.pop("database_urls", None)  # a system that an older version brought up
    roles = DatabaseUrls(**urls) if urls else DatabaseUrls.same(fields["database_url"])
    return RunFile(**fields, database_urls=roles, processes=processes)


def remove_run_file(home: Path) -> None:
    """Say that nothing runs any more."""
    (home / "run.json").unlink(missing_ok=True)


def is_running(home: Path) -> bool:
    """Whether a `giro up` holds the home."""
    if not (home / LOCK_NAME).exists():
        return False
    lock = HomeLock(home / LOCK_NAME)
    try:
        lock.acquire()
    except HomeInUseError:
        return True
    lock.release()
    return False
