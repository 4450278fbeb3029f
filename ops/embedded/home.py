"""The home (`.giro`): what is kept there, who may use it, and where the servers' data lies.

PostgreSQL refuses to run as root, so root runs the servers as the existing user `nobody`. Where
that user cannot reach the home (say below /root, mode 0700), the data lies in a private directory
below /var/tmp, and `embedded.json` in the home points there. Nothing else is touched: no user is
created, no mode of a parent directory is changed.
"""

import fcntl
import hashlib
import json
import os
import pwd
import secrets
import shutil
import stat
import subprocess
import tempfile
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Self

from ops.embedded.errors import EmbeddedError, HomeInUseError
from ops.embedded.tethered import SELF, Identity

UNPRIVILEGED_USER = "nobody"


@dataclass
class Record:
    """`embedded.json`: what must survive a restart. Passwords are generated per home."""

    instance: str = field(default_factory=lambda: secrets.token_hex(16))
    root: str = "."
    postgres_port: int | None = None
    postgres_superuser_password: str = field(default_factory=lambda: secrets.token_hex(24))
    # The owner's; what follows is of the roles that the programs run as.
    postgres_password: str = field(default_factory=lambda: secrets.token_hex(24))
    postgres_api_password: str = field(default_factory=lambda: secrets.token_hex(24))
    postgres_worker_password: str = field(default_factory=lambda: secrets.token_hex(24))
    postgres_auditor_password: str = field(default_factory=lambda: secrets.token_hex(24))
    valkey_port: int | None = None
    valkey_password: str = field(default_factory=lambda: secrets.token_hex(24))

    @classmethod
    def load(cls, home: Path) -> Self | None:
        """The record of `home`, or None where there is none yet."""
        try:
            return cls(**json.loads((home / "embedded.json").read_text()))
        except FileNotFoundError:
            return None
        except (ValueError, TypeError, PermissionError) as error:
            raise EmbeddedError(f"{home / 'embedded.json'} cannot be used: {error}") from error

    def save(self, home: Path) -> None:
        """Replace the record in one step; only the owner may read it."""
        write_private(home / "embedded.json", json.dumps(asdict(self), indent=2) + "\n")


@dataclass(frozen=True)
class Place:
    """Where the servers' files lie and as whom the servers run."""

    home: Path
    root: Path
    identity: Identity


def write_private(path: Path, text: str, identity: Identity = SELF) -> None:
    """Write a file that only its owner may read, atomically."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    with os.fdopen(handle, "w") as stream:
        stream.write(text)
    if identity.uid is not None and identity.gid is not None:
        os.chown(temporary, identity.uid, identity.gid)
    Path(temporary).replace(path)


def create_home(home: Path) -> Path:
    """The home as an absolute path, created when missing (traversable, not listable, for root)."""
    home = home.expanduser().resolve()
    try:
        if not home.exists():
            home.mkdir(parents=True, exist_ok=True)
            home.chmod(0o711 if os.geteuid() == 0 else 0o700)
    except OSError as error:
        raise EmbeddedError(
            f"cannot create the home {home}: {error.strerror}; set GIRO_HOME"
        ) from error
    if not home.is_dir():
        raise EmbeddedError(f"the home {home} is not a folder; set GIRO_HOME")
    if not os.access(home, os.W_OK):
        raise EmbeddedError(f"the home {home} belongs to somebody else; set GIRO_HOME")
    return home


def find_place(home: Path, record: Record) -> Place:
    """Decide where the data lies (as recorded, once there is a record) and who runs the servers."""
    if os.geteuid() != 0:
        return Place(home, _recorded_root(home, record), SELF)
    _refuse_other_users(home)
    identity = _unprivileged()
    if record.root != ".":
        _claim_private(home, Path(record.root), record.instance)
        return Place(home, Path(record.root), identity)
    if can_reach(home, identity):
        return Place(home, home, _owner_of(home / "postgres") or identity)
    private = _private_directory(home)
    _claim_private(home, private, record.instance)
    record.root = str(private)
    return Place(home, private, identity)


def can_reach(path: Path, identity: Identity) -> bool:
    """Whether `identity` may enter (or execute) `path`; asked by trying it as that user."""
    if identity.uid is None or identity.gid is None:
        return os.access(path, os.X_OK)
    probe = ["/bin/sh", "-c", 'test -x "$0"', str(path)]
    return (
        subprocess.run(
            probe, user=identity.uid, group=identity.gid, extra_groups=[], cwd="/", check=False
        ).returncode
        == 0
    )


def own_directory(path: Path, identity: Identity) -> Path:
    """`path` as a directory that only `identity` may enter."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    if identity.uid is not None and identity.gid is not None:
        os.chown(path, identity.uid, identity.gid)
    return path


