"""Asking a borrower a fee by hand, for a reason."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, ClassVar
from uuid import UUID

from core.approvals.deeds import Deed, Doing, Done, Ground
from core.approvals.rules import Rules
from core.approvals.storage import fingerprint
from core.audit.log import Actor, record
from core.business_day.dates import business_date
from core.foundation.database import Connection, UnitOfWork
from core.foundation.money import minor_units, to_major
from core.identity.tables import Role
from core.lending.collections import charging
from core.lending.collections.case_work import CaseOfficer
from core.lending.origination import applications, files
from core.lending.origination.charges import When
from core.lending.servicing import views
from core.lending.servicing.charge_limits import foreseen, refuse_charge
from core.lending.servicing.charges import terms_of
from core.lending.servicing.events import ChargeParticulars
from core.lending.servicing.storage import LoansAtHand
from core.lending.states import LoanEvent, require_allowed
from core.transactions.keys import win_key


@dataclass(frozen=True, slots=True)
class Charge:
    """Ask ``amount`` (major units) or ``percent``, on a day or from now on at a moment."""

    loan_id: UUID
    kind: str
    on: date | When
    reason: str
    amount: Decimal | None = None
    percent: Decimal | None = None
    tax_percent: Decimal = Decimal(0)
    deed: ClassVar[Deed] = Deed.CHARGE
    keyed: ClassVar[bool] = True

    @classmethod
    def of(cls, body: dict[str, Any]) -> "Charge":
        """The act of a body."""
        on, amount, percent = body["on"], body["amount"], body["percent"]
        return cls(
            UUID(body["loan_id"]),
            body["kind"],
            When(on) if on in set(When) else date.fromisoformat(on),
            body["reason"],
            None if amount is None else Decimal(amount),
            None if percent is None else Decimal(percent),
            Decimal(body["tax_percent"]),
        )

    def body(self) -> dict[str, Any]:
        """What was asked."""
        return {
            "loan_id": str(self.loan_id),
            "kind": self.kind,
            "on": self.on.value if isinstance(self.on, When) else self.on.isoformat(),
            "amount": self.amount,
            "percent": self.percent,
            "tax_percent": self.tax_percent,
            "reason": self.reason,
        }

    def sealed(self) -> None:
        """Nothing."""

    async def look(self, unit: UnitOfWork, _actor: Actor, rules: Rules) -> Ground:
        """It is worth what it comes to with its tax; a new schedule changes the ground."""
        connection = unit.connection
        asked = await self._particulars(connection)
        if asked.when is When.DISBURSAL:
            return await self._look_at_application(connection, asked)
        loans = unit.share(LoansAtHand)
        await loans.load_all(connection, [self.loan_id])
        book = loans.book(self.loan_id)
        require_allowed(book.status, LoanEvent.CHARGE)
        today = await business_date(connection, rules.time_zone)
        refuse_charge(book, asked, today)
        worth = to_major(foreseen(book, asked, today).total_minor, book.currency)
        facts = {"status": book.status.value, "schedule_version": book.version}
        return Ground((book.user_id,), worth, facts)

    async def run(self, unit: UnitOfWork, doing: Doing) -> Done:
        """Ask it."""
        connection = unit.connection
        earlier = await win_key(connection, doing.key, fingerprint(self), doing.run_id)
        result = {"loan_id": str(self.loan_id)}
        if earlier is not None:
            made = await charging.find(connection, self.loan_id, earlier)
            return Done(result, made=made, replayed=True)
        today = await business_date(connection, doing.rules.time_zone)
        is_admin = doing.actor.role == Role.ADMIN
        officer = CaseOfficer(doing.asked_by, is_admin, today, doing.actor.request_id)
        asked = await self._particulars(connection)
        made = await charging.charge(
            unit, self.loan_id, officer, asked, reason=self.reason, event_id=doing.run_id
        )
        details = {name: str(value) for name, value in self.body().items() if value is not None}
        del details["loan_id"]
        if doing.approval_id is not None:
            details["approval_id"] = str(doing.approval_id)
        record(
            unit.session,
            doing.actor,
            "loan.charge",
            subject_type="loan",
            subject_id=self.loan_id,
            details=details,
        )
        return Done(result, made=made, traces=(views.trace(self.loan_id),))

    async def _look_at_application(
        self, connection: Connection, asked: ChargeParticulars
    ) -> Ground:
        """It is worth what it takes from the disbursement."""
        loan = await files.lock(connection, self.loan_id)
        require_allowed(loan.status, LoanEvent.UPDATE)
        terms = loan.terms.with_charge(terms_of(asked, When.DISBURSAL, loan.currency))
        worth = to_major(applications.more_withheld(loan, terms), loan.currency)
        facts = {"status": loan.status.value, "amount_minor": loan.amount_minor}
        return Ground((loan.user_id,), worth, facts)

    async def _particulars(self, connection: Connection) -> ChargeParticulars:
        """The charge in the loan's currency. Raises LoanNotFound, InvalidAmount."""
        currency = await charging.currency_of(connection, self.loan_id)
        when, on = (self.on, None) if isinstance(self.on, When) else (None, self.on)
        return ChargeParticulars(
            code=self.kind,
            name=self.kind.replace("_", " ").replace("-", " ").capitalize(),
            flat_minor=0 if self.amount is None else minor_units("amount", self.amount, currency),
            percent=self.percent or Decimal(0),
            tax_percent=self.tax_percent,
            when=when,
            on=on,
        )
