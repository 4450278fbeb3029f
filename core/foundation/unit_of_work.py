"""A unit of work: what is done between one BEGIN and its COMMIT.

It is passed as an argument to whoever takes part, carries what they share, and is rolled back
unless it is committed, in plain sight, by whoever opened it.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import Enum, auto
from types import TracebackType
from typing import Any, Final, Self, TypeVar, cast

import asyncpg
from sqlalchemy.ext.asyncio import AsyncSession

from core.foundation.pool import STOP_SECONDS, Connection, Pool
from core.foundation.reading import Reading
from core.foundation.sqlstates import LOSSES, CommitUnknownError, is_connection_loss

KNOWS_TRANSACTION_TIMEOUT: Final = 17

Shared = TypeVar("Shared")


@dataclass(frozen=True, slots=True)
class Bounds:
    """For how long the server lets a unit of work hold up others, in seconds; then it is undone.

    ``lock`` is the longest wait for a lock, ``idle`` the longest silence of a process that holds
    some (it may have been stopped, or lost its host), ``whole`` the time of the whole unit of work
    on a server that can tell (PostgreSQL 17 and later).
    """

    lock: float
    idle: float
    whole: float

    def begin(self, server_version: int) -> str:
        """The statements that begin a unit of work within these bounds, as one."""
        settings = {"lock_timeout": self.lock, "idle_in_transaction_session_timeout": self.idle}
        if server_version >= KNOWS_TRANSACTION_TIMEOUT:
            settings["transaction_timeout"] = self.whole
        return "BEGIN;" + "".join(
            f"SET LOCAL {name} = {max(1, int(seconds * 1000))};"
            for name, seconds in settings.items()
        )


class RolledBackError(Exception):
    """A commit that the server answered with a rollback: a statement before it had failed."""


class UnitOfWorkOver(Exception):  # noqa: N818 - says what is the case
    """Somebody asked for the connection of a unit of work that has been committed."""


class _State(Enum):
    OPEN = auto()
    UNKNOWN = auto()  # the answer to its commit was lost
    COMMITTED = auto()


class UnitOfWork:
    """An open transaction, to be used as ``async with``; rolls back unless ``commit`` is awaited.

    Within it ``connection.transaction()`` is refused by the driver; see ``savepoint``.
    """

    def __init__(self, pool: Pool, begin: str | Bounds | None = None) -> None:
        self._checkout = pool.check_out()
        self._begin = begin or "BEGIN;"
        self._state = _State.OPEN
        self._shared: dict[type[Any], Any] = {}
        self._afterwards: dict[Callable[[], Awaitable[object]], None] = {}

    @property
    def connection(self) -> Connection:
        """The driver's connection, inside the transaction: for sets of rows and COPY."""
        if self._state is not _State.OPEN:
            raise UnitOfWorkOver
        return self._connection

    @property
    def session(self) -> AsyncSession:
        """An ORM session on the same connection, for rows that are edited one by one."""
        if self._state is not _State.OPEN:
            raise UnitOfWorkOver
        return self._checkout.session

    def reading(self) -> Reading:
        """What reads in this unit of work, rows included."""
        return Reading(self._checkout, self.connection)

    def share(self, kind: type[Shared]) -> Shared:
        """The one instance of ``kind`` that everybody in this unit of work shares."""
        shared = self._shared.get(kind)
        if shared is None:
            shared = self._shared[kind] = kind()
        return cast("Shared", shared)

    @asynccontextmanager
    async def savepoint(self) -> AsyncIterator[None]:
        """A block of which an exception leaves nothing: no row, no change to an object of the
        session, nothing that waits for the commit, and nothing shared: also what was shared
        before it is gone, and is made anew by whoever asks."""
        afterwards = dict(self._afterwards)
        try:
            async with self.session.begin_nested():
                # Only now is it set: a session waits with that until asked for its connection.
                await self.session.connection()
                yield
        except BaseException:
            self._shared.clear()
            self._afterwards = afterwards
            raise

    def once_committed(self, callback: Callable[[], Awaitable[object]]) -> None:
        """Have ``callback`` run after the commit, when the connection has been given back.

        The same one runs once, however often it is asked for. It answers for its own failures.
        """
        self._afterwards[callback] = None

    async def commit(self) -> None:
        """Write what the session holds, and commit.

        Raises CommitUnknownError where the server was lost before it answered, and RolledBackError
        where an earlier statement had failed and somebody went on nevertheless.
        """
        connection = self.connection
        if self._checkout.opened_session is not None:
            await self._checkout.opened_session.flush()
        try:
            answer = await connection.execute("COMMIT;")
        except Exception as error:
            if not is_connection_loss(error):
                raise
            self._state = _State.UNKNOWN
            connection.terminate()
            raise CommitUnknownError from error
        if answer != "COMMIT":
            raise RolledBackError
        self._state = _State.COMMITTED

    def found(self) -> None:
        """Note that a commit whose answer was lost has been seen to be on disk."""
        if self._state is _State.UNKNOWN:
            self._state = _State.COMMITTED

    async def __aenter__(self) -> Self:
        self._connection = await self._checkout.__aenter__()
        begin = self._begin
        if isinstance(begin, Bounds):
            begin = begin.begin(self._connection.get_server_version().major)
        try:
            await self._connection.execute(begin)
        except BaseException as error:
            await self.__aexit__(type(error), error, error.__traceback__)
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            if self._state is not _State.COMMITTED:
                await self._roll_back()
        finally:
            await self._checkout.__aexit__(kind, error, traceback)
        if self._state is _State.COMMITTED:
            for callback in self._afterwards:
                await callback()

    async def _roll_back(self) -> None:
        """Undo what is open; a connection that cannot even do that is cut off, which undoes it.

        It waits for a statement that was cancelled to stop: until then that holds its locks.
        """
        connection, undone = self._connection, False
        try:
            if self._state is _State.OPEN and not connection.is_closed():
                async with asyncio.timeout(STOP_SECONDS):
                    await connection.execute("ROLLBACK;")
                undone = True
        except (*LOSSES, asyncpg.PostgresError, asyncpg.InternalClientError):
            pass  # what is cut off is undone as well, and nothing else was asked for
        finally:
            if not undone:
                connection.terminate()
