"""Money that staff move by hand: credits, debits, reversals, written down as they are accepted."""

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any, ClassVar, Final
from uuid import UUID

from core.approvals.accounts import find_others_account
from core.approvals.deeds import Deed, Doing, Done, Ground
from core.approvals.rules import Rules
from core.audit.log import Actor, record, user_of
from core.foundation import clock
from core.foundation.database import UnitOfWork
from core.foundation.errors import InsufficientFunds, InvalidAmount
from core.foundation.money import to_major, to_minor
from core.ledger.accounts import find_account, owners_of
from core.ledger.balances import refuse_inactive
from core.ledger.tables import Account
from core.transactions import views as transactions
from core.transactions.by_hand import lock_sum, moved_by_hand
from core.transactions.orders import Accepted, Party, credit_by_hand, debit_by_hand
from core.transactions.reversal import accept_reversal, find_original, refuse_irreversible

# What one person moves on one account within a day counts together: many small ones are a big one.
COUNTED_FOR: Final = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class ByHand:
    """A credit or debit of any account; ``amount`` in major units of its currency."""

    deed: Deed
    account: str
    amount: Decimal
    description: str | None = None
    reference: str | None = None
    keyed: ClassVar[bool] = True

    @classmethod
    def of(cls, deed: Deed, body: dict[str, Any]) -> "ByHand":
        """The act of a body."""
        return cls(
            deed,
            body["account_id"],
            Decimal(body["amount"]),
            body["description"],
            body["reference"],
        )

    def body(self) -> dict[str, Any]:
        """What was asked."""
        return {
            "account_id": self.account,
            "amount": self.amount,
            "description": self.description,
            "reference": self.reference,
        }

    def sealed(self) -> None:
        """Nothing."""

    async def look(self, unit: UnitOfWork, actor: Actor, _rules: Rules) -> Ground:
        """An open account that can bear it; worth what the actor moves there in a day."""
        account = await find_account(unit.session, self.account)
        amount_minor = to_minor(self.amount, account.currency)
        self._refuse(account, amount_minor)
        connection, by = unit.connection, user_of(actor)
        await lock_sum(connection, self.deed.value, by, account.id)
        since = clock.now() - COUNTED_FOR
        before = await moved_by_hand(connection, self.deed.value, by, account.id, since)
        return Ground((account.owner_id,), to_major(before + amount_minor, account.currency))

    async def run(self, unit: UnitOfWork, doing: Doing) -> Done:
        """Accept the transaction."""
        await find_others_account(unit, self.account, doing.actor)
        approval_id = doing.approval_id
        by_hand = credit_by_hand if self.deed is Deed.CREDIT else debit_by_hand
        order = by_hand(
            Party(self.account),
            self.amount,
            approval_id=approval_id,
            initiated_by=doing.asked_by,
            description=self.description,
            reference=self.reference,
            request_id=doing.actor.request_id,
            idempotency=doing.key,
            id=doing.run_id,
        )
        accepted = await doing.intake.accept_one(unit, order)
        if not accepted.replayed:
            details = {"account": self.account, "amount": str(self.amount)}
            if approval_id is not None:
                details["approval_id"] = str(approval_id)
            _note(unit, doing.actor, order.type, order.id, details)
        return _done(accepted)

    def _refuse(self, account: Account, amount_minor: int) -> None:
        """Refuse what is clear before anybody is asked to approve it."""
        if amount_minor <= 0:
            raise InvalidAmount("the amount must be greater than 0")
        refuse_inactive(account.status)
        if self.deed is Deed.DEBIT and amount_minor > account.available_minor:
            raise InsufficientFunds


@dataclass(frozen=True, slots=True)
class Reversal:
    """The reversal of a movement between others."""

    transaction_id: UUID
    deed: ClassVar[Deed] = Deed.REVERSAL
    keyed: ClassVar[bool] = True

    @classmethod
    def of(cls, body: dict[str, Any]) -> "Reversal":
        """The act of a body."""
        return cls(UUID(body["transaction_id"]))

    def body(self) -> dict[str, Any]:
        """What was asked."""
        return {"transaction_id": str(self.transaction_id)}

    def sealed(self) -> None:
        """Nothing."""

    async def look(self, unit: UnitOfWork, _actor: Actor, _rules: Rules) -> Ground:
        """A movement that can be taken back; worth its amount."""
        original = await find_original(unit.connection, self.transaction_id)
        refuse_irreversible(original)
        owners = await owners_of(
            unit.session, [original.debit_account_id, original.credit_account_id]
        )
        return Ground(tuple(owners), to_major(original.amount_minor, original.currency))

    async def run(self, unit: UnitOfWork, doing: Doing) -> Done:
        """Accept the reversal."""
        connection = unit.connection
        original = await find_original(connection, self.transaction_id)
        accepted = await accept_reversal(
            unit,
            doing.intake,
            original,
            by=doing.asked_by,
            request_id=doing.actor.request_id,
            idempotency=doing.key,
            reversal_id=doing.run_id,
        )
        if not accepted.replayed:
            details = {"reversal": str(accepted.transaction_id)}
            if doing.approval_id is not None:
                details["approval_id"] = str(doing.approval_id)
            _note(unit, doing.actor, "reverse", self.transaction_id, details)
        return _done(accepted)


def _done(accepted: Accepted) -> Done:
    result = {"transaction_id": str(accepted.transaction_id)}
    traces = (transactions.trace(accepted.transaction_id),)
    return Done(result, accepted=accepted, traces=traces, replayed=accepted.replayed)


def _note(
    unit: UnitOfWork, actor: Actor, verb: str, transaction_id: UUID, details: dict[str, str]
) -> None:
    record(
        unit.session,
        actor,
        f"transaction.{verb}",
        subject_type="transaction",
        subject_id=transaction_id,
        details=details,
    )
