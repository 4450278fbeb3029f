"""Charges by hand, and waivers: staff ask a fee, or let go of what is owed, for a reason.

Four eyes: nobody does so on a loan of his own; a waiver above its limit needs a second person
(``core.approvals``).
"""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import TypedDict
from uuid import UUID

from core.foundation.database import Reader, UnitOfWork
from core.foundation.errors import LoanNotFound
from core.foundation.ids import new_id
from core.foundation.money import to_minor
from core.identity.persons import refuse_own
from core.lending import notices
from core.lending.collections import cases
from core.lending.collections.case_work import CaseOfficer
from core.lending.details import WaiverDetails
from core.lending.origination import applications, catalogue
from core.lending.origination.charges import When
from core.lending.servicing import booking, charges, event_rows
from core.lending.servicing.allocation import Component
from core.lending.servicing.charge_limits import refuse_charge
from core.lending.servicing.events import (
    ChargeParticulars,
    Event,
    EventKind,
    WaiverParticulars,
)
from core.lending.servicing.loan_book import LoanBook
from core.lending.servicing.storage import LoansAtHand
from core.lending.states import LoanEvent, require_allowed

_CURRENCY = "SELECT currency FROM loans WHERE id = $1"
_KEEP_TERMS = "UPDATE loans SET terms = $2 WHERE id = $1"


class Of(TypedDict):
    """What events by hand have in common."""

    loan_id: UUID
    value_date: date
    after_close: bool
    actor_id: UUID


@dataclass(frozen=True, slots=True)
class WaiverAsked:
    """What staff let go, in major units of the loan's currency, and why."""

    component: Component
    amount: Decimal
    reason: str

    def amount_minor(self, currency: str) -> int:
        """The amount in minor units. Raises InvalidAmount for decimals the currency has not."""
        return to_minor(self.amount, currency)


@dataclass(frozen=True, slots=True)
class Noted:
    """A charge or a waiver as it stands among the loan's events; amounts in minor units.

    ``transaction_id`` is None where the books are not touched yet: a charge that waits for its
    moment or its due date, and the waiver of such a one.
    """

    id: UUID
    currency: str
    amount_minor: int
    transaction_id: UUID | None
    particulars: ChargeParticulars | WaiverParticulars


async def charge(
    unit: UnitOfWork,
    loan_id: UUID,
    by: CaseOfficer,
    asked: ChargeParticulars,
    *,
    reason: str,
    event_id: UUID | None = None,
) -> Noted:
    """Ask a fee of a running loan, or at disbursal of one that is applied for.

    Raises LoanNotFound, FourEyes, LoanStateConflict, CapReached, InvalidAmount for nothing and for
    more than is lent, InvalidLoanTerms where it would leave nothing to pay out, Invalid for a day
    after the last instalment.
    """
    event_id = event_id or new_id()
    if asked.when is When.DISBURSAL:
        event = Event(
            id=event_id, loan_id=loan_id, kind=EventKind.CHARGE, value_date=by.today,
            particulars=asked, actor_id=by.user_id, reason=reason,
        )  # fmt: skip
        return await _charge_application(unit, event, by, asked)
    loans, book = await _lock(unit, loan_id, by)
    require_allowed(book.status, LoanEvent.CHARGE)
    refuse_charge(book, asked, by.today)
    found = charges.charge(book, asked, by.today)
    line = found.line
    if line is not None:
        asked = _with_instalment(asked, line.number, found.fee.tax_minor)
    amount = notices.money(found.fee.total_minor, book.currency)
    when = f"with instalment {line.number}" if line else f"at the {asked.when}"
    what = f"{asked.name}, {amount}, is asked {when}" if line else f"{asked.name} is asked {when}"
    loans.notices.append(notices.charged(book.user_id, book.id, f"{what}: {reason}"))
    if asked.when is not None:
        dumped = catalogue.dump(book.terms)
        await unit.connection.execute(_KEEP_TERMS, loan_id, dumped)
    event = Event(
        id=event_id,
        kind=EventKind.CHARGE,
        amount=found.fee.total_minor,
        particulars=asked,
        reason=reason,
        **_of(book, by),
    )
    loans.events.append(event)
    await loans.write(unit.connection)
    return _noted(event, book.currency)


