"""PostgreSQL is killed, restarted, hung, cut off, short of connections, locked, and full."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import asyncpg

from tests.faults.nemesis.fault import Scene, all_the_while, fault, hung
from tests.faults.processes import descendants, family, kill, tell, title
from tests.faults.stage import Shape

_OTHERS = "FROM pg_stat_activity WHERE datname = 'giro' AND pid <> pg_backend_pid()"
_TERMINATE = f"SELECT pg_terminate_backend(pid) {_OTHERS}"
_OF_WORKERS = f"SELECT pid {_OTHERS} AND application_name LIKE 'giro-worker%'"
FEW_CONNECTIONS = 8
HOT_ACCOUNTS = 3
DISK_MB = 400


def _postmaster(scene: Scene) -> int:
    return scene.stage.pids("postgres")["postgres"]


async def _execute(scene: Scene, sql: str) -> None:
    """Run a statement as the superuser, on a connection of its own."""
    connection = await scene.stage.superuser()
    try:
        await connection.execute(sql)
    finally:
        await connection.close(timeout=5)


@asynccontextmanager
async def _transaction(scene: Scene, sql: str, *arguments: object) -> AsyncIterator[None]:
    """Hold what a statement takes for the length of the block."""
    connection = await scene.stage.superuser()
    holding = connection.transaction()
    await holding.start()
    await connection.execute(sql, *arguments)
    try:
        yield
    finally:
        with suppress(asyncpg.InterfaceError, asyncpg.PostgresError):  # then it is free already
            await holding.rollback()
        connection.terminate()


@asynccontextmanager
async def _connections(scene: Scene, limit: int) -> AsyncIterator[None]:
    """No more connections than these, and those that there are cut."""
    await _execute(scene, f"ALTER DATABASE giro CONNECTION LIMIT {limit}")
    try:
        await _execute(scene, _TERMINATE)
        yield
    finally:
        await _execute(scene, "ALTER DATABASE giro CONNECTION LIMIT -1")


@fault("postgres-killed", "PostgreSQL: SIGKILL", seconds=0, spares_postgres=False, short=True)
async def postgres_killed(scene: Scene) -> AsyncIterator[None]:
    kill(family(_postmaster(scene)))
    yield


@fault("postgres-restarted", "PostgreSQL: a fast restart", seconds=0, spares_postgres=False)
async def postgres_restarted(scene: Scene) -> AsyncIterator[None]:
    tell([_postmaster(scene)], signal.SIGINT)
    yield


@fault("postgres-hung", "PostgreSQL with all its processes: SIGSTOP", spares_postgres=False)
async def postgres_hung(scene: Scene) -> AsyncIterator[None]:
    with hung(family(_postmaster(scene))):
        yield


@fault("postmaster-hung", "PostgreSQL's postmaster: SIGSTOP, so that nobody new gets in")
async def postmaster_hung(scene: Scene) -> AsyncIterator[None]:
    with hung([_postmaster(scene)]):
        yield


@fault("backend-killed", "one backend: SIGKILL, which restarts all of PostgreSQL", seconds=0,
       spares_postgres=False)  # fmt: skip
async def backend_killed(scene: Scene) -> AsyncIterator[None]:
    backends = [pid for pid in descendants(_postmaster(scene)) if "giro" in title(pid)]
    kill([scene.draw.choice(backends)])
    yield


@fault("backend-hung", "one backend of a worker: SIGSTOP")
async def backend_hung(scene: Scene) -> AsyncIterator[None]:
    connection = await scene.stage.superuser()
    backends = [row["pid"] for row in await connection.fetch(_OF_WORKERS)]
    await connection.close()
    with hung([scene.draw.choice(backends)]):
        yield


@fault("backends-terminated", "every backend terminated, four times a second", short=True)
async def backends_terminated(scene: Scene) -> AsyncIterator[None]:
    async with all_the_while(lambda: _execute(scene, _TERMINATE), 0.25):
        yield


@fault("few-connections", f"{FEW_CONNECTIONS} connections for all, from one moment to the next")
async def few_connections(scene: Scene) -> AsyncIterator[None]:
    async with _connections(scene, FEW_CONNECTIONS):
        yield


@fault("no-connections", "every connection cut and refused", spares_postgres=False)
async def no_connections(scene: Scene) -> AsyncIterator[None]:
    async with _connections(scene, 0):
        yield


@fault("table-locked", "transactions: LOCK TABLE by a stranger", seconds=3)
async def table_locked(scene: Scene) -> AsyncIterator[None]:
    async with _transaction(scene, "LOCK TABLE transactions IN ACCESS EXCLUSIVE MODE"):
        yield


@fault("accounts-locked", "accounts: LOCK TABLE by a stranger", seconds=3)
async def accounts_locked(scene: Scene) -> AsyncIterator[None]:
    async with _transaction(scene, "LOCK TABLE accounts IN ACCESS EXCLUSIVE MODE"):
        yield


@fault("rows-held", f"{HOT_ACCOUNTS} accounts' rows, the busiest among them, held by a stranger",
       seconds=8, short=True)  # fmt: skip
async def rows_held(scene: Scene) -> AsyncIterator[None]:
    chosen = [scene.draw.choice(payer.accounts) for payer in scene.cast.payers]
    scene.held |= {scene.cast.shop, *chosen[: HOT_ACCOUNTS - 1]}
    query = "SELECT 1 FROM accounts WHERE account_number = ANY($1) ORDER BY id FOR UPDATE"
    async with _transaction(scene, query, sorted(scene.held)):
        yield


@fault(
    "disk-full",
    "PostgreSQL's disk is full",
    spares_postgres=False,
    shape=Shape(disk_mb=DISK_MB),
)
async def disk_full(scene: Scene) -> AsyncIterator[None]:
    filler = scene.stage.disk / "filler"
    await asyncio.to_thread(_fill, filler)
    try:
        yield
    finally:
        filler.unlink()


def _fill(filler: Any) -> None:
    """Take all the room that is left, down to the last block."""
    block = b"\0" * 65_536
    with filler.open("wb", buffering=0) as stream:
        while block:
            try:
                stream.write(block)
            except OSError:
                block = block[: len(block) // 2]
