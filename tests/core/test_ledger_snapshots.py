"""Snapshots of ledger accounts shorten the sums and change none of them."""

import asyncio

import pytest

from core.ledger import snapshots
from core.ledger.snapshots import take_snapshot
from core.ledger.trial_balance import LedgerRow, TrialBalance, trial_balance
from core.verification import verify
from tests.quiet import Quiet


async def balance_sheet(quiet: Quiet) -> TrialBalance:
    async with quiet.database.read() as reader:
        return await trial_balance(reader)


async def count(quiet: Quiet, through: int) -> int:
    async with quiet.database.read() as reader:
        rows: int = await reader.fetchval(
            "SELECT count(*) FROM ledger_balance_snapshots WHERE through_entry_no = $1", through
        )
    return rows


def cash(sheet: TrialBalance) -> LedgerRow:
    (row,) = [row for row in sheet.rows if (row.code, row.currency) == ("1000", "EUR")]
    return row


async def test_the_trial_balance_is_the_same_with_and_without_a_snapshot(quiet: Quiet) -> None:
    # Given cash in two currencies
    anna = await quiet.account(12_345)
    await quiet.deposit(await quiet.account(currency="USD"), 7)
    await quiet.settler().drain()
    without = await balance_sheet(quiet)
    assert all(total.debit_minor == total.credit_minor for total in without.totals)
    # When a snapshot is taken, by two at once, and again
    through, same = await asyncio.gather(*(take_snapshot(quiet.database) for _ in range(2)))
    taken = await count(quiet, through)
    assert through == same == await take_snapshot(quiet.database)
    # Then nothing has changed, and what comes after it counts on top
    assert taken == await count(quiet, through) > 0
    assert (await balance_sheet(quiet)).rows == without.rows
    await quiet.deposit(anna, 1)
    await quiet.settler().drain()
    after = await balance_sheet(quiet)
    assert cash(after).debit_minor == cash(without).debit_minor + 100
    # And a snapshot upon a snapshot agrees as well
    assert await take_snapshot(quiet.database) > through
    assert (await balance_sheet(quiet)).rows == after.rows
    assert all(result.ok for result in await verify(quiet.database))


async def test_a_snapshot_waits_for_whoever_may_still_post_with_a_lower_number(
    quiet: Quiet, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a unit of work that has begun to write, and a deposit booked after it began
    monkeypatch.setattr(snapshots, "PATIENCE_SECONDS", 0.2)
    anna = await quiet.account(100)
    async with quiet.database.unit_of_work() as unit:
        await unit.connection.execute("SELECT pg_current_xact_id()")
        await quiet.deposit(anna, 1)
        await quiet.settler().drain()
        # Then a snapshot is put off until it has ended
        with pytest.raises(TimeoutError):
            await take_snapshot(quiet.database)
        await unit.commit()
    assert await count(quiet, await take_snapshot(quiet.database)) > 0
    assert all(result.ok for result in await verify(quiet.database))
