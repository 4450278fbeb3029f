"""What a customer can pay now, and the order that pays it."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from uuid import UUID

from msgspec.structs import replace

from core.foundation.database import Reader
from core.foundation.errors import (
    CurrencyMismatch,
    GiroError,
    Invalid,
    LoanNotFound,
    NothingDue,
    PayoffNotCovered,
)
from core.foundation.money import to_major, to_minor
from core.ledger.directory import own_account
from core.lending.details import LoanPaymentDetails, PaymentMode
from core.lending.orders import loan_payment
from core.lending.servicing.loan_book import LoanBook, owed_in_all
from core.lending.servicing.paying import PREPAYMENTS
from core.lending.servicing.payoff import Payoff, payoff
from core.lending.servicing.storage import read_book
from core.lending.states import LoanEvent, LoanStatus, require_allowed
from core.transactions.orders import Asked, Idempotency, Order, Party


@dataclass(frozen=True, slots=True)
class PaymentRequest:
    """What the customer asks for; ``amount`` in major units, None for what the mode implies."""

    loan_id: UUID
    user_id: UUID
    amount: Decimal | None
    mode: PaymentMode
    from_account: str | None
    idempotency_key: str | None
    request_id: str | None

    @property
    def words(self) -> tuple[str, ...]:
        """What tells this request from another: what is asked, not what it amounts to today."""
        return (str(self.loan_id), str(self.amount), self.mode.value, str(self.from_account))


async def order(reader: Reader, request: PaymentRequest, on: date) -> Order:
    """The order for intake, with what refuses it, if anything does: LoanNotFound (another's, too),
    LoanStateConflict, NothingDue, PayoffNotCovered, CurrencyMismatch, Invalid for a prepayment
    without amount. Intake refuses it with that unless its key has made a payment before.
    """
    key = request.idempotency_key
    asked = Asked(
        initiated_by=request.user_id,
        request_id=request.request_id,
        idempotency=Idempotency(request.user_id, key) if key else None,
    )
    try:
        book = await read_book(reader, request.loan_id)
        if book.user_id != request.user_id:
            raise LoanNotFound
        await _refuse_other_currency(reader, request, book.currency)
        amount, meant = plan(book, request.amount, request.mode, on)
    except GiroError as refusal:
        asked["refusal"] = refusal
        return loan_payment(None, Decimal(0), None, request.words, **asked)
    payer = Party(request.from_account or str(book.account_id), request.user_id)
    return loan_payment(payer, to_major(amount, book.currency), meant, request.words, **asked)


def plan(
    book: LoanBook, asked: Decimal | None, mode: PaymentMode, on: date
) -> tuple[int, LoanPaymentDetails]:
    """What to submit: the amount in minor units, and what it is meant for."""
    amount = None if asked is None else to_minor(asked, book.currency)
    meant = LoanPaymentDetails(book.id, on, mode)
    if book.status is LoanStatus.WRITTEN_OFF:
        return _recovery(book, amount), meant
    require_allowed(book.status, LoanEvent.PREPAY if mode in PREPAYMENTS else LoanEvent.PAY)
    owed = payoff(book, on)
    if mode is PaymentMode.FORECLOSE:
        return _foreclosure(owed, amount), replace(meant, settles=True)
    if amount is None:
        amount = _implied(book, mode, on)
    if amount >= owed.total > 0:
        return owed.total, replace(meant, settles=True)
    if mode in PREPAYMENTS:
        return _prepayment(book, owed, amount, meant)
    return _due(book, min(amount, owed.without_early_fee), meant)


def _implied(book: LoanBook, mode: PaymentMode, on: date) -> int:
    """What is due, or the next instalment where nothing is."""
    if mode in PREPAYMENTS:
        message = "a prepayment needs an amount"
        raise Invalid(message, [{"field": "amount", "message": message, "code": "missing"}])
    return owed_in_all(book.due(on) or book.upcoming(on)[:1]).total


def _due(book: LoanBook, amount: int, meant: LoanPaymentDetails) -> tuple[int, LoanPaymentDetails]:
    """Any amount goes to what is due, then to later instalments, oldest first."""
    if amount <= 0:
        raise NothingDue
    due = book.due(meant.business_date)
    through, left = due[-1].number if due else 0, amount
    for line in book.unfinished(meant.business_date):
        if left > 0:
            through = max(through, line.number)
        left -= line.unpaid.total
    return amount, replace(meant, through=through)


def _prepayment(
    book: LoanBook, owed: Payoff, amount: int, meant: LoanPaymentDetails
) -> tuple[int, LoanPaymentDetails]:
    """What is due comes first; all that is beyond it repays principal, less than all of it."""
    due = owed_in_all(book.due(meant.business_date))
    ahead = min(amount - due.total, owed.principal - due.principal - 1)
    if ahead <= 0:
        amount = min(amount, owed.without_early_fee)
        return _due(book, amount, replace(meant, mode=PaymentMode.DUE))
    return due.total + ahead, replace(meant, ahead=ahead)


def _foreclosure(owed: Payoff, amount: int | None) -> int:
    if amount is not None and amount < owed.total:
        raise PayoffNotCovered
    return owed.total


def _recovery(book: LoanBook, amount: int | None) -> int:
    open_amount = book.written_off - book.recovered
    if open_amount <= 0:
        raise NothingDue
    return min(amount or open_amount, open_amount)


async def _refuse_other_currency(reader: Reader, request: PaymentRequest, currency: str) -> None:
    """Raise CurrencyMismatch for an account of the customer's in another currency."""
    name = request.from_account
    if name is not None:
        account = await own_account(reader, request.user_id, name)
        if account is not None and account.currency != currency:
            raise CurrencyMismatch
