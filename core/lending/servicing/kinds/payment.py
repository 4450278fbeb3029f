"""The customer's own payments: what is due, any amount, ahead of time, or everything.

What a payment comes to and does to the loan is ``paying``'s; here it becomes legs, notices and a
recovery case's history.
"""

from collections.abc import Awaitable, Callable, Sequence
from datetime import date
from typing import NamedTuple
from uuid import UUID

from core.foundation.database import Connection, UnitOfWork
from core.ledger.balances import Accounts, Leg
from core.ledger.chart import LedgerCode
from core.lending import notices
from core.lending.details import LoanPaymentDetails, WriteOffDetails
from core.lending.notices import money
from core.lending.servicing import booking, paying
from core.lending.servicing.allocation import Split
from core.lending.servicing.calendar import CollectionCalendar
from core.lending.servicing.endings import Ending
from core.lending.servicing.events import EventKind, PaymentParticulars
from core.lending.servicing.kinds.parties import cover, loan_id, lock_loans, note, payer
from core.lending.servicing.loan_book import LoanBook
from core.lending.servicing.paying import Payment
from core.lending.servicing.storage import LoansAtHand
from core.lending.states import LoanStatus
from core.transactions.decide import Movement, Outcome, Rule, details_of


class Recovered(NamedTuple):
    """What came in on a loan after its write-off, and whether that was the last of it."""

    loan_id: UUID
    amount_minor: int
    currency: str
    is_all: bool


NoteRecovered = Callable[[Connection, Sequence[Recovered]], Awaitable[None]]


class LoanPaymentKind:
    """The type ``loan_payment``; ``note_recovered`` writes down what a lost loan still brings."""

    type = "loan_payment"
    details = LoanPaymentDetails

    def __init__(self, calendar: CollectionCalendar, note_recovered: NoteRecovered) -> None:
        self._calendar = calendar
        self._note_recovered = note_recovered

    async def load(self, unit: UnitOfWork, movements: Sequence[Movement]) -> Rule:
        """Lock the loans and read their schedules; the rule pays what the mode says."""
        loans = await lock_loans(unit, movements)
        await loans.load_all(unit.connection, {loan_id(movement) for movement in movements})

        def rule(movement: Movement, accounts: Accounts) -> Sequence[Leg]:
            book = loans.book(loan_id(movement))
            account = payer(movement, accounts, book)
            meant = details_of(movement, LoanPaymentDetails)
            payment = paying.resolve(book, meant, movement.amount_minor)
            cover(account, payment.amount)
            kind, particulars = _event(payment, meant)
            amount = payment.amount
            note(loans, book, movement, kind, amount_minor=amount, particulars=particulars)
            ending = paying.pay(book, payment, self._calendar)
            return ending_legs(loans, book, account.id, ending, payment.on)

        return rule

    async def apply(self, unit: UnitOfWork, outcomes: Sequence[Outcome]) -> None:
        """Write the loans and tell the borrowers."""
        loans = unit.share(LoansAtHand)
        paid = [outcome for outcome in outcomes if outcome.failure is None]
        for outcome in paid:
            _tell(loans, outcome)
        await loans.write(unit.connection)
        await self._note_recovered(unit.connection, _recovered(loans, paid))


def _event(
    payment: Payment, meant: LoanPaymentDetails
) -> tuple[EventKind, PaymentParticulars | None]:
    """What the payment is in the life of its loan."""
    if payment.recovers:
        return EventKind.RECOVERY, None
    return EventKind.PAYMENT, PaymentParticulars(meant.mode, payment.settles)


def ending_legs(
    loans: LoansAtHand, book: LoanBook, account_id: UUID, ending: Ending, on: date
) -> Sequence[Leg]:
    """The legs of what the customer pays; the bank's own entries go beside them."""
    if ending.recovered:
        return booking.recovery_legs(account_id, ending.recovered, book.currency)
    charged = ending.paid - Split(fee=ending.early_fee.total_minor)
    legs = booking.repayment_legs(account_id, charged, book.currency)
    legs[0] = legs[0]._replace(amount_minor=-ending.paid.total)
    legs += booking.fee_legs(ending.early_fee, book.currency)
    if ending.lost.total:
        about = WriteOffDetails(book.id, on)
        loans.entries.append(booking.loss(book.currency, ending.lost, ending.suspended, about))
    return legs


def _recovered(loans: LoansAtHand, paid: Sequence[Outcome]) -> list[Recovered]:
    """Of these payments, those on loans that were written off."""
    outcomes = [(outcome, loans.book(loan_id(outcome.movement))) for outcome in paid]
    return [
        Recovered(book.id, outcome.amount_minor, book.currency, book.recovered == book.written_off)
        for outcome, book in outcomes
        if book.status is LoanStatus.WRITTEN_OFF
    ]


def _tell(loans: LoansAtHand, outcome: Outcome) -> None:
    book = loans.book(loan_id(outcome.movement))
    amount = money(outcome.amount_minor, book.currency)
    principal = sum(
        leg.amount_minor for leg in outcome.legs if leg.ledger_code == LedgerCode.LOANS_RECEIVABLE
    )
    of_principal = money(principal, book.currency)
    loans.notices.append(notices.paid(book.user_id, book.id, amount, of_principal))
    if book.closed_on is not None:
        loans.notices.append(notices.ended(book.user_id, book.id, book.status))
        book.closed_on = None
