"""Staff's deeds on a customer's account that one person may do alone, but never on his own."""

from sqlalchemy.ext.asyncio import AsyncSession

from core import clock
from core.audit.log import Actor, record
from core.database import driver
from core.errors import Forbidden
from core.identity.persons import refuse_own
from core.ledger import accounts
from core.ledger.models import Account
from core.lending.live_loans import refuse_live_loans
from core.transactions.closing import close_account


async def set_frozen(session: AsyncSession, name: str, actor: Actor, *, frozen: bool) -> Account:
    """Freeze an account or thaw it. Raises AccountNotFound, FourEyes, AccountStateConflict."""
    account = await find_others_account(session, name, actor, lock=True)
    await accounts.set_frozen(session, account, frozen=frozen)
    note(session, actor, "freeze" if frozen else "unfreeze", account)
    return account


async def close(session: AsyncSession, name: str, actor: Actor) -> None:
    """Close an empty account on which no loan hangs.

    Raises AccountNotFound, FourEyes, LoanLeft, MoneyLeft, TransactionsPending,
    AccountStateConflict.
    """
    account = await find_others_account(session, name, actor, lock=True)
    await refuse_live_loans(session, account_id=account.id)
    await close_account(session, account, clock.now())
    note(session, actor, "close", account)


async def find_others_account(
    session: AsyncSession, name: str, actor: Actor, *, lock: bool = False
) -> Account:
    """The account by id or number. Raises AccountNotFound, or FourEyes for the actor's own."""
    if actor.user_id is None:
        raise Forbidden
    account = await accounts.find_account(session, name, lock=lock)
    await refuse_own(await driver(session), actor.user_id, [account.owner_id])
    return account


def note(session: AsyncSession, actor: Actor, verb: str, account: Account, **details: int) -> None:
    """Write ``account.verb`` down in the audit log."""
    record(
        session,
        actor,
        f"account.{verb}",
        subject_type="account",
        subject_id=account.id,
        details=details,
    )
