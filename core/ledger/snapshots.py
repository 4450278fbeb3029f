"""Balances of the bank's own ledger accounts: the sum of their postings, kept short by snapshots.

A ledger account has no running balance, so that a cash or income account is never a hot row. A
snapshot goes up to a number and not to a time: a clock may be set back, numbers never are.
"""

from typing import Final

from core.foundation.database import Database
from core.ledger.under_way import wait_until_ended

# Units of work last milliseconds; one that hangs is ended by the server after seconds.
PATIENCE_SECONDS: Final = 120.0
# An advisory lock: to lock the table one would have to hold the privilege to change its rows.
_ONE_AT_A_TIME: Final = 0x6769726F_02

_LAST = "SELECT coalesce(max(through_entry_no), 0) FROM ledger_balance_snapshots"
# A number that is not to be seen yet, though a higher one is, belongs to a transaction that has
# begun to write, so that it has an id below this statement's xmax.
_CUT = """
SELECT max(entry_no) AS through, pg_snapshot_xmax(pg_current_snapshot())::text AS ended
FROM postings WHERE ledger_code IS NOT NULL AND entry_no > $1
"""
_TAKE = """
INSERT INTO ledger_balance_snapshots
  (ledger_code, currency, through_entry_no, balance_minor, taken_at)
SELECT ledger_code, currency, $2::bigint, sum(amount_minor), clock_timestamp() FROM (
  SELECT p.ledger_code, p.currency, p.amount_minor::numeric FROM postings p
  WHERE p.ledger_code IS NOT NULL AND p.entry_no > $1 AND p.entry_no <= $2
  UNION ALL
  SELECT ledger_code, currency, balance_minor FROM ledger_balance_snapshots
  WHERE through_entry_no = $1
) AS amounts
GROUP BY ledger_code, currency
"""


async def take_snapshot(database: Database) -> int:
    """Record every ledger account's balance up to the latest posting; answers its number.

    Where nothing was posted since the last one, that one stays the latest. Raises TimeoutError
    while a unit of work that may still post with a lower number does not end.
    """
    async with database.read() as reader:
        last: int = await reader.fetchval(_LAST)
        cut = await reader.fetchrow(_CUT, last)
    if cut is None or cut["through"] is None:
        return last
    await wait_until_ended(database, cut["ended"], patience_seconds=PATIENCE_SECONDS)
    async with database.unit_of_work() as unit:
        connection = unit.connection
        await connection.execute("SELECT pg_advisory_xact_lock($1)", _ONE_AT_A_TIME)
        latest: int = await connection.fetchval(_LAST)
        if latest < cut["through"]:
            await connection.execute(_TAKE, latest, cut["through"])
        await unit.commit()
    through: int = cut["through"]
    return max(latest, through)
