"""Each feature's tables are read and written by that feature alone."""

import ast

import pytest
from sqlalchemy import Table

from core.tables import FEATURES, OWNERS, declared_by
from tests.architecture import orm, sql
from tests.architecture.source import Module
from tests.architecture.sql import Way
from tests.architecture.walls import CLASSES, all_modules, leaks, read, touches

FEW = 200  # the bank's code holds more statements than this


def test_no_feature_touches_a_table_of_another() -> None:
    found = leaks(all_modules())

    assert not found, "\n".join(map(str, found))


def test_every_statement_is_read() -> None:
    reading = read(all_modules())

    broken = [text for text in reading.statements if not sql.is_statement(text.text)]
    assert not broken, "\n".join(map(str, broken))
    assert not reading.unread, "\n".join(map(str, reading.unread))
    assert len(reading.statements) > FEW


def test_every_table_is_used_by_its_owner() -> None:
    used = {(touch.table, touch.feature) for touch in touches(all_modules())}

    assert set(OWNERS.items()) <= used


def test_what_no_query_maps_is_a_table_and_no_class() -> None:
    mapped = {
        table.name
        for tables in FEATURES.values()
        for name, table in declared_by(tables).items()
        if not isinstance(getattr(tables, name), Table)
    }
    queried = {table for home in all_modules() for _, table, _ in orm.touches(home, CLASSES)}

    assert mapped <= queried


def made_up(source: str, name: str = "core.notifications.made_up") -> Module:
    return Module(name, ast.parse(source))


def found(source: str) -> set[tuple[str, Way]]:
    return {(leak.table, leak.way) for leak in leaks([made_up(source)])}


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ('A = "SELECT 1 FROM users u JOIN accounts a ON true"', {"users", "accounts"}),
        ('A = f"SELECT {1} FROM {B}"\nB = "users"', {"users"}),
        ('A = "SELECT {what} FROM users"\nB = A.format(what="id")', {"users"}),
        ('A = "SELECT 1 FROM "\nB = A + "users"', {"users"}),
        ('A = "SELECT 1 FROM old".replace("old", "users")', {"users"}),
        ('def f(x):\n    a = "users" if x else "loans"\n    g(f"SELECT 1 FROM {a}")',
         {"users", "loans"}),
        ('"""SELECT 1 FROM users."""\nA = "Select one of the accounts from users"', set()),
        ('A = "select id from users"', {"users"}),
        ('A = "Select id from users"', {"users"}),
        ('A = "WITH users AS (SELECT 1) SELECT * FROM users"', set()),
        ('A = "SELECT (SELECT max(id) FROM loans) FROM unnest($1::int[]) AS users"', {"loans"}),
        ('A = "SELECT 1 FROM x"\nB = "WITH x AS (SELECT 1 FROM users) " + A', {"users"}),
        ('A = "SELECT extract(day FROM users.at) FROM notifications users"', set()),
    ],
)  # fmt: skip
def test_reads_are_found_however_a_statement_is_put_together(
    source: str, expected: set[str]
) -> None:
    assert found(source) == {(table, Way.READS) for table in expected}


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ('A = "INSERT INTO users (id) SELECT id FROM loans ON CONFLICT DO NOTHING"',
         {("users", Way.WRITES), ("loans", Way.READS)}),
        ('A = "update users set id = 1"', {("users", Way.WRITES)}),
        ('A = "WITH x AS (DELETE FROM users RETURNING id) SELECT * FROM x"',
         {("users", Way.WRITES)}),
        ('A = "UPDATE users u SET id = l.id FROM loans l WHERE u.id = l.id"',
         {("users", Way.WRITES), ("loans", Way.READS)}),
        ('A = "SELECT 1 FROM users ORDER BY id FOR NO KEY UPDATE SKIP LOCKED"',
         {("users", Way.LOCKS)}),
        ('A = "SELECT 1 FROM users u JOIN loans l ON true FOR UPDATE OF l"',
         {("users", Way.READS), ("loans", Way.LOCKS)}),
        ('async def f(c):\n    await c.copy_records_to_table("postings", records=[])',
         {("postings", Way.WRITES)}),
    ],
)  # fmt: skip
def test_writes_and_locks_are_told_from_reads(source: str, expected: set[tuple[str, Way]]) -> None:
    assert found(source) == expected


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("select(Account).where(Account.id == 1)", {Way.READS}),
        ("session.add(Account(id=1))", {Way.WRITES}),
        ("session.execute(insert(Account).values(id=1))", {Way.WRITES}),
        ("account.nickname = None", {Way.WRITES}),
        ("row = await find_account(1)\n    row.status = 1", {Way.WRITES}),
        ("for row in await accounts_of(1):\n        row.status = 1", {Way.WRITES}),
        ("print(account.nickname)", set()),
    ],
)
def test_uses_of_the_orm_are_found_and_values_are_none(body: str, expected: set[Way]) -> None:
    source = (
        "from core.ledger.accounts import accounts_of, find_account\n"
        "from core.ledger.tables import Account\n"
        f"async def f(account: Account) -> Account:\n    {body}\n"
    )

    assert found(source) == {("accounts", way) for way in expected}


def test_what_only_the_running_program_knows_is_refused() -> None:
    untold = made_up('def f(which):\n    return f"SELECT 1 FROM users WHERE {which}"')
    loose = made_up('A = "JOIN users u ON true"')

    assert len(read([untold]).unread) == 1
    assert len(read([loose]).unread) == 1


@pytest.mark.parametrize(
    "source",
    [
        'def f(which):\n    return f"select 1 from users where {which}"',
        'A = "join users u on true"',
        'A = "SELECT 1 FROM %s" % "users"',
        'A = "SELECT 1 FROM %s"\ndef f():\n    return A % "users"',
        'A = "x JOIN %s" % "users"',
        'A = "select 1 from %s" % "users"',
        'async def f(c):\n    t = "users"\n    await c.copy_records_to_table(t, records=[])',
        "async def f(c, t):\n    await c.copy_records_to_table(table_name=t, records=[])",
    ],
)
def test_what_is_filled_or_copied_by_other_means_is_refused(source: str) -> None:
    assert read([made_up(source)]).unread
    assert not read([made_up('A = "%s of them" % 5 + str(5 % 2)')]).unread


def test_what_an_owner_publishes_may_be_read_by_everybody_and_written_by_nobody() -> None:
    assert found('A = "SELECT 1 FROM notifications JOIN account_directory USING (id)"') == set()
    assert found('A = "DELETE FROM account_directory"') == {("account_directory", Way.WRITES)}


def test_a_table_that_nobody_owns_is_a_leak() -> None:
    assert found('A = "SELECT 1 FROM user"') == {("user", Way.READS)}
