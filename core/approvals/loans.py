"""What staff agree with a borrower in trouble: a new schedule, less than all, or nothing more."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any, ClassVar
from uuid import UUID

from core.approvals.deeds import Act, Deed, Doing, Done, Ground
from core.approvals.rules import Rules
from core.approvals.storage import fingerprint
from core.audit.log import Actor, record
from core.business_day.dates import business_date
from core.foundation.database import Connection, UnitOfWork
from core.foundation.money import to_major, to_minor
from core.identity.tables import Role
from core.lending.collections import case_work
from core.lending.collections.case_work import CaseOfficer
from core.lending.servicing import views
from core.lending.servicing.allocation import total
from core.lending.servicing.calendar import CollectionCalendar
from core.lending.servicing.loan_book import LoanBook
from core.lending.servicing.payoff import payoff
from core.lending.servicing.storage import LoansAtHand
from core.lending.states import LoanEvent, require_allowed
from core.transactions import views as transactions
from core.transactions.keys import win_key
from core.transactions.orders import Accepted


@dataclass(frozen=True, slots=True)
class _Standing:
    """A loan under lock, and what ending it would cost today, in minor units."""

    book: LoanBook
    owed_minor: int

    def ground(self, *, second: bool | None = None) -> Ground:
        """It is worth all that is owed. A day's interest changes nothing, a payment does, be it of
        principal, of interest or of charges alone."""
        book = self.book
        facts = {
            "status": book.status.value,
            "outstanding_minor": book.outstanding,
            "paid_minor": total(line.paid for line in book.lines.values()).total,
            "schedule_version": book.version,
        }
        return Ground(
            (book.user_id,), to_major(self.owed_minor, book.currency), facts, second=second
        )


async def _look(unit: UnitOfWork, loan_id: UUID, event: LoanEvent, rules: Rules) -> _Standing:
    """The loan. Raises LoanNotFound, and LoanStateConflict where its state knows no such event."""
    loans = unit.share(LoansAtHand)
    await loans.load_all(unit.connection, [loan_id])
    book = loans.book(loan_id)
    require_allowed(book.status, event)
    today = await business_date(unit.connection, rules.time_zone)
    return _Standing(book, payoff(book, today).total)


async def _officer(connection: Connection, doing: Doing) -> CaseOfficer:
    """Who asked for it works on the case; who may decide on a write-off is an admin."""
    today = await business_date(connection, doing.rules.time_zone)
    is_admin = doing.actor.role == Role.ADMIN
    return CaseOfficer(doing.asked_by, is_admin, today, doing.actor.request_id)


async def _done(
    unit: UnitOfWork, doing: Doing, act: Act, transaction_id: UUID | None = None
) -> Done:
    """Write the step down; the case as it is now is what the direct way answers."""
    details = act.body()
    loan_id = UUID(details.pop("loan_id"))
    if doing.approval_id is not None:
        details = {**details, "approval_id": str(doing.approval_id)}
    record(
        unit.session,
        doing.actor,
        "loan.recovery",
        subject_type="loan",
        subject_id=loan_id,
        details={name: _plain(value) for name, value in details.items() if value is not None},
    )
    await unit.session.flush()
    case = await case_work.find_case(unit.connection, loan_id)
    result = {"loan_id": str(loan_id)}
    if transaction_id is None:
        return Done(result, made=case)
    accepted = Accepted(transaction_id, "pending")
    result["transaction_id"] = str(transaction_id)
    traces = (transactions.trace(transaction_id), views.trace(loan_id))
    return Done(result, made=case, accepted=accepted, traces=traces)


async def _replay(connection: Connection, doing: Doing, act: Act, loan_id: UUID) -> Done | None:
    """What the key's first use has done, whatever became of the loan; None where that is now."""
    earlier = await win_key(connection, doing.key, fingerprint(act), doing.run_id)
    if earlier is None:
        return None
    accepted = None
    if act.deed is Deed.SETTLEMENT:
        accepted = Accepted(earlier, "pending", replayed=True)
    case = await case_work.case_of(connection, loan_id)
    return Done({"loan_id": str(loan_id)}, made=case, accepted=accepted, replayed=True)


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, Decimal) else value


