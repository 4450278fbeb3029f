"""Balances of the bank's own ledger accounts: the sum of their postings, kept short by snapshots.

A ledger account has no running balance, so that a cash or income account is never a hot row.
"""

from datetime import datetime, timedelta
from typing import Final

from core.database import Database

# A unit of work stamps its postings before it commits; by then every earlier one has ended.
SETTLING_TIME: Final = timedelta(minutes=2)
# An advisory lock: to lock the table one would have to hold the privilege to change its rows.
_ONE_AT_A_TIME: Final = 0x6769726F_02

_TAKE = """
INSERT INTO ledger_balance_snapshots (ledger_code, currency, before, balance_minor)
SELECT ledger_code, currency, $1, sum(amount_minor) FROM (
  SELECT p.ledger_code, p.currency, p.amount_minor::numeric FROM postings p
  WHERE p.ledger_code IS NOT NULL AND p.booked_at < $1
    AND p.booked_at >= coalesce((SELECT max(before) FROM ledger_balance_snapshots), '-infinity')
  UNION ALL
  SELECT ledger_code, currency, balance_minor FROM ledger_balance_snapshots
  WHERE before = (SELECT max(before) FROM ledger_balance_snapshots)
) AS amounts
GROUP BY ledger_code, currency
ON CONFLICT DO NOTHING
"""
_LATER = "SELECT EXISTS (SELECT FROM ledger_balance_snapshots WHERE before >= $1)"


async def take_snapshot(database: Database, before: datetime, now: datetime) -> None:
    """Record every ledger account's balance of what was booked before ``before``.

    Taking it again, or one earlier than the latest, does nothing. Raises ValueError for an
    instant so recent that postings stamped before it may still be on their way.
    """
    if before > now - SETTLING_TIME:
        raise ValueError(f"{before} is too recent for a snapshot")
    async with database.raw_unit_of_work() as connection:
        await connection.execute("SELECT pg_advisory_xact_lock($1)", _ONE_AT_A_TIME)
        if not await connection.fetchval(_LATER, before):
            await connection.execute(_TAKE, before)
