"""PostgreSQL: the engine of a process and its units of work.

Two doors to the same pool. ``unit_of_work`` gives an ORM session for what is read and written row
by row; ``raw_unit_of_work`` gives the driver's own connection for set-based statements and COPY on
the hot paths, where the ORM's work per row would be most of the cost.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from math import inf
from time import monotonic
from typing import Any, Final, Self, TypeAlias, cast

import asyncpg
from sqlalchemy import MetaData, event, text
from sqlalchemy.exc import (
    DBAPIError,
    InterfaceError,
    InvalidatePoolError,
    OperationalError,
)
from sqlalchemy.exc import (
    TimeoutError as NoConnectionFree,
)
from sqlalchemy.ext.asyncio import (
    AsyncEngine,
    AsyncSession,
    async_sessionmaker,
    create_async_engine,
)
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.pool import ConnectionPoolEntry

from core.foundation.config import Settings
from core.foundation.errors import Overloaded
from core.foundation.turns import Turns

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}

# SQLSTATEs after which the whole unit of work may simply run again.
_SERIALIZATION_FAILURE = "40001"
_DEADLOCK_DETECTED = "40P01"
_LOCK_NOT_AVAILABLE = "55P03"
# The server ended a unit of work, and its connection, that had stood still or gone on for too long.
_IDLE_IN_TRANSACTION = "25P03"
_TRANSACTION_TIMEOUT = "25P04"
_CONNECTION_EXCEPTION_CLASS = "08"
_OPERATOR_INTERVENTION_CLASS = "57"
_QUERY_CANCELED = "57014"  # by its time limit, or by an operator: the connection lives on
_TOO_MANY_CONNECTIONS = "53300"
_INSUFFICIENT_RESOURCES_CLASS = "53"  # the disk or the memory is full
_SYSTEM_ERROR_CLASS = "58"
_READ_ONLY = "25006"  # a standby that is about to be promoted


MAX_WAITING: Final = 200
SERVER_MAY_BE_LATE_SECONDS: Final = 5.0
# After it refused a connection, a server counts as full for so long.
FULL_FOR_SECONDS: Final = 5.0
# And for so long, so often, one is asked for again.
FULL_PATIENCE_SECONDS: Final = 1.0
FULL_PAUSE_SECONDS: Final = 0.02


class CommitUnknownError(Exception):
    """The server was lost between a commit and its answer; ``__cause__`` says how.

    What was to be committed is there or not: read it back by its id.
    """


_LOSSES = (
    CommitUnknownError,
    InterfaceError,
    OperationalError,
    OSError,
    asyncpg.InterfaceError,
)


class UnitOfWork(AsyncSession):
    """A session whose commit tells a loss before it from a loss of its answer."""

    async def commit(self) -> None:
        """Commit. Raises CommitUnknownError where the server was lost meanwhile."""
        await self.flush()
        try:
            await super().commit()
        except Exception as error:
            if is_connection_loss(error):
                raise CommitUnknownError from error
            raise


KNOWS_TRANSACTION_TIMEOUT: Final = 17
# For how long a unit of work may say nothing; settlement's own less. No one waits for a password's
# hash, a person or another service inside of one.
IDLE_SECONDS: Final = 5.0
# And for how long it may leave unread what the server sends. While the server waits for that, in
# the middle of a statement, none of its own limits ends a unit of work, so the kernel's has to
# (TCP_USER_TIMEOUT; it knows nothing of sockets of the file system).
UNREAD_SECONDS: Final = 3.0


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


class Base(DeclarativeBase):
    """Base of every table's model; constraint names follow one rule so that migrations match."""

    metadata = MetaData(naming_convention=NAMING)


def make_engine(
    url: str, *, on_full: Callable[[], None] = lambda: None, **options: Any
) -> AsyncEngine:
    """An engine on a ``postgresql://`` URL; ``connect`` among ``options`` goes to asyncpg.

    The driver reads the URL itself, so that ``sslmode`` and every other option of libpq's mean
    what they mean to psql. Errors do not tell the values that a statement was given. Where the
    server has no connection left, ``on_full`` is called, and one asked for again for a while.
    """
    connect = partial(asyncpg.connect, url, **options.pop("connect", {}))

    async def connect_in_the_end() -> Connection:
        deadline = monotonic() + FULL_PATIENCE_SECONDS
        while True:
            try:
                return await connect()
            except asyncpg.TooManyConnectionsError:
                on_full()
                if monotonic() > deadline:
                    raise
            await asyncio.sleep(FULL_PAUSE_SECONDS)

    return create_async_engine(
        "postgresql+asyncpg://", async_creator=connect_in_the_end, hide_parameters=True, **options
    )


