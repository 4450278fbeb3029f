"""A loan's past put right: a payment that was wrong is undone, one that came late is entered.

Both rebuild the loan: the life that it should have had is lived, and what that makes different in
the bank's books is booked beside the customer's money. An adjustment is one of each, accepted
together: the opposite of the wrong payment, and the right one.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from uuid import UUID

from core.foundation.database import UnitOfWork
from core.foundation.errors import InsufficientFunds, LoanStateConflict
from core.ledger.balances import Accounts, Leg
from core.ledger.moment import read_moment
from core.lending import notices
from core.lending.corrections.life import Days, standing
from core.lending.corrections.position import Position
from core.lending.corrections.rebuild import rebuild
from core.lending.details import LatePaymentDetails, UndoingDetails
from core.lending.notices import money
from core.lending.servicing import event_rows
from core.lending.servicing.calendar import CollectionCalendar
from core.lending.servicing.events import RECEIPTS, Event, EventKind, PaymentParticulars
from core.lending.servicing.kinds.parties import (
    business_date,
    cover,
    loan_id,
    lock_loans,
    payer,
    receiver,
)
from core.lending.servicing.loan_book import LoanBook
from core.lending.servicing.storage import LoansAtHand
from core.transactions.decide import Movement, Outcome, Rule, details_of


@dataclass(slots=True)
class Lives:
    """The lives of one unit of work's loans, as they were written down before it."""

    events: dict[UUID, list[Event]] = field(default_factory=dict)
    closed_through: date | None = None

    async def load(self, unit: UnitOfWork, loan_ids: Iterable[UUID]) -> None:
        """Read the lives that are not known yet, and through which date the bank is closed."""
        wanted = sorted(set(loan_ids) - self.events.keys())
        for known in wanted:
            self.events[known] = []
        for event in await event_rows.events_of(unit.connection, wanted):
            self.events[event.loan_id].append(event)
        self.closed_through = (await read_moment(unit.connection)).last_closed

    def of(self, book: LoanBook, loans: LoansAtHand) -> list[Event]:
        """All that has happened to the loan, in this unit of work as well."""
        fresh = [event for event in loans.events if event.loan_id == book.id]
        collected = [
            Event(
                transaction_id,
                book.id,
                EventKind.COLLECTION,
                asked.business_date,
                amount,
                account_id=book.account_id,
                transaction_id=transaction_id,
            )
            for transaction_id, asked, amount in loans.collected
            if asked.loan_id == book.id
        ]
        return [*self.events[book.id], *fresh, *collected]

    def days(self, book: LoanBook, today: date, calendar: CollectionCalendar) -> Days:
        """The days that are closed for the loan, which may be a day ahead of the bank."""
        known = [day for day in (self.closed_through, book.assessed_on) if day is not None]
        closed = max(known, default=date.min)
        return Days(closed, max(today, closed), calendar)


class _Correction:
    """What both types have in common: how they load, and what they tell."""

    def __init__(self, calendar: CollectionCalendar) -> None:
        self._calendar = calendar

    async def load(self, unit: UnitOfWork, movements: Sequence[Movement]) -> Rule:
        """Lock the loans, read their schedules and their lives; the rule puts them right."""
        loans, lives = await lock_loans(unit, movements), unit.share(Lives)
        ids = {loan_id(movement) for movement in movements}
        await loans.load_all(unit.connection, ids)
        await lives.load(unit, ids)

        def rule(movement: Movement, accounts: Accounts) -> Sequence[Leg]:
            return self._put_right(loans, lives, movement, accounts)

        return rule

    async def apply(self, unit: UnitOfWork, outcomes: Sequence[Outcome]) -> None:
        """Write the loans and tell the borrowers."""
        loans = unit.share(LoansAtHand)
        for outcome in outcomes:
            if outcome.failure is None:
                book = loans.book(loan_id(outcome.movement))
                amount = money(outcome.amount_minor, book.currency)
                on = business_date(outcome.movement)
                told = notices.corrected(book.user_id, book.id, outcome.movement.type, amount, on)
                loans.notices.append(told)
        await loans.write(unit.connection)

    def _put_right(
        self, loans: LoansAtHand, lives: Lives, movement: Movement, accounts: Accounts
    ) -> Sequence[Leg]:
        raise NotImplementedError


class UndoingKind(_Correction):
    """The type ``adjustment``: the opposite of a payment that was wrong."""

    type = "adjustment"
    details = UndoingDetails

    def _put_right(
        self, loans: LoansAtHand, lives: Lives, movement: Movement, accounts: Accounts
    ) -> Sequence[Leg]:
        known = details_of(movement, UndoingDetails)
        book = loans.book(known.loan_id)
        account = receiver(movement, accounts, book)
        life = lives.of(book, loans)
        wrong = refuse_undone(life, known.undoes)
        if account.available_minor + wrong.amount < known.payable:
            raise InsufficientFunds
        undoing = Event(
            movement.id,
            book.id,
            EventKind.UNDOING,
            known.business_date,
            wrong.amount,
            account_id=account.id,
            transaction_id=movement.id,
            undoes=wrong.id,
            actor_id=known.actor,
            reason=known.reason,
        )
        days = lives.days(book, known.today, self._calendar)
        moved = rebuild(book, life, [*life, undoing], days)
        loans.events.append(undoing)
        return _legs(account.id, wrong.amount, moved, book.currency)


class LatePaymentKind(_Correction):
    """The type ``backdated_payment``: a payment that counts from an earlier date."""

    type = "backdated_payment"
    details = LatePaymentDetails

    def _put_right(
        self, loans: LoansAtHand, lives: Lives, movement: Movement, accounts: Accounts
    ) -> Sequence[Leg]:
        known = details_of(movement, LatePaymentDetails)
        book = loans.book(known.loan_id)
        account = payer(movement, accounts, book)
        cover(account, movement.amount_minor)
        life = lives.of(book, loans)
        if known.replaces is not None and known.replaces in {event.id for event in standing(life)}:
            raise LoanStateConflict("the payment that this one stands in for was not undone")
        paid = Event(
            movement.id,
            book.id,
            EventKind.PAYMENT,
            known.business_date,
            movement.amount_minor,
            account_id=account.id,
            transaction_id=movement.id,
            after_close=known.business_date == known.today
            and book.is_closed_for(known.business_date),
            replaces=known.replaces,
            particulars=PaymentParticulars(known.mode),
            actor_id=known.actor,
            reason=known.reason,
        )
        days = lives.days(book, known.today, self._calendar)
        moved = rebuild(book, life, [*life, paid], days)
        loans.events.append(paid)
        return _legs(account.id, -movement.amount_minor, moved, book.currency)


def refuse_undone(life: Iterable[Event], payment: UUID) -> Event:
    """The payment of a loan's life. Raises LoanStateConflict where it was undone, or is none."""
    for event in standing(life):
        if event.id == payment and event.kind in RECEIPTS:
            return event
    raise LoanStateConflict("this is no payment on the loan, or it was taken back already")


def _legs(account_id: UUID, amount: int, moved: Position, currency: str) -> list[Leg]:
    """The customer's money, and what it makes different in the bank's own accounts."""
    legs = [Leg(account_id, None, amount, currency)]
    legs += [Leg(None, code.value, moved[code], currency) for code in sorted(moved)]
    return legs
