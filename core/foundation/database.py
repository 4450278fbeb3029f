"""PostgreSQL: the doors of a process to the bank's database.

``unit_of_work`` is the one through which anything is written. ``read`` and ``snapshot`` stand
beside it, for what may as well be read from a replica.
"""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Final, Protocol, Self, cast

import asyncpg
from sqlalchemy import MetaData
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import DeclarativeBase

from core.foundation.config import Settings
from core.foundation.pool import MAX_WAITING, Connection, Pool
from core.foundation.unit_of_work import Bounds, UnitOfWork

__all__ = ["NAMING", "Base", "Bounds", "Connection", "Database", "Reader", "UnitOfWork"]

NAMING: Final = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}
_ONE_MOMENT: Final = "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY;"


class Base(DeclarativeBase):
    """Base of every table's model; constraint names follow one rule so that migrations match."""

    metadata = MetaData(naming_convention=NAMING)


class Reader(Protocol):
    """A connection as far as it reads: only SELECTs, without row locks, go through it.

    Every ``Connection`` is one, so that what reads can also read inside a unit of work.
    """

    async def fetch(self, query: str, *args: Any) -> list[asyncpg.Record]:
        """All rows."""

    async def fetchrow(self, query: str, *args: Any) -> asyncpg.Record | None:
        """The first row, or None."""

    async def fetchval(self, query: str, *args: Any, column: int = 0) -> Any:
        """One value of the first row, or None; ``column`` counts from 0."""


class Database:
    """The bank's database. Made in a running event loop, closed with ``close``.

    See Pool for ``pool_size`` and the other limits; each door raises Overloaded beyond them.
    """

    def __init__(
        self,
        url: str,
        *,
        name: str,
        pool_size: int = 10,
        timeout_seconds: float = 10.0,
        max_waiting: int = MAX_WAITING,
        statement_timeout_seconds: float | None = None,
    ) -> None:
        self.url = url
        self._pool = Pool(
            url,
            name=name,
            size=pool_size,
            timeout_seconds=timeout_seconds,
            max_waiting=max_waiting,
            statement_timeout_seconds=statement_timeout_seconds,
        )

    @classmethod
    def from_settings(
        cls,
        settings: Settings,
        *,
        name: str,
        pool_size: int | None = None,
        statement_timeout_seconds: float | None = None,
    ) -> Self:
        """The database of ``settings``, for the process called ``name``."""
        return cls(
            settings.database_url,
            name=name,
            pool_size=pool_size or settings.database_pool_size,
            timeout_seconds=settings.database_timeout_seconds,
            statement_timeout_seconds=statement_timeout_seconds,
        )

    def unit_of_work(self, bounds: Bounds | None = None) -> AbstractAsyncContextManager[UnitOfWork]:
        """A transaction that rolls back at the end of the block unless ``commit`` was awaited.

        The server keeps it within ``bounds`` by itself.
        """
        return UnitOfWork(self._pool, bounds)

    def read(self) -> AbstractAsyncContextManager[Reader]:
        """A connection outside any transaction, each statement seeing a moment of its own."""
        return self._pool.check_out()

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[Reader]:
        """A read-only transaction that sees one moment of the database throughout."""
        async with UnitOfWork(self._pool, _ONE_MOMENT) as unit:
            yield unit.connection

    async def close(self) -> None:
        """Close every pooled connection."""
        await self._pool.close()

    # The doors of before, on their way out.

    @asynccontextmanager
    async def session_snapshot(self) -> AsyncIterator[AsyncSession]:
        """As ``snapshot``, as a session."""
        async with UnitOfWork(self._pool, _ONE_MOMENT) as unit:
            yield unit.session

    @asynccontextmanager
    async def session_unit_of_work(self) -> AsyncIterator[AsyncSession]:
        """As ``unit_of_work``, as its session."""
        async with self.unit_of_work() as unit:
            session = unit.session
            session.commit = unit.commit  # type: ignore[method-assign]
            yield session

    @asynccontextmanager
    async def raw_unit_of_work(self) -> AsyncIterator[Connection]:
        """As ``unit_of_work``, as its connection; commits at the end of the block."""
        async with self.unit_of_work() as unit:
            yield unit.connection
            await unit.commit()

    @asynccontextmanager
    async def bounded_unit_of_work(self, bounds: Bounds) -> AsyncIterator[Connection]:
        """As ``raw_unit_of_work``, within ``bounds``."""
        async with self.unit_of_work(bounds) as unit:
            yield unit.connection
            await unit.commit()

    def raw_connection(self) -> AbstractAsyncContextManager[Connection]:
        """The driver's connection outside any transaction."""
        return self._pool.check_out()


async def driver(session: AsyncSession) -> Connection:
    """The driver's connection under ``session``."""
    pooled = await (await session.connection()).get_raw_connection()
    return cast("Connection", pooled.driver_connection)
