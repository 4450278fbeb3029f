"""Closing accounts: not before everything that was submitted has ended."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from core.foundation.errors import TransactionsPending
from core.ledger import accounts
from core.ledger.balances import AccountStatus
from core.ledger.tables import Account
from core.transactions.tables import Status, Transaction


async def close_account(session: AsyncSession, account: Account, at: datetime) -> None:
    """Close a locked account; the caller commits, and has asked lending whether a loan hangs on it.

    Raises MoneyLeft, TransactionsPending or AccountStateConflict.
    """
    await refuse_pending(session, [account.id])
    await accounts.close(session, account, at)


async def close_all_of(session: AsyncSession, owner_id: UUID, at: datetime) -> None:
    """Close every account of an owner who leaves; the caller commits.

    Raises MoneyLeft or TransactionsPending.
    """
    open_accounts = [
        account
        for account in await accounts.lock_accounts_of(session, owner_id)
        if account.status != AccountStatus.CLOSED
    ]
    await refuse_pending(session, [account.id for account in open_accounts])
    # The primary account last, so that no other is made primary on the way.
    for account in sorted(open_accounts, key=lambda account: account.is_primary):
        await accounts.close(session, account, at)


async def refuse_pending(session: AsyncSession, account_ids: Collection[UUID]) -> None:
    """Raise TransactionsPending while a transaction on one of the accounts is not final."""
    query = select(Transaction.id).where(
        Transaction.status == Status.PENDING,
        or_(
            Transaction.debit_account_id.in_(account_ids),
            Transaction.credit_account_id.in_(account_ids),
        ),
    )
    if await session.scalar(query.limit(1)) is not None:
        raise TransactionsPending
