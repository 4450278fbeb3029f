"""Letting go of what a borrower owes: a penalty, a fee or interest, for a reason."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any, ClassVar
from uuid import UUID

from core.approvals.deeds import Deed, Doing, Done, Ground
from core.approvals.rules import Rules
from core.approvals.storage import fingerprint
from core.audit.log import Actor, record
from core.business_day.dates import business_date
from core.foundation.database import UnitOfWork
from core.identity.tables import Role
from core.lending.collections import charging
from core.lending.collections.case_work import CaseOfficer
from core.lending.collections.charging import WaiverAsked
from core.lending.servicing import views
from core.lending.servicing.allocation import Component, total
from core.lending.servicing.charges import refuse_waiver
from core.lending.servicing.storage import LoansAtHand
from core.lending.states import LoanEvent, require_allowed
from core.transactions.keys import win_key


@dataclass(frozen=True, slots=True)
class Waiver:
    """Take back ``amount`` (major units) of what is asked and unpaid."""

    loan_id: UUID
    component: Component
    amount: Decimal
    reason: str
    deed: ClassVar[Deed] = Deed.WAIVER
    keyed: ClassVar[bool] = True

    @classmethod
    def of(cls, body: dict[str, Any]) -> "Waiver":
        """The act of a body."""
        return cls(
            UUID(body["loan_id"]),
            Component(body["component"]),
            Decimal(body["amount"]),
            body["reason"],
        )

    def body(self) -> dict[str, Any]:
        """What was asked."""
        return {
            "loan_id": str(self.loan_id),
            "component": self.component.value,
            "amount": self.amount,
            "reason": self.reason,
        }

    def sealed(self) -> None:
        """Nothing."""

    async def look(self, unit: UnitOfWork, _actor: Actor, rules: Rules) -> Ground:
        """It is worth what is let go; a payment meanwhile changes the ground, a day does not."""
        loans = unit.share(LoansAtHand)
        await loans.load_all(unit.connection, [self.loan_id])
        book = loans.book(self.loan_id)
        require_allowed(book.status, LoanEvent.WAIVE)
        today = await business_date(unit.connection, rules.time_zone)
        amount_minor = self._asked.amount_minor(book.currency)
        refuse_waiver(book, self.component, amount_minor, today)
        facts = {
            "status": book.status.value,
            "paid_minor": total(line.paid for line in book.lines.values()).total,
            "schedule_version": book.version,
        }
        return Ground((book.user_id,), self.amount, facts)

    async def run(self, unit: UnitOfWork, doing: Doing) -> Done:
        """Take it back."""
        connection = unit.connection
        earlier = await win_key(connection, doing.key, fingerprint(self), doing.run_id)
        if earlier is not None:
            made = await charging.find(connection, self.loan_id, earlier)
            return Done(_result(self.loan_id, made), made=made, replayed=True)
        today = await business_date(connection, doing.rules.time_zone)
        is_admin = doing.actor.role == Role.ADMIN
        officer = CaseOfficer(doing.asked_by, is_admin, today, doing.actor.request_id)
        made = await charging.waive(unit, self.loan_id, officer, self._asked, event_id=doing.run_id)
        details = {**self.body(), "amount": str(self.amount)}
        del details["loan_id"]
        if doing.approval_id is not None:
            details["approval_id"] = str(doing.approval_id)
        record(
            unit.session,
            doing.actor,
            "loan.waive",
            subject_type="loan",
            subject_id=self.loan_id,
            details=details,
        )
        return Done(_result(self.loan_id, made), made=made, traces=(views.trace(self.loan_id),))

    @property
    def _asked(self) -> WaiverAsked:
        return WaiverAsked(self.component, self.amount, self.reason)


def _result(loan_id: UUID, made: charging.Noted | None) -> dict[str, Any]:
    result = {"loan_id": str(loan_id)}
    if made is not None and made.transaction_id is not None:
        result["transaction_id"] = str(made.transaction_id)
    return result
