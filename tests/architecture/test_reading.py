"""What goes through the read door only reads: a replica may stand behind it."""

import ast

import pytest

from tests.architecture.reading import count, faults
from tests.architecture.source import Module
from tests.architecture.walls import all_modules

FEW = 40  # more statements than this go through a Reader
# What they ask is handed to them: the checks of verification, the traces of the rows' owners.
HANDED = {"core.verification.verify", "core.foundation.outcome"}


def test_only_selects_without_locks_go_through_a_reader() -> None:
    found = [
        f"{home.name}:{line} {what}"
        for home in all_modules()
        if home.name not in HANDED
        for line, what in faults(home)
    ]

    assert not found, "\n".join(found)
    assert sum(map(count, all_modules())) > FEW


@pytest.mark.parametrize(
    "asked",
    [
        '"SELECT 1 FROM users FOR UPDATE"',
        '"SELECT 1 FROM users FOR KEY SHARE SKIP LOCKED"',
        '"UPDATE users SET id = id RETURNING id"',
        '"WITH gone AS (DELETE FROM users RETURNING id) SELECT * FROM gone"',
        "\"SELECT nextval('a')\"",
        '"SELECT pg_advisory_xact_lock(1)"',
        "given",
    ],
)
@pytest.mark.parametrize(
    "source",
    [
        "async def f(reader: Reader, given: str):\n    await reader.fetchval({asked})",
        "async def f(database, given):\n    async with database.read() as one:\n"
        "        return await one.fetch({asked})",
        "async def f(unit, given):\n    one = unit.reading()\n    return await one.fetch({asked})",
        "def f(one, given: str) -> Trace:\n    return Trace('loan_id', one, {asked})",
    ],
)
def test_what_locks_or_writes_or_cannot_be_told_is_found(source: str, asked: str) -> None:
    assert list(faults(made_up(source.format(asked=asked))))
    assert not list(faults(made_up(source.format(asked='"SELECT 1 FROM users"'))))


def test_rows_are_locked_by_no_function_that_takes_them_to_read() -> None:
    source = "async def f(rows: Rows):\n    return await rows.scalar(select(User){})"

    assert not list(faults(made_up(source.format(""))))
    assert list(faults(made_up(source.format(".with_for_update()"))))


@pytest.mark.parametrize(
    "source",
    [
        "async def f(db):\n    async with db.read() as reader:\n"
        "        return await reader.rows.scalar(select(User){})",
        "async def f(db):\n    query = select(User){}\n    async with db.read() as reader:\n"
        "        return await reader.rows.scalars(query)",
        "async def f(unit):\n    reader = unit.reading()\n"
        "    return await reader.rows.scalar(select(User){})",
    ],
)
def test_rows_are_locked_by_no_function_that_opens_a_reader(source: str) -> None:
    assert not list(faults(made_up(source.format(""))))
    assert list(faults(made_up(source.format(".with_for_update()"))))


def test_a_reader_is_asked_under_its_own_name() -> None:
    source = "async def f(reader: Reader):\n    ask = reader.fetchval\n    await ask('SELECT 1')"

    assert list(faults(made_up(source)))


def made_up(source: str) -> Module:
    return Module("core.made_up", ast.parse(source))
