"""The connections of a process: as many as it may have, each for the length of a block."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from math import inf
from time import monotonic
from types import TracebackType
from typing import Any, Final, NoReturn, TypeAlias, cast

import asyncpg
from sqlalchemy import Connection as SyncConnection
from sqlalchemy import event
from sqlalchemy.exc import InvalidatePoolError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry, PoolProxiedConnection

from core.foundation.sqlstates import LOSSES, is_connection_loss
from core.foundation.turns import Turns

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

MAX_WAITING: Final = 200
SERVER_MAY_BE_LATE_SECONDS: Final = 5.0
# After it refused a connection, a server counts as full for so long.
FULL_FOR_SECONDS: Final = 5.0
# And for so long, so often, one is asked for again.
FULL_PATIENCE_SECONDS: Final = 1.0
FULL_PAUSE_SECONDS: Final = 0.02
# For how long a unit of work may say nothing; settlement's own less. No one waits for a password's
# hash, a person or another service inside of one; ``core.operations.failed_jobs.retry`` alone waits
# for Redis, so that no job is marked as retried and not queued.
IDLE_SECONDS: Final = 5.0
# And for how long it may leave unread what the server sends. While the server waits for that, in
# the middle of a statement, none of its own limits ends a unit of work, so the kernel's has to
# (TCP_USER_TIMEOUT; it knows nothing of sockets of the file system).
UNREAD_SECONDS: Final = 3.0
# A server that takes longer to stop or to undo something is asked no more.
STOP_SECONDS: Final = 5.0


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


class Pool:
    """At most ``size`` connections to ``url``, each in one hand at a time.

    Who finds none free for ``timeout_seconds``, or ``max_waiting`` before him in the queue, is
    told Overloaded. A statement that takes longer than ``statement_timeout_seconds`` is stopped;
    None: none ever is. Where the server has no connection left, none is kept for later: the bank's
    other processes, who would get none as long as this one has some, have a turn as well.
    """

    def __init__(
        self,
        url: str,
        *,
        name: str,
        size: int,
        timeout_seconds: float,
        max_waiting: int,
        statement_timeout_seconds: float | None,
    ) -> None:
        self._full_until = -inf  # by the monotonic clock
        self.turns = Turns(
            f"database_{name}", size, max_waiting=max_waiting, patience_seconds=timeout_seconds
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
            # SQLAlchemy begins and ends nothing, neither for a session nor at the checkin: units of
            # work do so themselves, on the driver's connection.
            isolation_level="AUTOCOMMIT",
            pool_reset_on_return=None,
            pool_size=size,
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

    def check_out(self) -> "Checkout":
        """A connection for the length of an ``async with`` block. Raises Overloaded."""
        return Checkout(self)

    async def close(self) -> None:
        """Close every pooled connection."""
        await self.engine.dispose()

    def _note_full(self) -> None:
        self._full_until = monotonic() + FULL_FOR_SECONDS

    def _give_way(self, connection: object, record: ConnectionPoolEntry) -> None:
        """Close what has served instead of keeping it, while the server is full."""
        if connection is not None and monotonic() < self._full_until:
            record.invalidate()


class Checkout:
    """One connection of a pool, for the length of a block; what came to harm does not go back."""

    # By hand, and no generator: this is under every query of the hot paths.
    __slots__ = ("_driver", "_pool", "_pooled", "opened_session")

    _pooled: PoolProxiedConnection
    _driver: Connection

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self.opened_session: AsyncSession | None = None

    @property
    def session(self) -> AsyncSession:
        """An ORM session on the same connection, made when first asked for."""
        if self.opened_session is None:
            engine = self._pool.engine
            over = SyncConnection(engine.sync_engine, connection=self._pooled)
            self.opened_session = _Session(
                AsyncConnection(engine, over), expire_on_commit=False, autoflush=False
            )
        return self.opened_session

    async def __aenter__(self) -> Connection:
        await self._pool.turns.take()
        try:
            self._pooled = await self._pool.engine.raw_connection()
        except BaseException:
            self._pool.turns.give_back()
            raise
        self._driver = cast("asyncpg.Connection[asyncpg.Record]", self._pooled.driver_connection)
        return self._driver

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            if self.opened_session is not None:
                self.opened_session.sync_session.close()
            if isinstance(error, asyncio.CancelledError) and not self._driver.is_closed():
                await self._stop()
        finally:
            try:
                if self._pooled.is_valid and self._is_spoilt(error):
                    self._pooled.invalidate()
                self._pooled.close()
            finally:
                self._pool.turns.give_back()

    async def _stop(self) -> None:
        """Wait until the server was told to stop what was cancelled: cut off, it would go on."""
        with suppress(*LOSSES, asyncpg.PostgresError, asyncpg.InternalClientError):
            async with asyncio.timeout(STOP_SECONDS):
                await self._driver.execute("SELECT")

    def _is_spoilt(self, error: BaseException | None) -> bool:
        """Whether the connection serves nobody any more.

        A backend that was terminated may have said so before its connection is closed; one whose
        query was cancelled is still busy with it; one left in a transaction holds its locks.
        """
        if self._driver.is_closed() or self._driver.is_in_transaction():
            return True
        return error is not None and (
            isinstance(error, asyncio.CancelledError) or is_connection_loss(error)
        )


class _Session(AsyncSession):
    """A session that leaves beginning and ending to the unit of work that it is a part of."""

    async def commit(self) -> NoReturn:
        raise AssertionError("a unit of work is committed by itself: unit.commit()")

    async def rollback(self) -> NoReturn:
        raise AssertionError("a unit of work rolls back by itself, or to a savepoint")


def _refuse_closed(connection: Any, _record: object, _fairy: object) -> None:
    """A server that went away closed every pooled connection: have all of them made anew."""
    if connection.driver_connection.is_closed():
        raise InvalidatePoolError
