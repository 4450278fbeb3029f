"""What a customer's payment comes to when it settles, and what it does to the loan.

Pure, in two steps: ``resolve`` looks and refuses, ``pay`` changes the loan in memory. A payment
carries what the customer saw when it was submitted (``LoanPaymentDetails``); what has been
collected of that meanwhile is not taken a second time, and never more than the payoff is taken.
"""

from dataclasses import dataclass
from datetime import date

from core.foundation.errors import NothingDue, PayoffNotCovered
from core.lending.amortisation import PrepaymentMode
from core.lending.details import LoanPaymentDetails, PaymentMode
from core.lending.servicing.allocation import Split
from core.lending.servicing.calendar import CollectionCalendar
from core.lending.servicing.endings import Ending, foreclose
from core.lending.servicing.loan_book import LoanBook, owed_in_all
from core.lending.servicing.payoff import Payoff, payoff
from core.lending.servicing.schedules import prepay
from core.lending.states import LoanEvent, LoanStatus, require_allowed

PREPAYMENTS = {
    PaymentMode.PREPAY_REDUCE_TENURE: PrepaymentMode.REDUCE_TENURE,
    PaymentMode.PREPAY_REDUCE_EMI: PrepaymentMode.REDUCE_EMI,
}


@dataclass(frozen=True, slots=True)
class Payment:
    """What is paid on the business date ``on``, in minor units, and what for.

    ``settles``: everything. ``recovers``: on a loan that was written off. ``ahead`` of the amount
    is principal ahead of time, ``through`` the last instalment that anything else is meant for.
    """

    on: date
    amount: int
    through: int = 0
    ahead: int = 0
    mode: PrepaymentMode | None = None
    settles: bool = False
    recovers: bool = False


def resolve(book: LoanBook, meant: LoanPaymentDetails, offered: int) -> Payment:
    """What is taken of ``offered``. Raises LoanStateConflict, NothingDue, PayoffNotCovered."""
    if book.status is LoanStatus.WRITTEN_OFF:
        payment = _recovery(book, meant, offered)
    else:
        prepays = meant.mode in PREPAYMENTS and not meant.settles
        require_allowed(book.status, LoanEvent.PREPAY if prepays else LoanEvent.PAY)
        payment = _on_running_loan(book, meant, offered)
    if payment.amount <= 0:
        raise NothingDue("this was paid meanwhile")
    return payment


def pay(book: LoanBook, payment: Payment, calendar: CollectionCalendar) -> Ending:
    """Change ``book`` by the payment. Nothing is refused here but what ``resolve`` would."""
    on = payment.on
    if payment.recovers:
        book.recovered += payment.amount
        book.reshaped = book.changed = True
        return Ending(Split(), recovered=payment.amount)
    if payment.settles:
        return foreclose(book, on)
    if payment.mode is not None:
        book.accrue_to(on)
        split = book.pay(payment.amount - payment.ahead, book.due(on), on)
        prepay(book, payment.ahead, payment.mode, on, calendar)
        return Ending(split + Split(principal=payment.ahead))
    lines = [line for line in book.unfinished(on) if line.number <= payment.through]
    split = book.pay(payment.amount, [line for line in lines if line.paid_on is None], on)
    book.end_if_repaid(on)
    return Ending(split)


def _recovery(book: LoanBook, meant: LoanPaymentDetails, offered: int) -> Payment:
    require_allowed(book.status, LoanEvent.RECOVER)
    left = book.written_off - book.recovered
    return Payment(meant.business_date, min(offered, left), recovers=True)


def _on_running_loan(book: LoanBook, meant: LoanPaymentDetails, offered: int) -> Payment:
    on, owed = meant.business_date, payoff(book, meant.business_date)
    if meant.settles and offered >= owed.total:
        return Payment(on, owed.total, settles=True)
    if meant.mode is PaymentMode.FORECLOSE:
        raise PayoffNotCovered("the payoff has risen since")
    if meant.mode in PREPAYMENTS and meant.ahead:
        return _prepayment(book, meant, offered, owed)
    through = book.current()[-1].number if meant.settles else meant.through
    lines = [line for line in book.current() if line.number <= through]
    amount = min(offered, owed_in_all(lines).total)
    if amount >= owed.total:
        return Payment(on, owed.total, settles=True)
    return Payment(on, min(amount, owed.without_early_fee), through=through)


def _prepayment(book: LoanBook, meant: LoanPaymentDetails, offered: int, owed: Payoff) -> Payment:
    on, ahead = meant.business_date, meant.ahead
    due = owed_in_all(book.due(on))
    if offered - ahead < due.total or ahead >= owed.principal - due.principal:
        raise NothingDue("the loan has changed since; nothing is left to pay ahead this way")
    mode = PREPAYMENTS[meant.mode]
    return Payment(on, due.total + ahead, ahead=ahead, mode=mode)
