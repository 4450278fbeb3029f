"""Recovery by people: officers work on a case, an admin writes off.

Four eyes: nobody works on a loan of his own.
"""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

from core.foundation.database import Connection, Reader, UnitOfWork
from core.foundation.errors import (
    Forbidden,
    LoanNotEligible,
    LoanNotFound,
    LoanStateConflict,
    NoRecoveryCase,
    NothingDue,
    UserNotFound,
)
from core.foundation.ids import new_id
from core.foundation.money import to_minor
from core.identity.names import names_of, officer_name
from core.identity.persons import refuse_own
from core.ledger.directory import ids_of
from core.lending import notices, orders
from core.lending.amortisation import TermsError
from core.lending.collections import cases
from core.lending.collections.cases import CaseStep, Stage
from core.lending.collections.set_off import Purses
from core.lending.details import WriteOffDetails
from core.lending.notices import money
from core.lending.origination.figures import monthly_emi_minor
from core.lending.origination.products import no_schedule
from core.lending.servicing import booking, endings
from core.lending.servicing.calendar import CollectionCalendar
from core.lending.servicing.events import AgreedParticulars, Event, EventKind
from core.lending.servicing.loan_book import LoanBook
from core.lending.servicing.storage import LoansAtHand
from core.lending.states import REPAYING, LoanEvent, LoanStatus, require_allowed
from core.notifications import inbox
from core.transactions.details import Details
from core.transactions.intake import Intake
from core.transactions.views import accepted_with

_CASE = """
SELECT c.id, c.stage, c.opened_at, c.closed_at, c.officer_id FROM recovery_cases c
WHERE c.loan_id = $1 ORDER BY c.closed_at IS NULL DESC, c.opened_at DESC LIMIT 1
"""
_HISTORY = """
SELECT at, actor_id, action, detail FROM recovery_history WHERE case_id = $1 ORDER BY id
"""
_ASSIGN = """
UPDATE recovery_cases SET officer_id = $2 WHERE loan_id = $1 AND closed_at IS NULL
"""
_BORROWER = "SELECT user_id FROM loans WHERE id = $1"
_KEEP_TERMS = """
UPDATE loans SET interest_rate = $2, tenure_months = $3, monthly_emi_minor = $4 WHERE id = $1
"""


@dataclass(frozen=True, slots=True)
class CaseOfficer:
    """Who of the staff acts, in which role, on which business date, by which request."""

    user_id: UUID
    is_admin: bool
    today: date
    request_id: str | None = None


@dataclass(frozen=True, slots=True)
class HistoryLine:
    """One line of a case's history; ``actor`` is a name, or "system" for the bank's own rules."""

    at: datetime
    actor_id: UUID | None
    actor: str
    action: str
    detail: str


@dataclass(frozen=True, slots=True)
class CaseView:
    """A case and its history."""

    id: UUID
    stage: str
    opened_at: datetime
    closed_at: datetime | None
    officer_id: UUID | None
    history: list[HistoryLine]


async def find_case(reader: Reader, loan_id: UUID) -> CaseView:
    """The loan's open case, or its last. Raises LoanNotFound, NoRecoveryCase."""
    known = await reader.fetchval(
        "SELECT EXISTS (SELECT FROM loans WHERE id = $1 AND deleted_at IS NULL)", loan_id
    )
    if not known:
        raise LoanNotFound
    return await case_of(reader, loan_id)


async def case_of(reader: Reader, loan_id: UUID) -> CaseView:
    """The same of a loan that may have been deleted since. Raises NoRecoveryCase."""
    row = await reader.fetchrow(_CASE, loan_id)
    if row is None:
        raise NoRecoveryCase
    steps = await reader.fetch(_HISTORY, row["id"])
    names = await names_of(reader, {step["actor_id"] for step in steps} - {None})
    history = [HistoryLine(**step, actor=names.get(step["actor_id"], "system")) for step in steps]
    return CaseView(**dict(row), history=history)


