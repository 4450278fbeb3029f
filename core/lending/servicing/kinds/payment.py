"""The customer's own payments: what is due, any amount, ahead of time, or everything.

A payment carries what the customer saw when it was submitted (``through``: the last instalment it
was meant for). What has been collected of that meanwhile is not taken a second time; the rest of
the amount stays on the account.
"""

from collections.abc import Awaitable, Callable, Sequence
from datetime import date
from typing import NamedTuple
from uuid import UUID

from core.foundation.database import Connection, UnitOfWork
from core.foundation.errors import NothingDue
from core.ledger.balances import Accounts, Leg
from core.ledger.chart import LedgerCode
from core.lending import notices
from core.lending.amortisation import PrepaymentMode
from core.lending.details import (
    AccrualDetails,
    LoanPaymentDetails,
    PaymentMode,
    WriteOffDetails,
)
from core.lending.notices import money
from core.lending.servicing import booking
from core.lending.servicing.allocation import Split
from core.lending.servicing.calendar import CollectionCalendar
from core.lending.servicing.endings import Ending, foreclose
from core.lending.servicing.events import EventKind, PaymentParticulars
from core.lending.servicing.kinds.parties import (
    cover,
    loan_id,
    lock_loans,
    note,
    payer,
)
from core.lending.servicing.loan_book import Line, LoanBook, owed_in_all
from core.lending.servicing.payoff import payoff
from core.lending.servicing.schedules import prepay
from core.lending.servicing.storage import LoansAtHand
from core.lending.states import LoanEvent, LoanStatus, require_allowed
from core.transactions.decide import Movement, Outcome, Rule, details_of

PREPAYMENTS = {
    PaymentMode.PREPAY_REDUCE_TENURE: PrepaymentMode.REDUCE_TENURE,
    PaymentMode.PREPAY_REDUCE_EMI: PrepaymentMode.REDUCE_EMI,
}


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
            amount = _amount(book, movement)
            cover(account, amount)
            kind, particulars = _event(book, details_of(movement, LoanPaymentDetails))
            note(loans, book, movement, kind, amount_minor=amount, particulars=particulars)
            return self._pay(loans, book, movement, amount)

        return rule

    async def apply(self, unit: UnitOfWork, outcomes: Sequence[Outcome]) -> None:
        """Write the loans and tell the borrowers."""
        loans = unit.share(LoansAtHand)
        paid = [outcome for outcome in outcomes if outcome.failure is None]
        for outcome in paid:
            _tell(loans, outcome)
        await loans.write(unit.connection)
        await self._note_recovered(unit.connection, _recovered(loans, paid))

    def _pay(
        self, loans: LoansAtHand, book: LoanBook, movement: Movement, amount: int
    ) -> Sequence[Leg]:
        """Change the book by the payment; answers the legs. Everything was checked before."""
        known = details_of(movement, LoanPaymentDetails)
        on, mode = known.business_date, known.mode
        account_id = movement.debit_account_id
        if account_id is None:
            raise ValueError("a payment has a payer")
        if book.status is LoanStatus.WRITTEN_OFF:
            return recover(book, account_id, amount)
        if known.settles:
            ending = foreclose(book, on)
            return ending_legs(loans, book, account_id, ending, on)
        if mode in PREPAYMENTS:
            split = self._prepay(book, amount, known.ahead, PREPAYMENTS[mode], on)
        else:
            lines = _meant(book, known)
            split = book.pay(amount, [line for line in lines if line.paid_on is None], on)
        book.end_if_repaid(on)
        return booking.repayment_legs(account_id, split, book.currency)

    def _prepay(
        self, book: LoanBook, amount: int, ahead: int, mode: PrepaymentMode, on: date
    ) -> Split:
        book.accrue_to(on)
        split = book.pay(amount - ahead, book.due(on), on)
        prepay(book, ahead, mode, on, self._calendar)
        return split + Split(principal=ahead)


def _amount(book: LoanBook, movement: Movement) -> int:
    """What the payment moves now. Raises NothingDue or LoanStateConflict."""
    known = details_of(movement, LoanPaymentDetails)
    on, ahead = known.business_date, known.ahead
    if book.status is LoanStatus.WRITTEN_OFF:
        amount = min(movement.amount_minor, book.written_off - book.recovered)
    elif known.settles:
        require_allowed(book.status, LoanEvent.FORECLOSE)
        amount = payoff(book, on).total
    elif known.mode is PaymentMode.DUE:
        require_allowed(book.status, LoanEvent.PAY)
        lines = _meant(book, known)
        amount = min(movement.amount_minor, owed_in_all(lines).total)
    else:
        require_allowed(book.status, LoanEvent.PREPAY)
        due = owed_in_all(book.due(on)).total
        amount = min(movement.amount_minor - ahead, due) + ahead
        if due > amount - ahead or ahead >= book.outstanding:
            raise NothingDue("the loan has changed since; nothing is left to pay ahead this way")
    if amount <= 0:
        raise NothingDue("this was paid meanwhile")
    return amount


def _event(
    book: LoanBook, known: LoanPaymentDetails
) -> tuple[EventKind, PaymentParticulars | None]:
    """What the payment is in the life of its loan."""
    if book.status is LoanStatus.WRITTEN_OFF:
        return EventKind.RECOVERY, None
    return EventKind.PAYMENT, PaymentParticulars(known.mode, known.settles)


def _meant(book: LoanBook, known: LoanPaymentDetails) -> list[Line]:
    """The instalments that a payment of what is due was meant for."""
    return [line for line in book.current() if line.number <= known.through]


def recover(book: LoanBook, account_id: UUID, amount: int) -> Sequence[Leg]:
    """A payment on a loan that was written off is the bank's recovery income."""
    require_allowed(book.status, LoanEvent.RECOVER)
    book.recovered += amount
    book.reshaped = book.changed = True
    return (
        Leg(account_id, None, -amount, book.currency),
        Leg(None, LedgerCode.RECOVERY_INCOME.value, amount, book.currency),
    )


def ending_legs(
    loans: LoansAtHand, book: LoanBook, account_id: UUID, ending: Ending, on: date
) -> Sequence[Leg]:
    """The legs of what the customer pays; the bank's own entries go beside them."""
    charged = ending.paid - Split(fee=ending.early_fee.total_minor)
    legs = booking.repayment_legs(account_id, charged, book.currency)
    legs[0] = legs[0]._replace(amount_minor=-ending.paid.total)
    legs += booking.fee_legs(ending.early_fee, book.currency)
    to_principal = booking.interest_to_principal(
        book.currency, ending.advance_interest, AccrualDetails(on, book.id)
    )
    loans.entries.append(to_principal)
    if ending.lost.total:
        about = WriteOffDetails(book.id, on)
        loans.entries.append(booking.loss(book.currency, ending.lost, about))
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