class Database:
    """One engine and its pool. Made in a running event loop, closed with ``close``.

    ``pool_size`` connections at most; a unit of work that finds none free for
    ``timeout_seconds``, or ``max_waiting`` before it in the queue, raises Overloaded. A statement
    that takes longer than ``statement_timeout_seconds`` is stopped; None: none ever is. Where the
    server has no connection left, none is kept for later: the bank's other processes, who would
    get none as long as this one has some, have a turn as well.
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
        self._full_until = -inf  # by the monotonic clock
        self._turns = Turns(
            f"database_{name}",
            pool_size,
            max_waiting=max_waiting,
            patience_seconds=timeout_seconds,
        )
        limits: dict[str, str] = {}
        give_up_after_seconds = None
        if statement_timeout_seconds is not None:
            limits["statement_timeout"] = str(int(statement_timeout_seconds * 1000))
            # A server that hangs stops nothing: then the driver gives up, somewhat later.
            give_up_after_seconds = statement_timeout_seconds + SERVER_MAY_BE_LATE_SECONDS
        self.engine = make_engine(
            url,
            on_full=self._note_full,
            pool_size=pool_size,
            max_overflow=0,
            pool_timeout=timeout_seconds,
            # Connections known to be closed are refused at the checkout; what is lost afterwards
            # the first statement finds out, at no cost to those that are well.
            pool_pre_ping=False,
            connect={
                "timeout": timeout_seconds,
                "command_timeout": give_up_after_seconds,
                "server_settings": {
                    "application_name": f"giro-{name}",
                    "timezone": "UTC",
                    "jit": "off",
                    # A process that hangs inside a unit of work must not hold its row locks.
                    "idle_in_transaction_session_timeout": str(int(IDLE_SECONDS * 1000)),
                    "tcp_user_timeout": str(int(UNREAD_SECONDS * 1000)),
                    "tcp_keepalives_idle": "10",
                    **limits,
                },
            },
        )
        event.listen(self.engine.sync_engine, "checkout", _refuse_closed)
        event.listen(self.engine.sync_engine, "checkin", self._give_way)
        self._sessions = async_sessionmaker(
            self.engine, class_=UnitOfWork, expire_on_commit=False, autoflush=False
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

    def _note_full(self) -> None:
        self._full_until = monotonic() + FULL_FOR_SECONDS

    def _give_way(self, connection: object, record: ConnectionPoolEntry) -> None:
        """Close what has served instead of keeping it, while the server is full."""
        if connection is not None and monotonic() < self._full_until:
            record.invalidate()

    @asynccontextmanager
    async def unit_of_work(self) -> AsyncIterator[AsyncSession]:
        """A session that rolls back at the end unless ``session.commit()`` was awaited."""
        async with self._turns.turn(), self._sessions() as session:
            yield session

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[AsyncSession]:
        """A read-only session that sees one moment of the database throughout."""
        async with self._turns.turn(), self._sessions() as session:
            await session.connection(
                execution_options={
                    "isolation_level": "REPEATABLE READ",
                    "postgresql_readonly": True,
                }
            )
            yield session

    @asynccontextmanager
    async def raw_unit_of_work(self) -> AsyncIterator[Connection]:
        """The driver's connection inside a transaction that commits at the end of the block.

        Raises CommitUnknownError where the server was lost during that commit.
        """
        async with self.raw_connection() as connection:
            transaction = connection.transaction()
            committing = False
            try:
                async with transaction:
                    yield connection
                    committing = True
            except Exception as error:
                if committing and is_connection_loss(error):
                    raise CommitUnknownError from error
                raise

    @asynccontextmanager
    async def bounded_unit_of_work(self, bounds: Bounds) -> AsyncIterator[Connection]:
        """As ``raw_unit_of_work``, within ``bounds`` that the server keeps by itself."""
        async with self.raw_connection() as connection:
            await connection.execute(bounds.begin(connection.get_server_version().major))
            try:
                yield connection
            except BaseException as error:
                await _roll_back(connection, error)
                raise
            try:
                await connection.execute("COMMIT;")
            except Exception as error:
                if is_connection_loss(error):
                    raise CommitUnknownError from error
                raise

    @asynccontextmanager
    async def raw_connection(self) -> AsyncIterator[Connection]:
        """The driver's connection outside any transaction; it returns to the pool afterwards."""
        # By hand: this is under every query of the hot paths.
        await self._turns.take()
        try:
            pooled = await self.engine.raw_connection()
            driver = cast("asyncpg.Connection[asyncpg.Record]", pooled.driver_connection)
            try:
                yield driver
            except BaseException as error:
                # A backend that was terminated may have said so before its connection is closed;
                # one whose query was cancelled is still busy with it.
                cancelled = isinstance(error, asyncio.CancelledError)
                if cancelled or driver.is_closed() or is_connection_loss(error):
                    pooled.invalidate()
                raise
            finally:
                pooled.close()
        finally:
            self._turns.give_back()

    async def close(self) -> None:
        """Close every pooled connection."""
        await self.engine.dispose()