@dataclass(frozen=True, slots=True)
class Settlement:
    """Accept ``amount`` (major units) for all that is owed."""

    loan_id: UUID
    amount: Decimal
    deed: ClassVar[Deed] = Deed.SETTLEMENT
    keyed: ClassVar[bool] = True

    @classmethod
    def of(cls, body: dict[str, Any]) -> "Settlement":
        """The act of a body."""
        return cls(UUID(body["loan_id"]), Decimal(body["amount"]))

    def body(self) -> dict[str, Any]:
        """What was asked."""
        return {"loan_id": str(self.loan_id), "action": "settle", "amount": self.amount}

    def sealed(self) -> None:
        """Nothing."""

    async def look(self, unit: UnitOfWork, _actor: Actor, rules: Rules) -> Ground:
        """Next to nothing for all of it always needs a second person, and so does any settlement
        of a debt that is not in default."""
        found = await _look(unit, self.loan_id, LoanEvent.SETTLE, rules)
        amount_minor = to_minor(self.amount, found.book.currency)
        floor = found.owed_minor * rules.settlement_floor_percent / 100
        is_odd = amount_minor < floor or not found.book.in_default
        return found.ground(second=True if is_odd else None)

    async def run(self, unit: UnitOfWork, doing: Doing) -> Done:
        """Submit the settlement."""
        connection = unit.connection
        earlier = await _replay(connection, doing, self, self.loan_id)
        if earlier is not None:
            return earlier
        officer = await _officer(connection, doing)
        transaction_id = await case_work.settle(
            unit, doing.intake, self.loan_id, officer, self.amount, transaction_id=doing.run_id
        )
        return await _done(unit, doing, self, transaction_id)


@dataclass(frozen=True, slots=True)
class Restructuring:
    """A new schedule from the day on which it is done."""

    loan_id: UUID
    tenure_months: int
    interest_rate: Decimal | None = None
    deed: ClassVar[Deed] = Deed.RESTRUCTURING
    keyed: ClassVar[bool] = True

    @classmethod
    def of(cls, body: dict[str, Any]) -> "Restructuring":
        """The act of a body."""
        rate = body["interest_rate"]
        return cls(
            UUID(body["loan_id"]), body["tenure_months"], None if rate is None else Decimal(rate)
        )

    def body(self) -> dict[str, Any]:
        """What was asked."""
        return {
            "loan_id": str(self.loan_id),
            "action": "restructure",
            "tenure_months": self.tenure_months,
            "interest_rate": self.interest_rate,
        }

    def sealed(self) -> None:
        """Nothing."""

    async def look(self, unit: UnitOfWork, _actor: Actor, rules: Rules) -> Ground:
        """Terms that the product lends at, and no more often than it allows; a loan that is not in
        default always needs a second person."""
        found = await _look(unit, self.loan_id, LoanEvent.RESTRUCTURE, rules)
        case_work.refuse_terms(found.book, self.tenure_months, self.interest_rate)
        return found.ground(second=None if found.book.in_default else True)

    async def run(self, unit: UnitOfWork, doing: Doing) -> Done:
        """Lay the schedule out anew."""
        connection = unit.connection
        earlier = await _replay(connection, doing, self, self.loan_id)
        if earlier is not None:
            return earlier
        await case_work.restructure(
            unit,
            self.loan_id,
            await _officer(connection, doing),
            tenure_months=self.tenure_months,
            interest_rate=self.interest_rate,
            calendar=CollectionCalendar(doing.rules.holiday_country),
        )
        return await _done(unit, doing, self)


@dataclass(frozen=True, slots=True)
class WriteOff:
    """Give the debt up in the books."""

    loan_id: UUID
    reason: str
    deed: ClassVar[Deed] = Deed.WRITE_OFF
    keyed: ClassVar[bool] = True

    @classmethod
    def of(cls, body: dict[str, Any]) -> "WriteOff":
        """The act of a body."""
        return cls(UUID(body["loan_id"]), body["reason"])

    def body(self) -> dict[str, Any]:
        """What was asked."""
        return {"loan_id": str(self.loan_id), "action": "write_off", "reason": self.reason}

    def sealed(self) -> None:
        """Nothing."""

    async def look(self, unit: UnitOfWork, _actor: Actor, rules: Rules) -> Ground:
        """A debt that is still owed."""
        found = await _look(unit, self.loan_id, LoanEvent.WRITE_OFF, rules)
        return found.ground()

    async def run(self, unit: UnitOfWork, doing: Doing) -> Done:
        """Write it off."""
        connection = unit.connection
        earlier = await _replay(connection, doing, self, self.loan_id)
        if earlier is not None:
            return earlier
        officer = await _officer(connection, doing)
        await case_work.write_off(unit, self.loan_id, officer, self.reason)
        return await _done(unit, doing, self)
