"""Logs: what the database says of a row that it refuses is that row, and stays out of them."""

import ast
import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from api.schemas.users import UserAnswer
from core.foundation.config import Settings
from core.foundation.database import Database
from core.foundation.ids import new_id
from core.foundation.logging import configure, describe, get_logger
from core.identity.tables import User
from tests import servers as testing

ROOT = Path(__file__).parents[2]
SECRETS = {
    "email": "Asha.Rao@example.org",  # upper case: refused by a constraint
    "password_hash": "$2b$12$abcdefghijklmnopqrstuuABCDEFGHIJKLMNOPQRSTUVWXYZ01234",
    "id_document": "P-1234567-IND",
    "full_name": "Asha Rao",
}
Trouble = Callable[[Database], Awaitable[None]]


async def by_the_orm(database: Database) -> None:
    async with database.unit_of_work() as unit:
        unit.session.add(User(id=new_id(), **SECRETS))
        await unit.commit()


async def by_the_driver(database: Database) -> None:
    async with database.unit_of_work() as unit:
        names, values = list(SECRETS), list(SECRETS.values())
        await unit.connection.execute(
            f"INSERT INTO users (id, {', '.join(names)}) VALUES ($1, $2, $3, $4, $5)",
            new_id(),
            *values,
        )
        await unit.commit()


async def by_an_argument(database: Database) -> None:
    async with database.read() as reader:
        await reader.fetch("SELECT $1::int", SECRETS["id_document"])


async def by_a_cast(database: Database) -> None:
    async with database.read() as reader:
        await reader.fetch("SELECT ($1::text)::uuid", SECRETS["id_document"])


async def by_an_argument_of_the_orm(database: Database) -> None:
    async with database.unit_of_work() as unit:
        unit.session.add(User(id=new_id(), **(SECRETS | {"created_at": SECRETS["id_document"]})))
        await unit.commit()


async def by_a_shape(_database: Database) -> None:
    """A row that does not fit the shape it is answered in."""
    UserAnswer.model_validate(SECRETS)


async def break_over(trouble: Trouble, database: Database) -> None:
    """An error of ours that the trouble caused."""
    try:
        await trouble(database)
    except Exception as error:
        raise RuntimeError("something of ours broke") from error


@pytest.mark.parametrize(
    "trouble",
    [by_the_orm, by_the_driver, by_an_argument, by_a_cast, by_an_argument_of_the_orm, by_a_shape],
)
async def test_an_unforeseen_error_tells_nobodys_data(
    database: Database, capfd: pytest.CaptureFixture[str], trouble: Trouble
) -> None:
    settings = Settings(_env_file=None, environment="production")
    configure(settings, process="test")
    try:
        await break_over(trouble, database)
    except RuntimeError:
        get_logger("test").exception("request_broke")
    finally:
        configure(Settings(_env_file=None), process="test")
    (line,) = [x for x in capfd.readouterr().out.splitlines() if "request_broke" in x]
    trace = json.loads(line)["exception"]
    assert f"in {trouble.__name__}" in trace
    assert "something of ours broke" in trace
    for secret in SECRETS.values():
        assert secret not in line


async def failure(trouble: Trouble, database: Database) -> Exception:
    try:
        await trouble(database)
    except Exception as error:  # noqa: BLE001 - whichever it is
        return error
    raise AssertionError("it went well")


async def test_what_is_told_still_says_what_happened(database: Database) -> None:
    for trouble in (by_the_orm, by_the_driver):
        told = describe(await failure(trouble, database))
        assert told.startswith(
            'CheckViolationError(23514): new row for relation "users" violates check constraint'
        )
    assert describe(await failure(by_a_cast, database)) == "InvalidTextRepresentationError(22P02)"
    assert describe(await failure(by_an_argument, database)).startswith("DataError")
    assert describe(await failure(by_a_shape, database)).startswith(
        "ValidationError: UserAnswer: user_id (missing), "
    )
    several = ExceptionGroup("two things", [await failure(by_the_orm, database), ValueError("x")])
    assert describe(several).startswith("ExceptionGroup: two things: CheckViolationError(23514): ")
    assert not any(secret in describe(several) for secret in SECRETS.values())
    assert describe(ValueError("two\n  lines")) == "ValueError('two\\n lines')"
    assert describe(asyncpg.DeadlockDetectedError("deadlock detected")).endswith(
        "deadlock detected"
    )


@pytest.mark.parametrize("trouble", [by_the_orm, by_the_driver])
async def test_the_databases_own_log_tells_nobodys_data(
    database: Database, trouble: Trouble
) -> None:
    log = testing.servers().postgres.log
    before = log.stat().st_size
    await failure(trouble, database)
    written = ""
    for _ in range(200):  # the server writes its log when it likes
        written = log.read_bytes()[before:].decode()
        if 'relation "users"' in written:
            break
        await asyncio.sleep(0.05)
    assert 'relation "users"' in written
    for secret in SECRETS.values():
        assert secret not in written


def errors_told_otherwise(source: str) -> list[int]:
    """Lines that put ``repr(error)`` or ``str(error)`` of a caught exception into a log."""

    def is_telling(node: ast.AST, names: set[str]) -> bool:
        return (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id in {"repr", "str"}
            and isinstance(node.args[0], ast.Name)
            and node.args[0].id in names
        )

    def is_logging(node: ast.AST) -> bool:
        return (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and isinstance(node.func.value, ast.Name)
            and node.func.value.id == "log"
        )

    tree = ast.parse(source)
    handlers = [node for node in ast.walk(tree) if isinstance(node, ast.ExceptHandler)]
    names = {str(handler.name) for handler in handlers if handler.name}
    calls: list[Any] = [node for node in ast.walk(tree) if is_logging(node)]
    return [inner.lineno for call in calls for inner in ast.walk(call) if is_telling(inner, names)]


def test_every_log_line_tells_errors_in_the_one_way() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{line}"
        for folder in ("api", "core", "worker")
        for path in (ROOT / folder).rglob("*.py")
        for line in errors_told_otherwise(path.read_text())
    ]
    assert found == [], "core.foundation.logging.describe tells an error without its row"
