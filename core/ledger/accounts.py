"""Customers' accounts: finding them, their settings and their standing.

An account that is changed is locked with NO KEY UPDATE, several in the order of their ids, as the
settlement does it.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Select, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from core.foundation.database import Rows
from core.foundation.errors import (
    AccountNotFound,
    AccountStateConflict,
    CapReached,
    MoneyLeft,
    OverdraftInUse,
)
from core.foundation.ids import parse_id
from core.foundation.outcome import Trace
from core.ledger.balances import AccountStatus
from core.ledger.numbers import is_account_number, make_iban, next_account_number
from core.ledger.tables import Account

_IS_THERE = "SELECT EXISTS (SELECT FROM accounts WHERE id = $1)"
SHORTEST_ID: Final = 32


async def find_account(rows: Rows, name: str, *, owner_id: UUID | None = None) -> Account:
    """The account of that number or id; with ``owner_id``, only if it is this owner's.

    Raises AccountNotFound: unknown, or not the owner's.
    """
    query = _named(name)
    if owner_id is not None:
        query = query.where(Account.owner_id == owner_id)
    return _found(await rows.scalar(query))


async def lock_account(session: AsyncSession, name: str) -> Account:
    """The same, locked and as it is then. Raises AccountNotFound."""
    return _found(await session.scalar(_locked(_named(name))))


def _named(name: str) -> Select[Account]:
    account_id = parse_id(name) if len(name) >= SHORTEST_ID else None
    if account_id is None and not is_account_number(name):
        raise AccountNotFound
    return select(Account).where(
        Account.account_number == name if account_id is None else Account.id == account_id
    )


def _locked(query: Select[Account]) -> Select[Account]:
    return query.with_for_update(key_share=True).execution_options(populate_existing=True)


def _found(account: Account | None) -> Account:
    if account is None:
        raise AccountNotFound
    return account


async def add_account(
    session: AsyncSession,
    owner_id: UUID,
    *,
    account_id: UUID,
    currency: str,
    nickname: str | None,
    balance_minor: int,
    country: str,
    bank_code: str,
    max_accounts: int,
) -> Account:
    """Add an account to a locked owner's; the first of them is the primary one.

    ``balance_minor`` is what the caller posts on it in this unit of work: the database refuses the
    commit of a balance that no posting carries. Raises CapReached at ``max_accounts`` open ones.
    """
    siblings = await accounts_of(session, owner_id)
    if sum(sibling.status != AccountStatus.CLOSED for sibling in siblings) >= max_accounts:
        raise CapReached(f"a customer has at most {max_accounts} accounts")
    number = await next_account_number(session)
    # The database's clock, by which all postings are booked.
    opened_at = await session.scalar(text("SELECT clock_timestamp()"))
    account = Account(
        id=account_id,
        owner_id=owner_id,
        account_number=number,
        iban=make_iban(number, country=country, bank_code=bank_code),
        currency=currency,
        status=AccountStatus.ACTIVE,
        nickname=nickname,
        is_primary=not any(sibling.is_primary for sibling in siblings),
        balance_minor=balance_minor,
        created_at=opened_at,
        last_booked_at=opened_at,
    )
    session.add(account)
    await session.flush()
    return account


async def accounts_of(rows: Rows, owner_id: UUID) -> Sequence[Account]:
    """All accounts of an owner in the order of their ids, the closed ones included."""
    return (await rows.scalars(_owned(owner_id))).all()


async def lock_accounts_of(session: AsyncSession, owner_id: UUID) -> Sequence[Account]:
    """The same, locked and as they are then."""
    return (await session.scalars(_locked(_owned(owner_id)))).all()


def _owned(owner_id: UUID) -> Select[Account]:
    return select(Account).where(Account.owner_id == owner_id).order_by(Account.id)


async def forget_nicknames(session: AsyncSession, owner_id: UUID) -> None:
    """Forget what an owner who leaves called his accounts; the caller commits."""
    await session.execute(
        update(Account)
        .where(Account.owner_id == owner_id, Account.nickname.is_not(None))
        .values(nickname=None)
    )


async def owners_of(rows: Rows, account_ids: Iterable[UUID | None]) -> Sequence[UUID]:
    """Who owns these accounts; None, the bank's own side, belongs to nobody."""
    query = select(Account.owner_id).where(Account.id.in_([i for i in account_ids if i]))
    return (await rows.scalars(query)).all()


