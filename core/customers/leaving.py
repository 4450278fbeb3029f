"""A user who leaves the bank: nothing may be left, and what is not the bank's is forgotten."""

from datetime import datetime
from uuid import UUID

from core.audit.log import Actor
from core.foundation.database import UnitOfWork
from core.identity import users
from core.ledger.accounts import forget_nicknames
from core.lending.servicing.live_loans import forget_purposes, refuse_live_loans_of
from core.transactions.closing import close_all_of
from core.transactions.keys import forget_keys_of


async def leave(unit: UnitOfWork, user_id: UUID, actor: Actor, at: datetime) -> None:
    """Close the user's accounts, forget the person, end every session; the caller commits.

    Raises UserNotFound, LoanLeft, MoneyLeft, TransactionsPending or LastAdmin.
    """
    # Locks the user first: no account can be opened meanwhile.
    await users.lock_user(unit.session, user_id)
    await refuse_live_loans_of(unit.connection, user_id)
    await close_all_of(unit.session, user_id, at)
    await forget_nicknames(unit.session, user_id)
    await forget_purposes(unit.connection, user_id)
    await forget_keys_of(unit.connection, user_id)
    await users.delete_user(unit, user_id, actor)
