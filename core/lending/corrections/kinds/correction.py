"""A loan's past put right: a payment that was wrong is undone, one that came late is entered.

Both rebuild the loan: the life that it should have had is lived, and what that makes different in
the bank's books is booked beside the customer's money. An adjustment is one transaction: the wrong
payment and the right one change places at once, and the account moves by what they differ.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from uuid import UUID

from core.foundation.database import UnitOfWork
from core.foundation.errors import LoanStateConflict
from core.ledger.balances import Accounts, Leg, refuse_leg
from core.ledger.chart import LedgerCode
from core.ledger.moment import read_moment
from core.lending import notices
from core.lending.corrections.life import Days, refuse_short, standing
from core.lending.corrections.position import Position
from core.lending.corrections.rebuild import Moved, rebuild
from core.lending.details import AdjustmentDetails, LatePaymentDetails, RestatementDetails
from core.lending.notices import money
from core.lending.servicing import booking, event_rows
from core.lending.servicing.calendar import CollectionCalendar
from core.lending.servicing.events import RECEIPTS, Event, EventKind, PaymentParticulars
from core.lending.servicing.kinds.parties import (
    business_date,
    cover,
    loan_id,
    lock_loans,
    payer,
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
        known = [day for day in (self.closed_through, book.charged_on) if day is not None]
        closed = max(known, default=date.min)
        return Days(closed, max(today, closed), calendar)


class _Correction(ABC):
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
                told = self._told(outcome.movement, book.currency)
                loans.notices.append(notices.corrected(book.user_id, book.id, told))
        await loans.write(unit.connection)

    @abstractmethod
    def _put_right(
        self, loans: LoansAtHand, lives: Lives, movement: Movement, accounts: Accounts
    ) -> Sequence[Leg]:
        """Change the loan by the movement; answers the legs."""

    @abstractmethod
    def _told(self, movement: Movement, currency: str) -> str:
        """What the borrower reads of it."""


class AdjustmentKind(_Correction):
    """The type ``adjustment``: a payment that was wrong and the right one, if any, in its place.

    One transaction: the loan lives without the one and with the other, or it stays as it was.
    """

    type = "adjustment"
    details = AdjustmentDetails

    def _put_right(
        self, loans: LoansAtHand, lives: Lives, movement: Movement, accounts: Accounts
    ) -> Sequence[Leg]:
        known = details_of(movement, AdjustmentDetails)
        book = loans.book(known.loan_id)
        life = lives.of(book, loans)
        wrong = refuse_undone(life, known.undoes)
        too_much = known.wrong_minor - known.right_minor
        account_id = movement.debit_account_id or movement.credit_account_id
        if account_id is not None:
            refuse_leg(accounts[account_id], too_much, book.currency)
        changes = adjusted(book, wrong, known, movement.id)
        days = lives.days(book, known.today, self._calendar)
        after = [*life, *changes]
        moved = rebuild(book, life, after, days, wrong=wrong.id, right=known.right_id)
        _restate(loans, book, moved, known, movement)
        loans.events += changes
        return _legs(account_id, too_much, moved.laid, book.currency) or _unmoved(
            known, book.currency
        )

    def _told(self, movement: Movement, currency: str) -> str:
        known = details_of(movement, AdjustmentDetails)
        wrong = f"A payment of {money(known.wrong_minor, currency)} for {known.business_date}"
        if not known.right_minor:
            return f"{wrong} was taken back"
        return f"{wrong} is now one of {money(known.right_minor, currency)} for {known.right_on}"


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
            particulars=PaymentParticulars(known.mode),
            actor_id=known.actor,
            reason=known.reason,
        )
        days = lives.days(book, known.today, self._calendar)
        refuse_short(book, life, paid, days)
        moved = rebuild(book, life, [*life, paid], days, right=paid.id)
        _restate(loans, book, moved, known, movement)
        loans.events.append(paid)
        return _legs(account.id, -movement.amount_minor, moved.laid, book.currency)

    def _told(self, movement: Movement, currency: str) -> str:
        amount = money(movement.amount_minor, currency)
        return f"A payment of {amount} for {business_date(movement)} was entered"


def adjusted(
    book: LoanBook, wrong: Event, known: AdjustmentDetails, transaction_id: UUID
) -> list[Event]:
    """What an adjustment adds to the loan's life: the undoing, and the right payment, if any."""
    undoing = Event(
        transaction_id,
        book.id,
        EventKind.UNDOING,
        wrong.value_date,
        wrong.amount,
        account_id=wrong.account_id or book.account_id,
        transaction_id=transaction_id,
        undoes=wrong.id,
        actor_id=known.actor,
        reason=known.reason,
    )
    if not known.right_minor:
        return [undoing]
    right = replace(
        undoing,
        id=known.right_id,
        kind=EventKind.PAYMENT,
        value_date=known.right_on,
        amount=known.right_minor,
        after_close=known.right_on == known.today and book.is_closed_for(known.right_on),
        undoes=None,
        replaces=wrong.id,
        particulars=PaymentParticulars(known.mode),
    )
    return [undoing, right]


def refuse_undone(life: Iterable[Event], payment: UUID) -> Event:
    """The payment of a loan's life. Raises LoanStateConflict where it was undone, or is none."""
    for event in standing(life):
        if event.id == payment and event.kind in RECEIPTS:
            return event
    raise LoanStateConflict("this is no payment on the loan, or it was taken back already")


def _restate(
    loans: LoansAtHand,
    book: LoanBook,
    moved: Moved,
    known: AdjustmentDetails | LatePaymentDetails,
    movement: Movement,
) -> None:
    """Book what days that are closed have made of the payment, as of today."""
    if moved.rest:
        details = RestatementDetails(book.id, known.today, movement.id)
        loans.entries.append(booking.restated(book.currency, moved.rest, details))


def _legs(account_id: UUID | None, amount: int, moved: Position, currency: str) -> list[Leg]:
    """The customer's money, and where it lies in the bank's own accounts."""
    legs = [Leg(account_id, None, amount, currency)] if account_id is not None else []
    legs += [Leg(None, code.value, moved[code], currency) for code in sorted(moved)]
    return legs


def _unmoved(known: AdjustmentDetails, currency: str) -> list[Leg]:
    """The opposite and the right one, of another day that makes no difference to the books."""
    loans = LedgerCode.LOANS_RECEIVABLE.value
    amount = known.wrong_minor
    return [Leg(None, loans, -amount, currency), Leg(None, loans, amount, currency)]