async def list_accounts(
    rows: Rows,
    *,
    owner_id: UUID | None,
    status: AccountStatus | None,
    before_id: UUID | None,
    limit: int,
) -> Sequence[Account]:
    """The newest accounts, at most ``limit``, older than ``before_id``; None asks for any."""
    query = select(Account).order_by(Account.id.desc()).limit(limit)
    if owner_id is not None:
        query = query.where(Account.owner_id == owner_id)
    if status is not None:
        query = query.where(Account.status == status)
    if before_id is not None:
        query = query.where(Account.id < before_id)
    return (await rows.scalars(query)).all()


async def change(
    session: AsyncSession, name: str, owner_id: UUID, changes: Mapping[str, Any]
) -> Account:
    """Change what an owner may of his account: ``nickname``, ``is_primary``; the caller commits.

    Fields left out stay, and None clears the nickname. One account is always the primary one: to
    end that, make another one it. Raises AccountNotFound or AccountStateConflict.
    """
    account = await find_account(session, name, owner_id=owner_id)
    is_primary = changes.get("is_primary")
    if is_primary:
        await make_primary(session, account)
    elif is_primary is False and account.is_primary:
        raise AccountStateConflict("make another account the primary one instead")
    if "nickname" in changes:
        account.nickname = changes["nickname"]
    return account


async def make_primary(session: AsyncSession, account: Account) -> None:
    """Make it the owner's primary account instead of the present one; the caller commits.

    Raises AccountStateConflict for a closed account.
    """
    siblings = await lock_accounts_of(session, account.owner_id)
    if account.status == AccountStatus.CLOSED:
        raise AccountStateConflict("a closed account cannot be the primary one")
    for sibling in siblings:
        sibling.is_primary = False
    # Two primary accounts at once would break the unique index, even for a moment.
    await session.flush()
    account.is_primary = True
    await session.flush()


async def set_frozen(session: AsyncSession, account: Account, *, frozen: bool) -> None:
    """Freeze a locked account or thaw it; twice is the same as once. The caller commits.

    Raises AccountStateConflict for a closed account.
    """
    if account.status == AccountStatus.CLOSED:
        raise AccountStateConflict("the account is closed")
    account.status = AccountStatus.FROZEN if frozen else AccountStatus.ACTIVE
    await session.flush()


async def set_overdraft(session: AsyncSession, account: Account, limit_minor: int) -> None:
    """Set how far below zero a locked account may go; the caller commits.

    Raises OverdraftInUse where its balance is below that already, AccountStateConflict for a
    closed account.
    """
    refuse_overdraft(account, limit_minor)
    account.overdraft_limit_minor = limit_minor
    await session.flush()


def refuse_overdraft(account: Account, limit_minor: int) -> None:
    """Raise OverdraftInUse or AccountStateConflict where the account cannot have this limit."""
    if account.status == AccountStatus.CLOSED:
        raise AccountStateConflict("the account is closed")
    if account.balance_minor < -limit_minor:
        raise OverdraftInUse


async def close(session: AsyncSession, account: Account, at: datetime) -> None:
    """Close a locked, empty account; the owner's oldest other one becomes primary if it was.

    Its overdraft ends with it: nothing is available on a closed account.
    Whether transactions or loans are under way is for the caller to find out. Raises MoneyLeft
    or AccountStateConflict. The caller commits.
    """
    if account.status == AccountStatus.CLOSED:
        raise AccountStateConflict("the account is closed already")
    if account.balance_minor != 0:
        raise MoneyLeft
    was_primary = account.is_primary
    account.is_primary = False
    account.overdraft_limit_minor = 0
    account.status = AccountStatus.CLOSED
    account.closed_at = at
    await session.flush()
    if was_primary:
        heirs = [
            sibling
            for sibling in await accounts_of(session, account.owner_id)
            if sibling.status == AccountStatus.ACTIVE
        ]
        if heirs:
            heirs[0].is_primary = True
            await session.flush()


def trace(account_id: UUID) -> Trace:
    """How an account is found whose commit was not answered."""
    return Trace("account_id", account_id, _IS_THERE)
