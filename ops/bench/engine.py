"""The settlement engine alone: rows that wait, and workers that are let loose on them."""

import asyncio
import os
import random
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from time import perf_counter

import asyncpg

from core.foundation.config import Settings
from ops.bench import seed
from ops.bench.plan import Plan
from ops.embedded import EmbeddedError, EmbeddedServers, Urls
from ops.run import processes
from ops.run.target import settings_of

DATABASE = "bench_engine"
# Apart from the running system's Redis database: no bell, no sweep reaches this one.
REDIS_DATABASE = 1


@dataclass(frozen=True)
class Engine:
    """A database of its own with funded accounts."""

    settings: Settings
    accounts: Sequence[seed.Account]


async def prepare(servers: EmbeddedServers, plan: Plan) -> Engine:
    """Create and migrate the database, open the accounts, settle their opening deposits."""
    own = await create(servers, DATABASE, REDIS_DATABASE)
    connection = await asyncpg.connect(own.owner_url)
    try:
        owners = await seed.customers(connection, plan.customers)
        accounts = await seed.accounts(connection, owners, plan.engine_accounts, own)
        await seed.pending_deposits(connection, accounts, own)
        await connection.execute("ANALYZE")
    finally:
        await connection.close()
    engine = Engine(own, accounts)
    async with workers(engine, 1) as started:
        await _let_loose(engine, started)
    return engine


async def create(servers: EmbeddedServers, name: str, redis_database: int) -> Settings:
    """A database of its own at head, and the settings that reach it as each of its roles."""
    await asyncio.to_thread(servers.create_database, name)
    own = settings_of(Urls(servers.postgres.urls(name), servers.valkey.url(redis_database)))
    await asyncio.to_thread(
        subprocess.run,
        processes.migrate(),
        env={**environment(own), "MIGRATION_DATABASE_URL": own.owner_url},
        check=True,
        stdout=subprocess.DEVNULL,
    )
    return own


def uniform_pairs(engine: Engine, count: int) -> list[tuple[seed.Account, seed.Account]]:
    """Payers and payees drawn evenly from all accounts."""
    draw = random.Random(count)
    return [tuple(draw.sample(engine.accounts, 2)) for _ in range(count)]  # type: ignore[misc]


def hot_pairs(engine: Engine, count: int) -> list[tuple[seed.Account, seed.Account]]:
    """Everybody pays into one account."""
    hot, *others = engine.accounts
    draw = random.Random(count)
    return [(draw.choice(others), hot) for _ in range(count)]


async def measure(
    engine: Engine,
    pairs: Sequence[tuple[seed.Account, seed.Account]],
    worker_count: int,
) -> float:
    """Transfers settled per second, from the word go until none is pending."""
    connection = await asyncpg.connect(engine.settings.owner_url)
    try:
        await seed.pending_transfers(connection, pairs, engine.settings)
    finally:
        await connection.close()
    async with workers(engine, worker_count) as started:
        seconds = await _let_loose(engine, started)
    return len(pairs) / seconds


@asynccontextmanager
async def workers(engine: Engine, count: int) -> AsyncIterator[list[asyncio.subprocess.Process]]:
    """Worker processes that are ready to be told."""
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(_worker(engine)) for _ in range(count)]


@asynccontextmanager
async def _worker(engine: Engine) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "ops.bench.engine_worker"),
        env=environment(engine.settings),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        await _expect(process, "ready")
        yield process
    finally:
        if process.stdin is not None:
            process.stdin.close()
        await process.wait()


async def _let_loose(engine: Engine, started: Sequence[asyncio.subprocess.Process]) -> float:
    """Tell all to go, again while something is left (taken by none of them); the seconds."""
    connection = await asyncpg.connect(engine.settings.owner_url)
    begun = perf_counter()
    try:
        while True:
            await asyncio.gather(*(go(process) for process in started))
            left = "SELECT EXISTS (SELECT 1 FROM transactions WHERE status = 'pending')"
            if not await connection.fetchval(left):
                return perf_counter() - begun
    finally:
        await connection.close()


async def go(process: asyncio.subprocess.Process) -> None:
    """Tell a worker to settle until nothing that is free is left, and wait until it has."""
    if process.stdin is None:
        raise EmbeddedError("an engine worker without standard input")
    process.stdin.write(b"go\n")
    await process.stdin.drain()
    await _expect(process, "settled")


async def _expect(process: asyncio.subprocess.Process, word: str) -> None:
    """Read up to the line that begins with `word`; log lines may come before it."""
    if process.stdout is None:
        raise EmbeddedError("an engine worker without standard output")
    while line := await process.stdout.readline():
        if line.startswith(word.encode()):
            return
    raise EmbeddedError(f"an engine worker ended before it said {word!r}")


def environment(settings: Settings) -> dict[str, str]:
    """The environment of a worker on the database of ``settings``."""
    return {
        **os.environ,
        "DATABASE_URL": settings.worker_url,
        "REDIS_URL": settings.redis_url,
        "LOG_LEVEL": "WARNING",
    }