async def waive(
    unit: UnitOfWork,
    loan_id: UUID,
    by: CaseOfficer,
    asked: WaiverAsked,
    *,
    event_id: UUID | None = None,
) -> Noted:
    """Let go of what is asked and unpaid, the oldest first.

    Raises LoanNotFound, FourEyes, LoanStateConflict, NothingToWaive where less is owed.
    """
    connection = unit.connection
    loans, book = await _lock(unit, loan_id, by)
    require_allowed(book.status, LoanEvent.WAIVE)
    waived = charges.waive(book, asked.component, asked.amount_minor(book.currency), by.today)
    details = WaiverDetails(loan_id, by.today, asked.component.value, by.user_id, asked.reason)
    entry = booking.waived(book.currency, waived, details)
    [transaction_id] = await booking.post(connection, [entry])
    event = Event(
        id=event_id or new_id(),
        kind=EventKind.WAIVER,
        amount=waived.amount,
        transaction_id=transaction_id,
        particulars=WaiverParticulars(asked.component, waived.tax, waived.suspended),
        reason=asked.reason,
        **_of(book, by),
    )
    loans.events.append(event)
    amount = notices.money(waived.amount, book.currency)
    text = f"{amount} of {asked.component.value} was waived: {asked.reason}"
    loans.notices.append(notices.waived(book.user_id, book.id, text))
    if book.closed_on is not None:
        loans.notices.append(notices.ended(book.user_id, book.id, book.status))
    await loans.write(connection)
    step = cases.CaseStep(loan_id, "waived", text, by.user_id)
    await cases.add_steps(connection, [step])
    return _noted(event, book.currency)


async def _charge_application(
    unit: UnitOfWork, event: Event, by: CaseOfficer, asked: ChargeParticulars
) -> Noted:
    """One of the terms from now on; the event says who has asked for it, and why."""
    connection = unit.connection
    currency = await currency_of(connection, event.loan_id)
    terms = charges.terms_of(asked, When.DISBURSAL, currency)
    await applications.add_charge(connection, event.loan_id, terms, by.today, by=by.user_id)
    await event_rows.add(connection, [event])
    return _noted(event, currency)


async def find(reader: Reader, loan_id: UUID, event_id: UUID) -> Noted | None:
    """A charge or a waiver that was made before; None where there is no such event."""
    events = await event_rows.events_of(reader, [loan_id])
    for event in events:
        known = event.particulars
        if event.id == event_id and isinstance(known, ChargeParticulars | WaiverParticulars):
            return _noted(event, await currency_of(reader, loan_id))
    return None


async def currency_of(reader: Reader, loan_id: UUID) -> str:
    """The currency in which the loan's charges are. Raises LoanNotFound."""
    currency: str | None = await reader.fetchval(_CURRENCY, loan_id)
    if currency is None:
        raise LoanNotFound
    return currency


def _with_instalment(asked: ChargeParticulars, number: int, tax: int) -> ChargeParticulars:
    return ChargeParticulars(
        asked.code, asked.name, asked.flat_minor, asked.percent, asked.tax_percent,
        None, asked.on, number, tax,
    )  # fmt: skip


def _of(book: LoanBook, by: CaseOfficer) -> Of:
    """Of any event by hand: whose, by whom, and where in the loan's life."""
    return {
        "loan_id": book.id,
        "value_date": by.today,
        "after_close": book.is_closed_for(by.today),
        "actor_id": by.user_id,
    }


def _noted(event: Event, currency: str) -> Noted:
    if not isinstance(event.particulars, ChargeParticulars | WaiverParticulars):
        raise TypeError(f"a {event.kind} is neither charge nor waiver")
    return Noted(event.id, currency, event.amount, event.transaction_id, event.particulars)


async def _lock(unit: UnitOfWork, loan_id: UUID, by: CaseOfficer) -> tuple[LoansAtHand, LoanBook]:
    loans = unit.share(LoansAtHand)
    await loans.load_all(unit.connection, [loan_id])
    book = loans.book(loan_id)
    await refuse_own(unit.connection, by.user_id, [book.user_id])
    return loans, book