def _refuse_closed(connection: Any, _record: object, _fairy: object) -> None:
    """A server that went away closed every pooled connection: have all of them made anew."""
    if connection.driver_connection.is_closed():
        raise InvalidatePoolError


async def _roll_back(connection: Connection, error: BaseException) -> None:
    """Undo what is open; a connection that cannot even do that is cut off, which undoes it, too."""
    try:
        if isinstance(error, asyncio.CancelledError) or connection.is_closed():
            connection.terminate()
        else:
            await connection.execute("ROLLBACK;")
    except (*_LOSSES, asyncpg.PostgresError, asyncpg.InternalClientError):
        connection.terminate()


async def driver(session: AsyncSession) -> "asyncpg.Connection[asyncpg.Record]":
    """The driver's connection under ``session``, inside the session's own unit of work.

    What is executed there is committed or rolled back with the session.
    """
    pooled = await (await session.connection()).get_raw_connection()
    connection = cast("asyncpg.Connection[asyncpg.Record]", pooled.driver_connection)
    if not connection.is_in_transaction():
        await session.execute(text("SELECT 1"))  # SQLAlchemy begins with the first statement
    return connection


def sqlstate(error: BaseException) -> str | None:
    """The five-character SQLSTATE behind a driver's or SQLAlchemy's error, if it has one."""
    cause: BaseException | None = error.orig if isinstance(error, DBAPIError) else error
    state = getattr(cause, "sqlstate", None)
    return state if isinstance(state, str) else None


def constraint_name(error: BaseException) -> str | None:
    """The name of the constraint that an integrity error broke, if the server told."""
    seen: BaseException | None = error.orig if isinstance(error, DBAPIError) else error
    while seen is not None:
        name = getattr(seen, "constraint_name", None)
        if isinstance(name, str):
            return name
        seen = seen.__cause__
    return None


def _driver_error(error: BaseException) -> BaseException | None:
    """What the driver itself raised, under SQLAlchemy's two layers where it came through them."""
    if not isinstance(error, DBAPIError):
        return error
    return error.orig.__cause__ or error.orig if error.orig is not None else None


def is_connection_loss(error: BaseException) -> bool:
    """Whether the server was lost or could not be reached: the outcome of a commit is unknown."""
    driver_error = _driver_error(error)
    if isinstance(driver_error, ValueError):  # an argument that cannot be encoded, and never will
        return False
    if is_out_of_time(error):
        return False
    # InternalClientError: the server's last word was an error, and it never got ready again.
    if isinstance(error, _LOSSES) or isinstance(driver_error, asyncpg.InternalClientError):
        return True
    state = sqlstate(error)
    return state is not None and (
        state.startswith((_CONNECTION_EXCEPTION_CLASS, _OPERATOR_INTERVENTION_CLASS))
        or state in {_TOO_MANY_CONNECTIONS, _IDLE_IN_TRANSACTION, _TRANSACTION_TIMEOUT}
    )


def is_out_of_time(error: BaseException) -> bool:
    """Whether the server stopped a statement, by its time limit or an operator's word."""
    return sqlstate(error) == _QUERY_CANCELED


def was_held_up(error: BaseException) -> bool:
    """Whether a unit of work came to the end of its bounds, by what others hold or by its size.

    Nobody is at fault; to run it again as it is would only wait again.
    """
    return sqlstate(error) in {_LOCK_NOT_AVAILABLE, _TRANSACTION_TIMEOUT}


def is_retryable(error: BaseException) -> bool:
    """Whether the whole unit of work may run again: deadlock, serialization, server lost or full.

    What is the server's own trouble is never held against the rows that happen to meet it.
    """
    state = sqlstate(error) or ""
    return (
        state in {_SERIALIZATION_FAILURE, _DEADLOCK_DETECTED, _READ_ONLY, _QUERY_CANCELED}
        or state.startswith((_INSUFFICIENT_RESOURCES_CLASS, _SYSTEM_ERROR_CLASS))
        or isinstance(error, NoConnectionFree | Overloaded)
        or is_connection_loss(error)
    )