async def assign(unit: UnitOfWork, loan_id: UUID, by: CaseOfficer, officer: UUID) -> None:
    """Give the case to an officer. Raises UserNotFound, LoanStateConflict without an open case.

    Raises FourEyes also where the officer is the borrower.
    """
    _, book = await _lock(unit, loan_id, by)
    await refuse_own(unit.connection, officer, [book.user_id])
    name = await officer_name(unit.connection, officer)
    if name is None:
        raise UserNotFound("there is no such officer")
    changed = await unit.connection.execute(_ASSIGN, loan_id, officer)
    if not changed.endswith("1"):
        raise LoanStateConflict("no recovery case is open")
    await cases.add_steps(
        unit.connection, [CaseStep(loan_id, "assign", f"Assigned to {name}", by.user_id)]
    )
    await inbox.write(unit.connection, [notices.case_assigned(officer, loan_id)])


async def note(unit: UnitOfWork, loan_id: UUID, by: CaseOfficer, text: str) -> None:
    """Add a note to the case."""
    _, book = await _lock(unit, loan_id, by)
    if book.status not in REPAYING | {LoanStatus.WRITTEN_OFF}:
        raise LoanStateConflict("nothing is to be recovered on this loan")
    await _case_for(unit.connection, loan_id, by)
    await cases.add_steps(unit.connection, [CaseStep(loan_id, "note", text, by.user_id)])


async def set_off(unit: UnitOfWork, intake: Intake, loan_id: UUID, by: CaseOfficer) -> list[UUID]:
    """Submit set-offs from the borrower's accounts for what is due; answers the transactions.

    Raises NothingDue where nothing is due or no account holds money.
    """
    loans, book = await _lock(unit, loan_id, by)
    require_allowed(book.status, LoanEvent.COLLECT)
    await _case_for(unit.connection, loan_id, by, Stage.SET_OFF)
    purses = await Purses.of(unit.connection, [book.user_id])
    asked = purses.set_off(book, by.today, by=by.user_id)
    if not asked:
        raise NothingDue("nothing is due, or none of the borrower's accounts holds money")
    await intake.accept_own(unit, asked, request_id=by.request_id)
    await loans.write(unit.connection)
    return [order.id for order in asked]


async def set_off_by(reader: Reader, loan_id: UUID, first: UUID) -> list[UUID]:
    """The transactions of a set-off by its first one; none of a step that moved no money."""
    borrower = await reader.fetchval(_BORROWER, loan_id)
    return await accepted_with(
        reader,
        first,
        payers=await ids_of(reader, borrower),
        concerning={"loan_id": str(loan_id)},
    )


async def restructure(
    unit: UnitOfWork,
    loan_id: UUID,
    by: CaseOfficer,
    *,
    tenure_months: int,
    interest_rate: Decimal | None,
    calendar: CollectionCalendar,
) -> None:
    """Give the loan a new schedule from today; the old one is kept.

    Raises LoanNotEligible for a tenure or rate outside the product's, or one time too many,
    InvalidLoanTerms.
    """
    loans, book = await _lock(unit, loan_id, by)
    require_allowed(book.status, LoanEvent.RESTRUCTURE)
    await _case_for(unit.connection, loan_id, by, Stage.RESTRUCTURE)
    rate = refuse_terms(book, tenure_months, interest_rate)
    try:
        endings.restructure(book, tenure_months, rate, by.today, calendar)
    except TermsError as error:
        raise no_schedule(error) from error
    text = f"Restructured over {tenure_months} months at {rate.normalize():f} percent"
    loans.notices += notices.recovery_step(book.user_id, loan_id, f"{text}.")
    terms = AgreedParticulars(tenure_months, rate)
    loans.events.append(_event(book, by, EventKind.RESTRUCTURING, particulars=terms))
    await loans.write(unit.connection)
    count = book.terms.instalments(tenure_months)
    monthly = monthly_emi_minor(book.emi, count, tenure_months)
    await unit.connection.execute(_KEEP_TERMS, loan_id, rate, tenure_months, monthly)
    await cases.add_steps(unit.connection, [CaseStep(loan_id, "restructured", text, by.user_id)])


