"""What staff put right on a loan: a payment that was wrong, or one that was entered late."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, ClassVar
from uuid import UUID

from core.approvals.deeds import Act, Deed, Doing, Done, Ground
from core.approvals.rules import Rules
from core.approvals.storage import fingerprint
from core.audit.log import Actor, record, user_of
from core.business_day.dates import business_date
from core.foundation.database import UnitOfWork
from core.foundation.money import to_major
from core.lending.corrections import entering
from core.lending.corrections.entering import Corrector
from core.lending.details import PaymentMode
from core.lending.servicing import views
from core.lending.servicing.calendar import CollectionCalendar
from core.transactions import views as transactions
from core.transactions.keys import win_key
from core.transactions.orders import Accepted


@dataclass(frozen=True, slots=True)
class Adjustment:
    """A payment as it should have been; ``amount`` in major units, 0 undoes it, None keeps it.

    ``account`` of the borrower moves where the one that paid is closed.
    """

    loan_id: UUID
    transaction_id: UUID
    reason: str
    amount: Decimal | None = None
    on: date | None = None
    account: str | None = None
    deed: ClassVar[Deed] = Deed.ADJUSTMENT
    keyed: ClassVar[bool] = True

    def body(self) -> dict[str, Any]:
        """What was asked."""
        return {
            "loan_id": str(self.loan_id),
            "transaction_id": str(self.transaction_id),
            "amount": self.amount,
            "date": None if self.on is None else self.on.isoformat(),
            "account": self.account,
            "reason": self.reason,
        }

    def sealed(self) -> None:
        """Nothing."""

    async def look(self, unit: UnitOfWork, actor: Actor, rules: Rules) -> Ground:
        """A payment that can be put right; worth what that moves."""
        wanted = await self._look(unit, await _corrector(unit, actor, user_of(actor), rules))
        book = wanted.book
        return Ground((book.user_id,), to_major(wanted.worth, book.currency))

    async def run(self, unit: UnitOfWork, doing: Doing) -> Done:
        """Submit it: the opposite and the right one."""
        earlier = await _replay(unit, doing, self)
        if earlier is not None:
            return earlier
        by = await _corrector(unit, doing.actor, doing.asked_by, doing.rules)
        wanted = await self._look(unit, by)
        submitted = await entering.adjust(
            unit, doing.intake, wanted, by, reason=self.reason, run_id=doing.run_id
        )
        return _done(unit, doing, self, submitted)

    async def _look(self, unit: UnitOfWork, by: Corrector) -> entering.RightPayment:
        return await entering.look_at_payment(
            unit,
            self.loan_id,
            self.transaction_id,
            by,
            amount=self.amount,
            on=self.on,
            account=self.account,
        )


@dataclass(frozen=True, slots=True)
class LatePayment:
    """A payment on a loan that counts from an earlier date; ``amount`` in major units."""

    loan_id: UUID
    amount: Decimal
    value_date: date
    reason: str
    mode: PaymentMode = PaymentMode.DUE
    from_account: str | None = None
    deed: ClassVar[Deed] = Deed.ADJUSTMENT
    keyed: ClassVar[bool] = True

    def body(self) -> dict[str, Any]:
        """What was asked."""
        return {
            "loan_id": str(self.loan_id),
            "amount": self.amount,
            "value_date": self.value_date.isoformat(),
            "mode": self.mode.value,
            "from_account": self.from_account,
            "reason": self.reason,
        }

    def sealed(self) -> None:
        """Nothing."""

    async def look(self, unit: UnitOfWork, actor: Actor, rules: Rules) -> Ground:
        """A loan that can be put right; worth the payment."""
        wanted = await self._look(unit, await _corrector(unit, actor, user_of(actor), rules))
        return Ground((wanted.book.user_id,), self.amount)

    async def run(self, unit: UnitOfWork, doing: Doing) -> Done:
        """Submit the payment."""
        earlier = await _replay(unit, doing, self)
        if earlier is not None:
            return earlier
        by = await _corrector(unit, doing.actor, doing.asked_by, doing.rules)
        wanted = await self._look(unit, by)
        submitted = await entering.enter(
            unit, doing.intake, wanted, by, reason=self.reason, run_id=doing.run_id
        )
        return _done(unit, doing, self, submitted)

    async def _look(self, unit: UnitOfWork, by: Corrector) -> entering.EnteredPayment:
        return await entering.look_at_late_payment(
            unit,
            self.loan_id,
            by,
            amount=self.amount,
            on=self.value_date,
            mode=self.mode,
            from_account=self.from_account,
        )


def of(body: dict[str, Any]) -> Act:
    """The act of a body: of a payment that is there, or of one that is entered."""
    loan_id, reason = UUID(body["loan_id"]), body["reason"]
    if "transaction_id" in body:
        amount, on = body["amount"], body["date"]
        return Adjustment(
            loan_id,
            UUID(body["transaction_id"]),
            reason,
            None if amount is None else Decimal(amount),
            None if on is None else date.fromisoformat(on),
            body["account"],
        )
    return LatePayment(
        loan_id,
        Decimal(body["amount"]),
        date.fromisoformat(body["value_date"]),
        reason,
        PaymentMode(body["mode"]),
        body["from_account"],
    )


async def _corrector(unit: UnitOfWork, actor: Actor, asked_by: UUID, rules: Rules) -> Corrector:
    today = await business_date(unit.connection, rules.time_zone)
    return Corrector(asked_by, today, CollectionCalendar(rules.holiday_country), actor.request_id)


async def _replay(unit: UnitOfWork, doing: Doing, act: Act) -> Done | None:
    """What the key's first use has submitted, whatever became of it; None where that is now."""
    earlier = await win_key(unit.connection, doing.key, fingerprint(act), doing.run_id)
    if earlier is None:
        return None
    accepted = Accepted(earlier, "pending", replayed=True)
    return Done({"transaction_id": str(earlier)}, accepted=accepted, replayed=True)


def _done(unit: UnitOfWork, doing: Doing, act: Act, submitted: UUID) -> Done:
    """Write it down; the transaction that was submitted is the one to poll."""
    details = {name: str(value) for name, value in act.body().items() if value is not None}
    loan_id = UUID(details.pop("loan_id"))
    if doing.approval_id is not None:
        details["approval_id"] = str(doing.approval_id)
    record(
        unit.session,
        doing.actor,
        "loan.put_right",
        subject_type="loan",
        subject_id=loan_id,
        details={**details, "submitted": str(submitted)},
    )
    result = {"loan_id": str(loan_id), "transaction_id": str(submitted)}
    traces = (transactions.trace(submitted), views.trace(loan_id))
    return Done(result, accepted=Accepted(submitted, "pending"), traces=traces)
