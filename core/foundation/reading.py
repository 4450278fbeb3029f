"""Reading: what can be asked of the database where nothing can be written."""

from collections.abc import Coroutine
from typing import Any, Protocol, TypeVar

from asyncpg import Record
from sqlalchemy import ScalarResult, Select

from core.foundation.pool import Checkout, Connection

Row = TypeVar("Row")


class Reader(Protocol):
    """A connection as far as it reads: only SELECTs, without row locks, go through it.

    Every ``Connection`` is one, so that what reads can also read inside a unit of work.
    """

    def fetch(self, query: str, *args: Any) -> Coroutine[Any, Any, list[Record]]:
        """All rows."""

    def fetchrow(self, query: str, *args: Any) -> Coroutine[Any, Any, Record | None]:
        """The first row, or None."""

    def fetchval(self, query: str, *args: Any, column: int = 0) -> Coroutine[Any, Any, Any]:
        """One value of the first row, or None; ``column`` counts from 0."""


class Rows(Protocol):
    """An ORM session as far as it reads. Every session of a unit of work is one."""

    async def get(self, entity: type[Row], ident: Any) -> Row | None:
        """The row of that primary key, or None."""

    async def scalar(self, statement: Select[Row]) -> Row | None:
        """The first column of the first row, or None."""

    async def scalars(self, statement: Select[Row]) -> ScalarResult[Row]:
        """The first column of all rows."""


class Reading:
    """A Reader, and ``rows`` beside it on the same connection."""

    __slots__ = ("_checkout", "_connection")

    def __init__(self, checkout: Checkout, connection: Connection) -> None:
        self._checkout = checkout
        self._connection = connection

    def fetch(self, query: str, *args: Any) -> Coroutine[Any, Any, list[Record]]:
        """All rows."""
        return self._connection.fetch(query, *args)

    def fetchrow(self, query: str, *args: Any) -> Coroutine[Any, Any, Record | None]:
        """The first row, or None."""
        return self._connection.fetchrow(query, *args)

    def fetchval(self, query: str, *args: Any, column: int = 0) -> Coroutine[Any, Any, Any]:
        """One value of the first row, or None; ``column`` counts from 0."""
        return self._connection.fetchval(query, *args, column=column)

    @property
    def rows(self) -> Rows:
        """An ORM session as far as it reads."""
        return self._checkout.session
