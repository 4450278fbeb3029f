"""The one door to the ledger: accounts are locked here, and postings and balances written.

Everything goes in sets. The accounts of a unit of work are locked in the order of their ids;
what may be posted on them ``balances`` decides; what was decided is written by one statement for
the postings and one for the balances.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date as calendar_date
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from core.foundation.database import Connection
from core.foundation.metrics import stage
from core.ledger.balances import Accounts, AccountState, Leg

# NO KEY UPDATE: as strong among ourselves, and it lets foreign keys to the account be checked.
_LOCK = """
SELECT id, currency, status, balance_minor, overdraft_limit_minor, last_booked_at FROM accounts
WHERE id = ANY($1::uuid[]) ORDER BY id FOR NO KEY UPDATE
"""
_LOCK_FREE = f"{_LOCK} SKIP LOCKED"
# In order: ``entry_no`` numbers an account's postings as they follow from each other.
_POST = """
INSERT INTO postings (transaction_id, leg, account_id, ledger_code, amount_minor, currency,
                      balance_after_minor, booked_at, accounting_date)
SELECT transaction_id, leg, account_id, ledger_code, amount_minor, currency, balance_after_minor,
       $9, accounting_date
FROM unnest($1::uuid[], $2::smallint[], $3::uuid[], $4::text[], $5::bigint[], $6::text[],
            $7::bigint[], $8::date[]) WITH ORDINALITY
  AS p (transaction_id, leg, account_id, ledger_code, amount_minor, currency, balance_after_minor,
        accounting_date, place)
ORDER BY place
"""
_BALANCES = """
UPDATE accounts a SET balance_minor = b.balance_minor, last_booked_at = $3
FROM unnest($1::uuid[], $2::bigint[]) AS b (id, balance_minor) WHERE a.id = b.id
"""


class Voucher(NamedTuple):
    """The legs of one transaction, to be posted together, on one date of the books."""

    transaction_id: UUID
    legs: Sequence[Leg]
    accounting_date: calendar_date


# Entries by the instant at which they are booked, both in order.
Dated = Mapping[datetime, Sequence[Voucher]]


async def lock(
    connection: Connection, account_ids: Collection[UUID], *, in_line: bool = False
) -> dict[UUID, AccountState]:
    """Lock these accounts for the unit of work, in id order; those that others hold are left out.

    ``in_line`` waits for them instead, as long as the unit of work's bounds allow.
    """
    rows = await connection.fetch(_LOCK if in_line else _LOCK_FREE, list(account_ids))
    return {row["id"]: AccountState(*row) for row in rows}


def date(entries: Sequence[Voucher], accounts: Accounts, now: datetime) -> Dated:
    """When each of the entries is booked; the accounts end with their last instant.

    That is now for all of them, unless the clock was set back: an account's postings never are.
    """
    moved = [account for account in accounts.values() if account.moved]
    if all(account.last_booked_at <= now for account in moved):
        for account in moved:
            account.last_booked_at = now
        return {now: entries} if entries else {}
    by_instant: dict[datetime, list[Voucher]] = defaultdict(list)
    for entry in entries:
        touched = [accounts[leg.account_id] for leg in entry.legs if leg.account_id is not None]
        instant = max([now, *(account.last_booked_at for account in touched)])
        for account in touched:
            account.last_booked_at = instant
        by_instant[instant].append(entry)
    return dict(sorted(by_instant.items()))


async def post(connection: Connection, dated: Dated, accounts: Iterable[AccountState] = ()) -> None:
    """Write the postings, and the balances of those of ``accounts`` that have moved."""
    with stage("write_postings"):
        for instant, entries in dated.items():
            await _write_postings(connection, entries, instant)
    with stage("write_balances"):
        await _write_balances(connection, accounts)


async def _write_postings(
    connection: Connection, entries: Sequence[Voucher], instant: datetime
) -> None:
    rows = [
        (transaction_id, number, account_id, ledger_code, amount_minor, currency, balance_after,
         accounting_date)
        for transaction_id, legs, accounting_date in entries
        for number, (account_id, ledger_code, amount_minor, currency, balance_after)
        in enumerate(legs)
    ]  # fmt: skip
    await connection.execute(_POST, *zip(*rows, strict=True), instant)


async def _write_balances(connection: Connection, accounts: Iterable[AccountState]) -> None:
    by_instant: dict[datetime, list[AccountState]] = defaultdict(list)
    for account in accounts:
        if account.moved:
            by_instant[account.last_booked_at].append(account)
    for instant, some in by_instant.items():
        await connection.execute(
            _BALANCES, [a.id for a in some], [a.balance_minor for a in some], instant
        )
