"""Staff put a loan's past right: what is asked is looked at, and submitted as transactions.

The loan is lived anew when they settle; here it is lived once on a copy, so that what cannot be put
right is refused at once.
"""

from copy import copy, deepcopy
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from uuid import UUID

from core.foundation.database import UnitOfWork
from core.foundation.errors import (
    AccountNotFound,
    CurrencyMismatch,
    Invalid,
    LoanNotFound,
    LoanStateConflict,
    NothingDue,
    TransactionNotFound,
)
from core.foundation.ids import new_id
from core.foundation.money import to_minor
from core.ledger.balances import refuse_inactive
from core.ledger.directory import own_account
from core.lending import orders
from core.lending.corrections.kinds.correction import Lives, adjusted, refuse_undone
from core.lending.corrections.life import refuse_short
from core.lending.corrections.rebuild import rebuild
from core.lending.details import (
    AdjustmentDetails,
    LatePaymentDetails,
    PaymentMode,
    RefundDetails,
)
from core.lending.servicing.calendar import CollectionCalendar
from core.lending.servicing.events import RECEIPTS, Event, EventKind, PaymentParticulars
from core.lending.servicing.loan_book import LoanBook
from core.lending.servicing.storage import LoansAtHand
from core.transactions.intake import Intake
from core.transactions.orders import BankOrder


@dataclass(frozen=True, slots=True)
class Corrector:
    """Who of the staff puts right, on which business date, by whose calendar of collections."""

    user_id: UUID
    today: date
    calendar: CollectionCalendar
    request_id: str | None = None


@dataclass(frozen=True, slots=True)
class RightPayment:
    """A payment as it should have been: ``amount`` 0 undoes it; in minor units."""

    book: LoanBook
    wrong: Event
    amount: int
    on: date
    account_id: UUID

    @property
    def worth(self) -> int:
        """What it moves: the difference of the amounts, or all of a payment that was on another
        day."""
        if self.on != self.wrong.value_date and self.amount:
            return max(self.amount, self.wrong.amount)
        return abs(self.wrong.amount - self.amount)


@dataclass(frozen=True, slots=True)
class EnteredPayment:
    """A payment that counts from an earlier date; ``amount`` in minor units."""

    book: LoanBook
    amount: int
    on: date
    account_id: UUID
    mode: PaymentMode


async def look_at_payment(
    unit: UnitOfWork,
    loan_id: UUID,
    transaction_id: UUID,
    by: Corrector,
    *,
    amount: Decimal | None,
    on: date | None,
    account: str | None = None,
) -> RightPayment:
    """What to make of a payment; ``amount`` in major units, None for what stays; ``account`` of the
    borrower moves instead of the one that paid.

    Raises LoanNotFound, TransactionNotFound, Invalid for a date outside the loan's life or where
    nothing changes, LoanStateConflict for what was undone or cannot be put right, and what
    ``_account`` raises where money moves.
    """
    book, life = await _lock(unit, loan_id)
    wrong = refuse_undone(life, _receipt(life, transaction_id).id)
    wanted = RightPayment(
        book,
        wrong,
        wrong.amount if amount is None else to_minor(amount, book.currency),
        on or wrong.value_date,
        wrong.account_id or book.account_id,
    )
    if (wanted.amount, wanted.on) == (wrong.amount, wrong.value_date):
        raise _invalid("amount", "this is the payment as it is")
    _refuse_date(life, wanted.on, by, "date")
    if wanted.amount != wrong.amount:
        moves = await _account(unit, book, account or str(wanted.account_id))
        wanted = replace(wanted, account_id=moves)
    changes = adjusted(book, wrong, _adjustment(wanted, by, ""), new_id())
    await _try_out(unit, book, life, [*life, *changes], by)
    return wanted


async def adjust(
    unit: UnitOfWork,
    intake: Intake,
    wanted: RightPayment,
    by: Corrector,
    *,
    reason: str,
    run_id: UUID,
) -> UUID:
    """Submit the wrong payment's opposite with the right one, if any, as the transaction
    ``run_id``; the caller commits. Answers it."""
    order = orders.adjustment(
        wanted.account_id,
        wanted.book.currency,
        _adjustment(wanted, by, reason),
        transaction_id=run_id,
    )
    return await _submit(unit, intake, order, by)


async def look_at_late_payment(
    unit: UnitOfWork,
    loan_id: UUID,
    by: Corrector,
    *,
    amount: Decimal,
    on: date,
    mode: PaymentMode,
    from_account: str | None,
) -> EnteredPayment:
    """A payment to enter for a date; ``amount`` in major units, ``from_account`` the borrower's.

    Raises LoanNotFound, Invalid for a date outside the loan's life, LoanStateConflict for what
    cannot be put right, PayoffNotCovered where it is to end the loan and did not, and what
    ``_account`` raises.
    """
    book, life = await _lock(unit, loan_id)
    account_id = await _account(unit, book, from_account or str(book.account_id))
    wanted = EnteredPayment(book, to_minor(amount, book.currency), on, account_id, mode)
    _refuse_date(life, on, by, "value_date")
    paid = _paid(book, wanted, by)
    refuse_short(book, life, paid, unit.share(Lives).days(book, by.today, by.calendar))
    await _try_out(unit, book, life, [*life, paid], by)
    return wanted


