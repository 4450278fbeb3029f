"""PostgreSQL: the doors of a process to the bank's database.

``unit_of_work`` is the one through which anything is written. ``read`` and ``snapshot`` stand
beside it, for what may as well be read from a replica.
"""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Final, Self

from sqlalchemy import MetaData
from sqlalchemy.orm import DeclarativeBase

from core.foundation.config import Settings
from core.foundation.pool import MAX_WAITING, Connection, Pool
from core.foundation.reading import Reader, Reading, Rows
from core.foundation.unit_of_work import Bounds, UnitOfWork

__all__ = ["NAMING", "Base", "Bounds", "Connection", "Database", "Reader", "Rows", "UnitOfWork"]

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

    @asynccontextmanager
    async def read(self) -> AsyncIterator[Reading]:
        """A connection outside any transaction, each statement seeing a moment of its own."""
        checkout = self._pool.check_out()
        async with checkout as connection:
            yield Reading(checkout, connection)

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[Reading]:
        """A read-only transaction that sees one moment of the database throughout."""
        async with UnitOfWork(self._pool, _ONE_MOMENT) as unit:
            yield unit.reading()

    def autocommit(self) -> AbstractAsyncContextManager[Connection]:
        """A connection on which each statement is a unit of work of its own.

        For intake's shared commits alone, where BEGIN and COMMIT beside the one statement would
        cost more than a tenth of what it takes in; see docs/decisions/0025.
        """
        return self._pool.check_out()

    async def close(self) -> None:
        """Close every pooled connection."""
        await self._pool.close()
