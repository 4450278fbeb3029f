"""The database host's clock is set back by an hour while the bank works."""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from uuid import UUID

import asyncpg
import pytest
import pytest_asyncio

from core.foundation.database import Database
from core.foundation.locks import Locks
from core.ledger.directory import balance_before
from core.ledger.snapshots import take_snapshot
from core.reporting.entries import EntryFilter, entries_of
from core.transactions.kinds import Kinds
from core.transactions.settle import Settler
from core.transactions.waiting import Announcer
from tests.quiet import Quiet
from tests.transactions.books import assert_books_are_sound

HOUR = timedelta(hours=1)


@pytest_asyncio.fixture(loop_scope="session")
async def an_hour_back(quiet: Quiet, superuser: asyncpg.Connection) -> AsyncIterator[Settler]:
    """A worker whose statements find a clock that is an hour behind what it was."""
    await superuser.execute(
        """
        CREATE SCHEMA an_hour_back;
        GRANT USAGE ON SCHEMA an_hour_back TO PUBLIC;
        CREATE FUNCTION an_hour_back.clock_timestamp() RETURNS timestamptz LANGUAGE sql AS
          $$ SELECT pg_catalog.clock_timestamp() - interval '1 hour' $$
        """
    )
    path = "search_path=an_hour_back,public,pg_catalog"
    database = Database(f"{quiet.settings.database_url}?{path}", name="behind", pool_size=4)
    locks = Locks(quiet.redis, ttl_seconds=5)
    yield Settler(database, locks, Kinds(), Announcer(quiet.redis), batch_size=100, time_zone="UTC")
    await database.close()
    await superuser.execute("DROP SCHEMA an_hour_back CASCADE")


async def unused_for_a_day(quiet: Quiet) -> UUID:
    """An account that was opened a day ago."""
    account = await quiet.account()
    async with quiet.database.unit_of_work() as unit:
        await unit.connection.execute(
            "UPDATE accounts SET last_booked_at = last_booked_at - interval '1 day' WHERE id = $1",
            account,
        )
        await unit.commit()
    return account


async def entries(quiet: Quiet, account: UUID) -> list[tuple[int, int, datetime]]:
    """Amount, balance after it and time of each entry, as a statement shows them."""
    async with quiet.database.read() as reader:
        rows = await entries_of(
            reader, account, EntryFilter(), oldest_first=True, after=None, limit=50
        )
    return [(row.amount_minor, row.balance_after_minor, row.booked_at) for row in rows]


async def test_an_accounts_entries_follow_each_other_and_others_keep_the_new_time(
    quiet: Quiet, an_hour_back: Settler
) -> None:
    # Given money that was booked before the step
    anna, bert = await quiet.account(10_000), await quiet.account()
    unused = await unused_for_a_day(quiet)
    for amount in (1, 2):
        await quiet.transfer(anna, bert, amount)
    await quiet.settler().drain()
    before_step = (await entries(quiet, anna))[-1][2]
    # When the clock is set back, and payments go on, one of them to an account unused before
    for amount in (3, 4):
        await quiet.transfer(anna, bert, amount)
    await quiet.transfer(bert, anna, 5)
    late = await quiet.deposit(unused, 1)
    await an_hour_back.drain()
    await an_hour_back.drain()
    # Then no entry is before the one that it follows, and the balances tell the whole story
    lines = await entries(quiet, anna)
    assert [amount for amount, _, _ in lines] == [10_000, -100, -200, -300, -400, 500]
    assert [after for _, after, _ in lines] == [10_000, 9_900, 9_700, 9_400, 9_000, 9_500]
    times = [at for _, _, at in lines]
    assert times == sorted(times)
    assert times[-1] == before_step
    async with quiet.database.read() as reader:
        assert await balance_before(reader, anna, before_step) == 10_000
        just_after = before_step + timedelta(microseconds=1)
        assert await balance_before(reader, anna, just_after) == 9_500
        settled_at = await reader.fetchval(
            "SELECT settled_at FROM transactions WHERE id = $1", late.transaction_id
        )
    # And whoever had no entry yet is booked at the clock's own time
    assert before_step - 2 * HOUR < settled_at < before_step - HOUR / 2
    await assert_books_are_sound(quiet)


async def test_a_snapshot_taken_before_the_step_stays_right(
    quiet: Quiet, an_hour_back: Settler
) -> None:
    await quiet.account(700)
    await take_snapshot(quiet.database)
    await quiet.deposit(await unused_for_a_day(quiet), 3)
    await an_hour_back.drain()
    await assert_books_are_sound(quiet)


async def test_the_database_itself_refuses_an_entry_before_the_last_one(
    quiet: Quiet, superuser: asyncpg.Connection
) -> None:
    anna = await quiet.account(500)
    with pytest.raises(asyncpg.ForeignKeyViolationError, match="before its last one"):
        await superuser.execute(
            "INSERT INTO postings (transaction_id, leg, account_id, ledger_code, amount_minor,"
            " currency, balance_after_minor, booked_at, accounting_date)"
            " SELECT '00000000-0000-7000-8000-000000000001', leg, account, code, amount, 'EUR',"
            " after, now() - interval '1 hour', current_date"
            " FROM (VALUES (0, NULL, '1000', -5, NULL), (1, $1::uuid, NULL, 5, 505))"
            " AS p (leg, account, code, amount, after)",
            anna,
        )
