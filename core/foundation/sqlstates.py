"""What an error of the database's means: whose fault it is, and whether to run again."""

from typing import Final

import asyncpg
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as NoConnectionFree

from core.foundation.errors import Overloaded

# SQLSTATEs after which the whole unit of work may simply run again.
_SERIALIZATION_FAILURE: Final = "40001"
_DEADLOCK_DETECTED: Final = "40P01"
_LOCK_NOT_AVAILABLE: Final = "55P03"
# The server ended a unit of work, and its connection, that had stood still or gone on for too long.
_IDLE_IN_TRANSACTION: Final = "25P03"
_TRANSACTION_TIMEOUT: Final = "25P04"
_CONNECTION_EXCEPTION_CLASS: Final = "08"
_OPERATOR_INTERVENTION_CLASS: Final = "57"
# By its time limit, or by an operator: the connection lives on.
_QUERY_CANCELED: Final = "57014"
_TOO_MANY_CONNECTIONS: Final = "53300"
_INSUFFICIENT_RESOURCES_CLASS: Final = "53"  # the disk or the memory is full
_SYSTEM_ERROR_CLASS: Final = "58"
_READ_ONLY: Final = "25006"  # a standby that is about to be promoted


class CommitUnknownError(Exception):
    """The server was lost between a commit and its answer; ``__cause__`` says how.

    What was to be committed is there or not: read it back by its id.
    """


LOSSES: Final = (
    CommitUnknownError,
    InterfaceError,
    OperationalError,
    OSError,
    asyncpg.InterfaceError,
)


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
    if isinstance(error, LOSSES) or isinstance(driver_error, asyncpg.InternalClientError):
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
