"""Which pending transactions this worker may settle now.

A transaction may be taken when each of its accounts is free or already taken by this worker, and
no earlier transaction that stays behind needs one of them. So one account's transactions settle
in the order of acceptance, no worker waits for another's lock, and the batch grows with the queue:
from 1 at rest to the limit under pressure.
"""

from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from core.foundation.database import Database
from core.foundation.locks import Locks
from core.foundation.metrics import stage

_PENDING = """
SELECT seq, debit_account_id, credit_account_id FROM transactions
WHERE status = 'pending' ORDER BY seq LIMIT $1
"""


@dataclass(frozen=True, slots=True)
class Claim:
    """What was taken: the accounts, the last transaction, and how much more was waiting."""

    accounts: frozenset[UUID]
    last_seq: int
    taken: int
    seen: int


_NO_ACCOUNT: Final = UUID(int=0)
NOTHING: Final = Claim(frozenset(), 0, 0, 0)


@asynccontextmanager
async def claim(
    database: Database,
    locks: Locks,
    *,
    limit: int,
    depth: int | None = None,
    closed: Collection[UUID] = (),
) -> AsyncIterator[Claim]:
    """Hold the accounts of up to ``limit`` pending transactions for the length of the block.

    ``depth`` is how far down the queue it looks (``limit`` unless it is told), to get past what
    others are settling; what touches a ``closed`` account is left alone.
    """
    with stage("claim_read"):
        async with database.read() as reader:
            heads = await reader.fetch(_PENDING, depth or limit)
    if not heads:
        yield NOTHING
        return
    claimants = [_needed(debit, credit) for _, debit, credit in heads]
    async with locks.hold(claimants, limit=limit, closed=closed) as locked:
        taken = [heads[place] for place in locked.places]
        yield Claim(
            frozenset(account for row in taken for account in row[1:] if account is not None),
            taken[-1]["seq"] if taken else 0,
            len(taken),
            len(heads),
        )


def _needed(debit: UUID | None, credit: UUID | None) -> tuple[UUID, ...]:
    if debit is not None and credit is not None:
        return debit, credit
    # A movement between ledger accounts alone has no account to lock; all such share one name.
    return (debit or credit or _NO_ACCOUNT,)