async def enter(
    unit: UnitOfWork,
    intake: Intake,
    wanted: EnteredPayment,
    by: Corrector,
    *,
    reason: str,
    run_id: UUID,
) -> UUID:
    """Submit the payment; the caller commits. Answers the transaction."""
    details = LatePaymentDetails(
        wanted.book.id, wanted.on, by.today, by.user_id, reason, wanted.mode
    )
    order = orders.late_payment(
        wanted.account_id, wanted.amount, wanted.book.currency, details, transaction_id=run_id
    )
    return await _submit(unit, intake, order, by)


async def refund(
    unit: UnitOfWork,
    intake: Intake,
    loan_id: UUID,
    by: Corrector,
    *,
    amount: Decimal | None,
    owner_id: UUID | None,
    to_account: str | None = None,
) -> UUID:
    """Submit the refund of what is overpaid, or of ``amount`` (major units) of it.

    ``owner_id``: only a loan of this borrower. ``to_account``: another account of the borrower
    than the loan's. Raises LoanNotFound, NothingDue where less is overpaid, AccountNotFound,
    CurrencyMismatch, AccountFrozen or AccountClosed for an account that cannot receive it.
    """
    loans = unit.share(LoansAtHand)
    await loans.lock(unit.connection, [loan_id])
    book = loans.book(loan_id)
    if owner_id not in {None, book.user_id}:
        raise LoanNotFound
    amount_minor = book.overpaid if amount is None else to_minor(amount, book.currency)
    if not 0 < amount_minor <= book.overpaid:
        raise NothingDue("so much is not overpaid")
    account_id = await _account(unit, book, to_account or str(book.account_id))
    details = RefundDetails(loan_id, by.today, by.user_id)
    order = orders.refund(account_id, amount_minor, book.currency, details, transaction_id=new_id())
    return await _submit(unit, intake, order, by)


def _mode_of(payment: Event) -> PaymentMode:
    """What a payment was meant for, for one that stands in for it."""
    known = payment.particulars
    return known.mode if isinstance(known, PaymentParticulars) else PaymentMode.DUE


async def _lock(unit: UnitOfWork, loan_id: UUID) -> tuple[LoanBook, list[Event]]:
    loans, lives = unit.share(LoansAtHand), unit.share(Lives)
    await loans.load_all(unit.connection, [loan_id])
    book = loans.book(loan_id)
    await lives.load(unit, [loan_id])
    life = lives.of(book, loans)
    if not life:
        raise LoanStateConflict("the loan was not paid out yet")
    return book, life


async def _account(unit: UnitOfWork, book: LoanBook, name: str) -> UUID:
    """The borrower's account of that number or id, on which money is to move.

    Raises AccountNotFound, AccountFrozen, AccountClosed, CurrencyMismatch.
    """
    account = await own_account(unit.connection, book.user_id, name)
    if account is None:
        raise AccountNotFound
    refuse_inactive(account.status)
    if account.currency != book.currency:
        raise CurrencyMismatch
    return account.id


async def _try_out(
    unit: UnitOfWork, book: LoanBook, life: list[Event], changed: list[Event], by: Corrector
) -> None:
    probe = copy(book)
    probe.lines = deepcopy(book.lines)
    days = unit.share(Lives).days(book, by.today, by.calendar)
    rebuild(probe, life, changed, days)


def _refuse_date(life: list[Event], on: date, by: Corrector, field: str) -> None:
    began = min(event.value_date for event in life)
    if not began <= on <= by.today:
        raise _invalid(field, f"a payment lies between {began} and {by.today}")


def _receipt(life: list[Event], transaction_id: UUID) -> Event:
    """The payment that this transaction made, though it may have been undone since."""
    for event in life:
        if event.transaction_id == transaction_id and event.kind in RECEIPTS:
            return event
    raise TransactionNotFound("there is no such payment on this loan")


def _adjustment(wanted: RightPayment, by: Corrector, reason: str) -> AdjustmentDetails:
    wrong = wanted.wrong
    return AdjustmentDetails(
        wanted.book.id,
        wrong.value_date,
        wrong.id,
        wrong.amount,
        by.today,
        by.user_id,
        reason,
        wanted.on,
        new_id(),
        wanted.amount,
        _mode_of(wrong),
    )


def _paid(book: LoanBook, wanted: EnteredPayment, by: Corrector) -> Event:
    return Event(
        new_id(),
        book.id,
        EventKind.PAYMENT,
        wanted.on,
        wanted.amount,
        after_close=wanted.on == by.today and book.is_closed_for(wanted.on),
        particulars=PaymentParticulars(wanted.mode),
    )


async def _submit(unit: UnitOfWork, intake: Intake, order: BankOrder, by: Corrector) -> UUID:
    await intake.accept_own(unit, [order], request_id=by.request_id)
    return order.id


def _invalid(field: str, message: str) -> Invalid:
    return Invalid(message, [{"field": field, "message": message, "code": "invalid"}])