def refuse_terms(book: LoanBook, tenure_months: int, interest_rate: Decimal | None) -> Decimal:
    """The rate of a new schedule. Raises LoanNotEligible for terms that the product has not, and
    for a loan that was restructured as often as the product allows."""
    rate: Decimal = book.rate if interest_rate is None else interest_rate
    most = book.terms.max_restructurings
    if book.restructured_count >= most:
        raise LoanNotEligible(f"this product is restructured at most {most} times")
    book.terms.refuse_tenure(tenure_months, least=1)
    book.terms.refuse_rate(rate)
    return rate


async def settle(
    unit: UnitOfWork,
    intake: Intake,
    loan_id: UUID,
    by: CaseOfficer,
    amount: Decimal,
    *,
    transaction_id: UUID | None = None,
) -> UUID:
    """Submit a settlement of ``amount`` (major units) from the loan's account.

    Answers the transaction. On success the loan is settled and the difference written off.
    """
    _, book = await _lock(unit, loan_id, by)
    require_allowed(book.status, LoanEvent.SETTLE)
    await _case_for(unit.connection, loan_id, by, Stage.SETTLEMENT)
    amount_minor = to_minor(amount, book.currency)
    order = orders.settlement(
        loan_id,
        book.account_id,
        amount_minor,
        book.currency,
        by.today,
        by=by.user_id,
        transaction_id=transaction_id,
    )
    await intake.accept_own(unit, [order], request_id=by.request_id)
    text = f"A settlement of {money(amount_minor, book.currency)} was agreed"
    agreed = CaseStep(loan_id, "settlement_agreed", text, by.user_id)
    await cases.add_steps(unit.connection, [agreed])
    return order.id


async def write_off(unit: UnitOfWork, loan_id: UUID, by: CaseOfficer, reason: str) -> None:
    """Write the loan off; an admin alone may. Raises Forbidden, LoanStateConflict."""
    if not by.is_admin:
        raise Forbidden("only an admin writes a loan off")
    loans, book = await _lock(unit, loan_id, by)
    require_allowed(book.status, LoanEvent.WRITE_OFF)
    await _case_for(unit.connection, loan_id, by, Stage.WRITE_OFF)
    ending = endings.write_off(book, by.today)
    about = WriteOffDetails(loan_id, by.today, actor=by.user_id, reason=reason)
    loans.entries.append(booking.loss(book.currency, ending.lost, ending.suspended, about))
    text = f"{money(ending.lost.total, book.currency)} was written off"
    loans.notices += notices.recovery_step(book.user_id, loan_id, f"{text}.")
    amount = ending.lost.total
    loans.events.append(_event(book, by, EventKind.WRITE_OFF, amount=amount, reason=reason))
    await loans.write(unit.connection)
    await cases.add_steps(
        unit.connection, [CaseStep(loan_id, "written_off", f"{text}: {reason}", by.user_id)]
    )


def _event(
    book: LoanBook,
    by: CaseOfficer,
    kind: EventKind,
    *,
    amount: int = 0,
    particulars: Details | None = None,
    reason: str | None = None,
) -> Event:
    return Event(
        new_id(),
        book.id,
        kind,
        by.today,
        amount,
        after_close=book.is_closed_for(by.today),
        particulars=particulars,
        actor_id=by.user_id,
        reason=reason,
    )


async def _lock(unit: UnitOfWork, loan_id: UUID, by: CaseOfficer) -> tuple[LoansAtHand, LoanBook]:
    loans = unit.share(LoansAtHand)
    await loans.load_all(unit.connection, [loan_id])
    book = loans.book(loan_id)
    await refuse_own(unit.connection, by.user_id, [book.user_id])
    return loans, book


async def _case_for(
    connection: Connection, loan_id: UUID, by: CaseOfficer, stage: Stage | None = None
) -> None:
    """The loan's open case, opened by hand if need be, brought to ``stage``."""
    opened = await cases.open_cases(connection, [(new_id(), loan_id)], by.today)
    steps = [CaseStep(loan_id, "opened", "Opened by hand", by.user_id) for _ in opened]
    if stage is not None and await cases.move(connection, [loan_id], stage, by.today):
        steps.append(CaseStep(loan_id, "stage", f"Stage: {stage.replace('_', ' ')}", by.user_id))
    await cases.add_steps(connection, steps)
