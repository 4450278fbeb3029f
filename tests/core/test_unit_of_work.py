"""A unit of work: one connection, undone unless it is committed, in whatever way it ends."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID

import asyncpg
import pytest
import pytest_asyncio
from sqlalchemy.exc import IntegrityError

import core
from core.foundation.config import Settings
from core.foundation.database import Bounds, Connection, Database, UnitOfWork
from core.foundation.ids import new_id
from core.foundation.sqlstates import CommitUnknownError, was_held_up
from core.foundation.unit_of_work import RolledBackError, UnitOfWorkOver
from core.identity.tables import User
from tests.transactions.wire import Wire

OPEN_ACCOUNT = """
INSERT INTO accounts (id, owner_id, account_number, iban, currency, created_at)
VALUES ($1, $2, $3, $3, 'EUR', now())
"""
RENAME = "UPDATE accounts SET nickname = $2 WHERE id = $1"
SETTLEMENT = Bounds(lock=0.1, idle=1, whole=2)


def customer() -> User:
    return User(
        id=new_id(),
        email=f"{new_id()}@example.org",
        role="customer",
        status="active",
        password_hash="!",
    )


async def open_account(connection: Connection, owner: UUID) -> UUID:
    account = new_id()
    await connection.execute(OPEN_ACCOUNT, account, owner, account.hex[-16:])
    return account


async def arrive(unit: UnitOfWork) -> tuple[User, UUID]:
    """A new customer, by the session, and his first account, by the driver."""
    anna = customer()
    unit.session.add(anna)
    await unit.session.flush()
    return anna, await open_account(unit.connection, anna.id)


async def nickname(database: Database, account: UUID) -> str | None:
    async with database.read() as reader:
        name: str | None = await reader.fetchval(
            "SELECT nickname FROM accounts WHERE id = $1", account
        )
    return name


async def is_there(database: Database, *, account: UUID) -> bool:
    async with database.read() as reader:
        there: bool = await reader.fetchval(
            "SELECT EXISTS (SELECT FROM accounts WHERE id = $1)", account
        )
    return there


@pytest_asyncio.fixture
async def teller(quiet_settings: Settings) -> AsyncIterator[Database]:
    """A database of one connection: whoever does not give it back is found out."""
    database = Database(quiet_settings.database_url, name="teller", pool_size=1, timeout_seconds=2)
    yield database
    await database.close()


@pytest_asyncio.fixture
async def account(database: Database) -> UUID:
    async with database.unit_of_work() as unit:
        _, account = await arrive(unit)
        await unit.commit()
    return account


def test_nobody_but_intake_commits_by_the_statement() -> None:
    root = Path(core.__file__).parents[1]
    users = {
        str(file.relative_to(root))
        for part in ("api", "core", "ops", "worker")
        for file in (root / part).rglob("*.py")
        if ".autocommit()" in file.read_text()
    }
    assert users == {"core/transactions/intake.py"}


async def test_rows_and_sets_are_committed_together(teller: Database) -> None:
    async with teller.unit_of_work() as unit:
        anna, account = await arrive(unit)
        anna.full_name = "Anna Berg"  # what the session still holds is written by the commit
        await unit.commit()
    async with teller.read() as reader:
        row = await reader.fetchrow(
            "SELECT u.full_name FROM accounts a JOIN users u ON u.id = a.owner_id WHERE a.id = $1",
            account,
        )
    assert row is not None
    assert row["full_name"] == "Anna Berg"


async def test_what_is_not_committed_never_was(teller: Database) -> None:
    async with teller.unit_of_work() as unit:
        _, account = await arrive(unit)
    assert not await is_there(teller, account=account)


@pytest.mark.parametrize("error", [ValueError("no such product"), asyncio.CancelledError()])
async def test_what_ends_in_an_error_never_was(teller: Database, error: BaseException) -> None:
    accounts = []

    async def breaks() -> None:
        async with teller.unit_of_work() as unit:
            accounts.append((await arrive(unit))[1])
            raise error

    with pytest.raises(type(error)):
        await breaks()
    assert not await is_there(teller, account=accounts[0])


async def test_who_leaves_in_the_middle_of_a_statement_leaves_nothing_open(
    teller: Database, account: UUID
) -> None:
    async def slow() -> None:
        async with teller.unit_of_work() as unit:
            await unit.connection.execute(RENAME, account, "holiday")
            await unit.connection.execute("SELECT pg_sleep(30)")

    with pytest.raises(TimeoutError):
        await asyncio.wait_for(slow(), 0.3)
    # The row is free at once, and the one connection of the pool serves again
    async with teller.unit_of_work(SETTLEMENT) as unit:
        await unit.connection.execute(RENAME, account, "household")
        await unit.commit()
    assert await nickname(teller, account) == "household"


class Basket(list[int]):
    """What a unit of work may share."""


async def test_of_a_savepoint_an_error_leaves_nothing_in_rows_or_in_objects(
    teller: Database,
) -> None:
    async with teller.unit_of_work() as unit:
        anna, account = await arrive(unit)
        anna.full_name = "Anna"
        await unit.session.flush()

        twin = customer()
        twin.email = anna.email
        rung: list[str] = []

        async def ring() -> None:
            rung.append("rung")

        async def move_in_twice() -> None:
            async with unit.savepoint():
                unit.share(Basket).append(7)
                unit.once_committed(ring)
                anna.full_name = "Bert"
                await unit.session.flush()
                await unit.connection.execute(RENAME, account, "gone")
                unit.session.add(twin)
                await unit.session.flush()

        with pytest.raises(IntegrityError):
            await move_in_twice()
        assert twin not in unit.session
        assert unit.share(Basket) == []
        await unit.session.refresh(anna)
        assert anna.full_name == "Anna"
        async with unit.savepoint():
            await unit.connection.execute(RENAME, account, "kept")
        await unit.commit()
    assert rung == []
    assert await nickname(teller, account) == "kept"


async def test_a_savepoint_holds_for_what_never_asked_for_the_session(
    teller: Database, account: UUID
) -> None:
    async with teller.unit_of_work() as unit:
        await unit.connection.execute(RENAME, account, "kept")

        async def break_something() -> None:
            async with unit.savepoint():
                await unit.connection.execute(RENAME, account, "gone")
                await unit.connection.execute("SELECT 1 / 0")

        with pytest.raises(asyncpg.PostgresError):
            await break_something()
        await unit.commit()
    assert await nickname(teller, account) == "kept"


async def test_a_commit_that_the_server_turned_into_a_rollback_is_an_error(
    teller: Database, account: UUID
) -> None:
    async with teller.unit_of_work() as unit:
        await unit.connection.execute(RENAME, account, "lost")
        with pytest.raises(asyncpg.PostgresError):
            await unit.connection.execute("SELECT 1 / 0")
        with pytest.raises(RolledBackError):
            await unit.commit()
    assert await nickname(teller, account) is None


async def test_what_has_been_committed_is_over(teller: Database, account: UUID) -> None:
    async with teller.unit_of_work() as unit:
        session = unit.session
        await unit.connection.execute(RENAME, account, "once")
        await unit.commit()
        with pytest.raises(UnitOfWorkOver):
            await unit.connection.execute(RENAME, account, "twice")
        with pytest.raises(UnitOfWorkOver):
            await unit.commit()
    with pytest.raises(AssertionError, match=r"unit\.commit"):
        await session.commit()


async def test_whatever_is_shared_is_made_once_a_unit_of_work(database: Database) -> None:
    async with database.unit_of_work() as unit, database.unit_of_work() as another:
        unit.share(Basket).append(7)
        assert unit.share(Basket) == [7]
        assert another.share(Basket) == []


async def test_what_waits_for_the_commit_runs_once_after_it_and_never_without(
    teller: Database, account: UUID
) -> None:
    rung: list[str | None] = []

    async def ring() -> None:
        rung.append(await nickname(teller, account))  # the one connection has been given back

    async def work(*, commits: bool) -> None:
        async with teller.unit_of_work() as unit:
            unit.once_committed(ring)
            await unit.connection.execute(RENAME, account, "rung")
            unit.once_committed(ring)
            if commits:
                await unit.commit()
            assert rung == []
            raise ValueError("the caller has gone")

    with pytest.raises(ValueError, match="gone"):
        await work(commits=False)
    assert rung == []
    with pytest.raises(ValueError, match="gone"):
        await work(commits=True)
    assert rung == ["rung"]


async def test_bounds_are_kept_by_the_server(database: Database, account: UUID) -> None:
    async with database.unit_of_work() as unit:
        await unit.connection.execute(RENAME, account, "held")
        with pytest.raises(asyncpg.LockNotAvailableError) as refused:
            async with database.unit_of_work(SETTLEMENT) as other:
                await other.connection.execute(RENAME, account, "wants it")
        assert was_held_up(refused.value)


@pytest.mark.parametrize("for_good", [False, True])
async def test_a_commit_whose_answer_is_lost_is_not_known_and_rings_for_who_finds_it(
    quiet_settings: Settings,
    database: Database,
    account: UUID,
    for_good: bool,
) -> None:
    rung: list[str] = []

    async def ring() -> None:
        rung.append("rung")

    async with Wire.open(quiet_settings.database_url) as wire:
        branch = Database(wire.url, name="branch", pool_size=1, timeout_seconds=2)
        async with branch.unit_of_work() as unit:
            unit.once_committed(ring)
            await unit.connection.execute(RENAME, account, "on disk")
            wire.lose_answer_to(b"COMMIT", for_good=for_good)
            with pytest.raises(CommitUnknownError):
                await unit.commit()
            # When somebody looks, past the wire, then it is there
            if await nickname(database, account) == "on disk" and not for_good:
                unit.found()
        assert rung == ([] if for_good else ["rung"])
        # And the connection that was lost is not given to the next
        wire.mend()
        assert await nickname(branch, account) == "on disk"
        await branch.close()


async def test_a_snapshot_sees_one_moment_and_writes_nothing(
    database: Database, account: UUID
) -> None:
    look = "SELECT nickname FROM accounts WHERE id = $1"
    async with database.snapshot() as reader:
        before = await reader.fetchval(look, account)
        async with database.unit_of_work() as unit:
            await unit.connection.execute(RENAME, account, "later")
            await unit.commit()
        assert await reader.fetchval(look, account) == before
        with pytest.raises(asyncpg.ReadOnlySQLTransactionError):
            await reader.fetchval(f"{RENAME} RETURNING id", account, "forged")


async def test_what_could_not_be_begun_spoils_no_connection(
    teller: Database, account: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Bounds, "begin", lambda *_: "BEGIN; SET LOCAL no_such_setting = 1;")
    with pytest.raises(asyncpg.PostgresError, match="no_such_setting"):
        async with teller.unit_of_work(SETTLEMENT):
            raise AssertionError("it was begun")
    async with teller.unit_of_work() as unit:
        await unit.connection.execute(RENAME, account, "well")
        await unit.commit()
    assert await nickname(teller, account) == "well"


async def test_a_transaction_that_was_begun_by_hand_ends_with_its_connection(
    teller: Database, account: UUID
) -> None:
    async with teller.autocommit() as connection:
        await connection.execute("BEGIN")
        await connection.execute(RENAME, account, "by hand")
    assert await nickname(teller, account) is None


async def test_each_look_of_a_reader_sees_its_own_moment_and_leaves_nothing_open(
    database: Database, teller: Database, account: UUID
) -> None:
    async with database.read() as reader:
        async with teller.unit_of_work() as unit:
            await unit.connection.execute(RENAME, account, "since")
            await unit.commit()
        seen = await reader.fetchrow(
            "SELECT nickname, pg_current_xact_id_if_assigned() AS writes FROM accounts"
            " WHERE id = $1",
            account,
        )
    assert seen is not None
    assert (seen["nickname"], seen["writes"]) == ("since", None)
