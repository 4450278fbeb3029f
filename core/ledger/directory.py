"""Customers' accounts as other features know them: what they may ask the ledger about."""

from collections.abc import Collection
from datetime import datetime
from typing import Final, NamedTuple
from uuid import UUID

from core.foundation.database import Reader
from core.foundation.ids import parse_id
from core.ledger.balances import available_minor, own_minor

_FIND: Final = """
SELECT id, account_number, owner_id, currency, status, is_primary, balance_minor,
       overdraft_limit_minor
FROM accounts WHERE id = ANY($1::uuid[])
UNION
SELECT id, account_number, owner_id, currency, status, is_primary, balance_minor,
       overdraft_limit_minor
FROM accounts WHERE account_number = ANY($2::text[])
UNION
SELECT id, account_number, owner_id, currency, status, is_primary, balance_minor,
       overdraft_limit_minor
FROM accounts WHERE owner_id = ANY($3::uuid[]) AND is_primary
"""
_BALANCES: Final = """
SELECT id, balance_minor, overdraft_limit_minor FROM accounts WHERE id = ANY($1::uuid[])
"""
_OWN: Final = """
SELECT id, currency, status FROM accounts
WHERE owner_id = $1 AND (($2::text IS NULL AND is_primary) OR id = $3 OR account_number = $2)
"""
_ALL_OWN: Final = "SELECT id FROM accounts WHERE owner_id = $1"
_FUNDS: Final = """
SELECT id, owner_id, currency, balance_minor FROM accounts
WHERE owner_id = ANY($1::uuid[]) AND status = 'active' AND balance_minor > 0 ORDER BY id
"""
_BALANCE_BEFORE: Final = """
SELECT balance_after_minor FROM postings WHERE account_id = $1 AND booked_at < $2
ORDER BY booked_at DESC, entry_no DESC LIMIT 1
"""


class ListedAccount(NamedTuple):
    """An account as the directory lists it."""

    id: UUID
    account_number: str
    owner_id: UUID
    currency: str
    status: str
    is_primary: bool
    balance_minor: int
    overdraft_limit_minor: int

    @property
    def available_minor(self) -> int:
        """What may be debited now."""
        return available_minor(self.balance_minor, self.overdraft_limit_minor)


class OwnAccount(NamedTuple):
    """An account as its owner names it."""

    id: UUID
    currency: str
    status: str


class Funds(NamedTuple):
    """An active account that holds money of its owner's, without its overdraft."""

    account_id: UUID
    owner_id: UUID
    currency: str
    own_minor: int


async def find_accounts(
    reader: Reader,
    *,
    ids: Collection[UUID],
    numbers: Collection[str],
    primary_of: Collection[UUID],
) -> list[ListedAccount]:
    """The accounts of these ids and numbers, and these owners' primary ones, each once."""
    rows = await reader.fetch(_FIND, list(ids), list(numbers), list(primary_of))
    return [ListedAccount(*row) for row in rows]


async def available_on(reader: Reader, account_ids: Collection[UUID]) -> dict[UUID, int]:
    """What may be debited from these accounts now, in minor units."""
    rows = await reader.fetch(_BALANCES, list(account_ids))
    return {account_id: available_minor(*balance) for account_id, *balance in rows}


async def own_account(reader: Reader, owner_id: UUID, name: str | None) -> OwnAccount | None:
    """The owner's account of that number or id, None for the primary one; None if there is none."""
    row = await reader.fetchrow(_OWN, owner_id, name, parse_id(name) if name else None)
    return None if row is None else OwnAccount(*row)


async def ids_of(reader: Reader, owner_id: UUID) -> list[UUID]:
    """The ids of all accounts of an owner."""
    return [row["id"] for row in await reader.fetch(_ALL_OWN, owner_id)]


async def funds_of(reader: Reader, owner_ids: Collection[UUID]) -> list[Funds]:
    """Where these owners have money of their own, in the order of the accounts' ids."""
    rows = await reader.fetch(_FUNDS, list(owner_ids))
    return [
        Funds(account_id, owner_id, currency, own_minor(balance_minor))
        for account_id, owner_id, currency, balance_minor in rows
    ]


async def balance_before(reader: Reader, account_id: UUID, instant: datetime) -> int:
    """The account's balance in minor units just before ``instant``; 0 before its first entry."""
    balance = await reader.fetchval(_BALANCE_BEFORE, account_id, instant)
    return int(balance or 0)