class HomeLock:
    """Held while a process runs something on a home; freed by the kernel if that process dies."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stream: IO[str] | None = None

    def acquire(self) -> None:
        """Take the lock or raise HomeInUseError, naming the holder."""
        stream = self._path.open("a+")
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            stream.seek(0)
            holder = stream.read().strip() or "another process"
            stream.close()
            raise HomeInUseError(
                f"{self._path.parent} is in use by {holder}; stop it first or set GIRO_HOME"
            ) from None
        stream.truncate(0)
        stream.write(f"pid {os.getpid()}")
        stream.flush()
        self._stream = stream

    def release(self) -> None:
        """Give the lock back; harmless when it is not held."""
        if self._stream is not None:
            self._stream.close()
            self._stream = None


def _recorded_root(home: Path, record: Record) -> Path:
    if record.root == ".":
        return home
    raise EmbeddedError(f"the data of {home} was created by root in {record.root}; run as root")


def _refuse_other_users(home: Path) -> None:
    """Root would start an empty bank beside a user's, and leave files that the user cannot read."""
    record = home / "embedded.json"
    owner = record.stat().st_uid if record.exists() else 0
    if owner != 0:
        raise EmbeddedError(
            f"the bank in {home} belongs to user {owner}: run as that user or set GIRO_HOME"
        )


def _unprivileged() -> Identity:
    try:
        entry = pwd.getpwnam(UNPRIVILEGED_USER)
    except KeyError:
        raise EmbeddedError(
            f"PostgreSQL does not run as root, and there is no user {UNPRIVILEGED_USER!r} to run "
            "it as; start as an ordinary user or set DATABASE_URL and REDIS_URL"
        ) from None
    return Identity(entry.pw_uid, entry.pw_gid)


def _owner_of(directory: Path) -> Identity | None:
    """Who owns existing data, unless that is root: data made by a user stays that user's."""
    if not directory.exists():
        return None
    status = directory.stat()
    return Identity(status.st_uid, status.st_gid) if status.st_uid != 0 else None


def _private_directory(home: Path) -> Path:
    digest = hashlib.sha256(str(home).encode()).hexdigest()[:16]
    parent = Path("/var/tmp")  # noqa: S108  (checked for ownership before use)
    return (parent if parent.is_dir() else Path(tempfile.gettempdir())) / f"giro-{digest}"


def _claim_private(home: Path, private: Path, instance: str) -> None:
    """Create the private directory or make sure that it is ours, clearing a deleted home's data."""
    marker = private / "home.json"
    claim = {"home": str(home), "instance": instance}
    if not private.is_symlink() and not private.exists():
        private.mkdir(mode=0o711)
        private.chmod(0o711)
        marker.write_text(json.dumps(claim))
        return
    status = private.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != 0 or status.st_mode & 0o022:
        raise EmbeddedError(f"{private} exists but is not ours; remove it or set GIRO_HOME")
    try:
        found = json.loads(marker.read_text())
    except (OSError, ValueError):
        found = {}
    if found == claim:
        return
    if found.get("home") not in {None, str(home)} or any(private.glob("*/data/postmaster.pid")):
        raise EmbeddedError(f"{private} belongs to {found.get('home')}, which may still be running")
    shutil.rmtree(private)
    _claim_private(home, private, instance)
