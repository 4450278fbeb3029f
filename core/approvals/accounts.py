"""Staff's deeds on a customer's account, never on one's own: standing, overdraft, end."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any, ClassVar

from core.approvals.deeds import Deed, Doing, Done, Ground
from core.approvals.rules import Rules
from core.audit.log import Actor, record, user_of
from core.foundation import clock
from core.foundation.database import UnitOfWork
from core.foundation.money import minor_units
from core.identity.persons import refuse_own
from core.ledger import accounts
from core.ledger.tables import Account
from core.lending.servicing.live_loans import refuse_live_loans_on
from core.transactions.closing import close_account


async def set_frozen(unit: UnitOfWork, name: str, actor: Actor, *, frozen: bool) -> Account:
    """Freeze an account or thaw it. Raises AccountNotFound, FourEyes, AccountStateConflict."""
    account = await lock_others_account(unit, name, actor)
    await accounts.set_frozen(unit.session, account, frozen=frozen)
    _note(unit, actor, "freeze" if frozen else "unfreeze", account)
    return account


async def close(unit: UnitOfWork, name: str, actor: Actor) -> None:
    """Close an empty account on which no loan hangs.

    Raises AccountNotFound, FourEyes, LoanLeft, MoneyLeft, TransactionsPending,
    AccountStateConflict.
    """
    account = await lock_others_account(unit, name, actor)
    await refuse_live_loans_on(unit.connection, account.id)
    await close_account(unit.session, account, clock.now())
    _note(unit, actor, "close", account)


async def find_others_account(unit: UnitOfWork, name: str, actor: Actor) -> Account:
    """The account by id or number. Raises AccountNotFound, or FourEyes for the actor's own."""
    account = await accounts.find_account(unit.session, name)
    await refuse_own(unit.connection, user_of(actor), [account.owner_id])
    return account


async def lock_others_account(unit: UnitOfWork, name: str, actor: Actor) -> Account:
    """The same, locked and as it is then."""
    account = await accounts.lock_account(unit.session, name)
    await refuse_own(unit.connection, user_of(actor), [account.owner_id])
    return account


@dataclass(frozen=True, slots=True)
class Overdraft:
    """How far below zero an account may go, in major units of its currency."""

    account: str
    limit: Decimal
    deed: ClassVar[Deed] = Deed.OVERDRAFT
    keyed: ClassVar[bool] = False

    @classmethod
    def of(cls, body: dict[str, Any]) -> "Overdraft":
        """The act of a body."""
        return cls(body["account_id"], Decimal(body["overdraft_limit"]))

    def body(self) -> dict[str, Any]:
        """What was asked."""
        return {"account_id": self.account, "overdraft_limit": self.limit}

    def sealed(self) -> None:
        """Nothing."""

    async def look(self, unit: UnitOfWork, _actor: Actor, _rules: Rules) -> Ground:
        """The limit as it is; worth the new one where that is higher."""
        account = await accounts.lock_account(unit.session, self.account)
        limit_minor = minor_units("overdraft_limit", self.limit, account.currency)
        accounts.refuse_overdraft(account, limit_minor)
        before_minor = account.overdraft_limit_minor
        worth = self.limit if limit_minor > before_minor else Decimal(0)
        return Ground((account.owner_id,), worth, {"overdraft_limit_minor": before_minor})

    async def run(self, unit: UnitOfWork, doing: Doing) -> Done:
        """Set the limit."""
        account = await lock_others_account(unit, self.account, doing.actor)
        before_minor = account.overdraft_limit_minor
        limit_minor = minor_units("overdraft_limit", self.limit, account.currency)
        await accounts.set_overdraft(unit.session, account, limit_minor)
        details: dict[str, Any] = {"from_minor": before_minor, "to_minor": limit_minor}
        if doing.approval_id is not None:
            details["approval_id"] = str(doing.approval_id)
        _note(unit, doing.actor, "overdraft", account, **details)
        return Done({"account_id": str(account.id)}, made=account)


def _note(unit: UnitOfWork, actor: Actor, verb: str, account: Account, **details: Any) -> None:
    record(
        unit.session,
        actor,
        f"account.{verb}",
        subject_type="account",
        subject_id=account.id,
        details=details,
    )
