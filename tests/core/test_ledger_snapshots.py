"""Snapshots of ledger accounts shorten the sums and change none of them."""

import asyncio
from datetime import datetime, timedelta

import pytest

from core import clock
from core.ledger.snapshots import SETTLING_TIME, take_snapshot
from core.ledger.trial_balance import TrialBalance, trial_balance
from core.verification import verify
from tests.quiet import Quiet


async def balance_sheet(quiet: Quiet) -> TrialBalance:
    async with quiet.database.raw_connection() as connection:
        return await trial_balance(connection)


async def count(quiet: Quiet, before: datetime) -> int:
    async with quiet.database.raw_connection() as connection:
        rows: int = await connection.fetchval(
            "SELECT count(*) FROM ledger_balance_snapshots WHERE before = $1", before
        )
    return rows


async def test_the_trial_balance_is_the_same_with_and_without_a_snapshot(quiet: Quiet) -> None:
    # Given cash in two currencies
    anna = await quiet.account(12_345)
    await quiet.deposit(await quiet.account(currency="USD"), 7)
    await quiet.settler().drain()
    without = await balance_sheet(quiet)
    assert all(total.debit_minor == total.credit_minor for total in without.totals)
    # When a snapshot is taken, as if some minutes had passed, twice, and by two at once
    before = clock.now()
    later = before + SETTLING_TIME
    await asyncio.gather(*(take_snapshot(quiet.database, before, later) for _ in range(2)))
    taken = await count(quiet, before)
    await take_snapshot(quiet.database, before, later)
    # Then nothing has changed, and what comes after it counts on top
    assert taken == await count(quiet, before) > 0
    assert (await balance_sheet(quiet)).rows == without.rows
    await quiet.deposit(anna, 1)
    await quiet.settler().drain()
    after = await balance_sheet(quiet)
    cash = [row for row in after.rows if (row.code, row.currency) == ("1000", "EUR")]
    cash_before = [row for row in without.rows if (row.code, row.currency) == ("1000", "EUR")]
    assert cash[0].debit_minor == cash_before[0].debit_minor + 100
    # And a snapshot upon a snapshot agrees as well
    second = clock.now()
    await take_snapshot(quiet.database, second, second + SETTLING_TIME)
    assert (await balance_sheet(quiet)).rows == after.rows
    assert all(result.ok for result in await verify(quiet.database))


async def test_a_snapshot_earlier_than_the_latest_does_nothing(quiet: Quiet) -> None:
    await quiet.account(100)
    latest = clock.now()
    await take_snapshot(quiet.database, latest, latest + SETTLING_TIME)
    earlier = latest - timedelta(days=1)
    await take_snapshot(quiet.database, earlier, latest)
    assert await count(quiet, earlier) == 0


async def test_a_moment_too_recent_is_refused(quiet: Quiet) -> None:
    now = clock.now()
    with pytest.raises(ValueError, match="too recent"):
        await take_snapshot(quiet.database, now - SETTLING_TIME + timedelta(seconds=1), now)
