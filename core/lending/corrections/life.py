"""A loan's life lived again: its book as it follows from what happened to it, day by day.

Pure. The rules are those by which the loan has lived (``servicing``, ``collections.lateness``);
here stands only their order. Events come by their value date, before the close of their day unless
they came after it; every day that the bank has closed is closed once more where something is late.

Money has moved as it has, so what was paid stays paid, whatever it was meant for: in a life that
has changed it settles what is due on its day, then what comes later, oldest first; where it covers
the payoff it ends the loan; and what finds no debt at all is overpaid, the bank's liability.
"""

from collections.abc import Iterable
from copy import copy
from dataclasses import dataclass, field
from datetime import date, timedelta
from uuid import UUID

from core.foundation.errors import LoanStateConflict, PayoffNotCovered
from core.lending.amortisation import PrepaymentMode
from core.lending.collections.delinquency import is_in_default
from core.lending.collections.lateness import close_day
from core.lending.corrections.position import Position, difference, position
from core.lending.details import PaymentMode
from core.lending.origination.basis import Basis
from core.lending.origination.charges import When
from core.lending.servicing.allocation import Component, Split
from core.lending.servicing.calendar import CollectionCalendar
from core.lending.servicing.charges import charge, waivable, waive, without_charges
from core.lending.servicing.endings import restructure
from core.lending.servicing.events import (
    RECEIPTS,
    AgreedParticulars,
    ChargeParticulars,
    Event,
    EventKind,
    PaymentParticulars,
    WaiverParticulars,
)
from core.lending.servicing.loan_book import LoanBook, owed_in_all
from core.lending.servicing.paying import PREPAYMENTS, Payment, pay
from core.lending.servicing.payoff import payoff
from core.lending.servicing.schedules import start_schedule
from core.lending.states import REPAYING, Classification, LoanEvent, LoanStatus

_ONE_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Days:
    """Through which date the loan's days are closed, to which its interest is earned, and by which
    calendar the bank collects."""

    closed_through: date
    today: date
    calendar: CollectionCalendar


@dataclass(slots=True)
class Life:
    """A life that was lived: the book that it leads to, and what of the bank's income was let go on
    the way, without the tax on it and what stood in suspense.

    ``laid`` is what the payment in question changed on its own day.
    """

    book: LoanBook
    forgiven: Split = field(default_factory=Split)
    laid: Position = field(default_factory=dict)


def standing(events: Iterable[Event]) -> list[Event]:
    """The events that count, in order: without what was undone, and the undoings themselves, and
    what was charged on the application, which is among the terms that the loan was made with."""
    known = [event for event in events if not _of_application(event)]
    undone = {event.undoes for event in known}
    counting = (e for e in known if e.id not in undone and e.kind is not EventKind.UNDOING)
    return sorted(counting, key=lambda event: event.place)


def live(loan: LoanBook, events: Iterable[Event], days: Days, asked: UUID | None = None) -> Life:
    """The life of ``loan`` as it follows from ``events``; nothing of its present state is used but
    what it was made with. ``asked`` is the payment in question.

    Raises LoanStateConflict for a life that cannot be lived: one that was given up, a refund of
    what was never overpaid, new terms for a loan that owed nothing.
    """
    first, *later = standing(events)
    life = Life(_as_it_was_made(loan, first, later))
    book = life.book
    _pay_out(book, first, days.calendar)
    at = first.value_date
    for event in later:
        before = event.value_date if event.after_close else event.value_date - _ONE_DAY
        at = _close(book, at, before, days)
        stood = _position_on(book, event.value_date) if event.id == asked else None
        _happen(life, event, days.calendar)
        if stood is not None:
            life.laid = difference(stood, _position_on(book, event.value_date))
    _close(book, at, days.closed_through, days)
    if book.status in REPAYING:
        book.accrue_to(days.today)
    return life


def refuse_short(loan: LoanBook, events: Iterable[Event], paid: Event, days: Days) -> None:
    """Raise PayoffNotCovered where a payment is to end the loan and did not cover it on its day."""
    wanted, on = paid.particulars, paid.value_date
    if not isinstance(wanted, PaymentParticulars) or wanted.mode is not PaymentMode.FORECLOSE:
        return
    closed = min(days.closed_through, on if paid.after_close else on - _ONE_DAY)
    earlier = [event for event in events if event.place < paid.place]
    book = live(loan, earlier, Days(closed, on, days.calendar)).book
    if book.status in REPAYING and paid.amount < payoff(book, on).total:
        raise PayoffNotCovered


def _position_on(book: LoanBook, on: date) -> Position:
    """What the loan is in the books with its interest earned to ``on``; changes nothing."""
    probe = copy(book)
    probe.lines = {key: copy(line) for key, line in book.lines.items()}
    if probe.status in REPAYING:
        probe.accrue_to(on)
    return position(probe, Split())


def receive(book: LoanBook, event: Event, calendar: CollectionCalendar) -> None:
    """Lay what came in on the event's date over what the loan owes then."""
    on, left = event.value_date, event.amount
    if book.status in REPAYING:
        owed = payoff(book, on).total
        if left >= owed:
            left -= owed
            pay(book, Payment(on, owed, settles=True), calendar)
        else:
            left -= _prepay(book, left, event, calendar)
            left -= _settle(book, left, on, calendar)
    book.overpaid += left


def _settle(book: LoanBook, amount: int, on: date, calendar: CollectionCalendar) -> int:
    """Settle what is due, then what comes later; answers what that took."""
    lines = book.current()
    taken = min(amount, owed_in_all(lines).total)
    if taken:
        pay(book, Payment(on, taken, through=lines[-1].number), calendar)
    return taken


def _prepay(book: LoanBook, amount: int, event: Event, calendar: CollectionCalendar) -> int:
    """What is due, and the rest ahead of time, where the payer wanted that; what that took."""
    on, mode = event.value_date, _ahead_by(event)
    due = owed_in_all(book.due(on))
    ahead = min(amount - due.total, payoff(book, on).principal - due.principal - 1)
    if mode is None or ahead <= 0:
        return 0
    payment = Payment(on, due.total + ahead, ahead=ahead, mode=mode)
    pay(book, payment, calendar)
    return payment.amount


def _ahead_by(event: Event) -> PrepaymentMode | None:
    """How the payer wanted to be ahead of time; to be rid of the loan is to shorten it."""
    wanted = event.particulars
    if not isinstance(wanted, PaymentParticulars):
        return None
    if wanted.settles or wanted.mode is PaymentMode.FORECLOSE:
        return PrepaymentMode.REDUCE_TENURE
    return PREPAYMENTS.get(wanted.mode)


def _happen(life: Life, event: Event, calendar: CollectionCalendar) -> None:
    book = life.book
    if event.kind in RECEIPTS:
        receive(book, event, calendar)
    elif event.kind is EventKind.RESTRUCTURING:
        _restructure(book, event, calendar)
    elif event.kind is EventKind.CHARGE:
        _charge(book, event)
    elif event.kind is EventKind.WAIVER:
        _waive(life, event)
    elif event.kind is EventKind.REFUND:
        _refund(book, event)
    else:
        raise LoanStateConflict(f"nothing is put right beside a {event.kind.replace('_', ' ')}")


def _charge(book: LoanBook, event: Event) -> None:
    """A fee by hand; none of a loan that would have been repaid by then."""
    asked = event.particulars
    if isinstance(asked, ChargeParticulars) and book.status in REPAYING:
        charge(book, asked, event.value_date)


def _waive(life: Life, event: Event) -> None:
    """What was let go, or as much as would have been owed."""
    book, on, asked = life.book, event.value_date, event.particulars
    if not isinstance(asked, WaiverParticulars) or book.status not in REPAYING:
        return
    if asked.component is Component.INTEREST:
        book.accrue_to(on)
    amount = min(event.amount, waivable(book, asked.component, on))
    if amount:
        waived = waive(book, asked.component, amount, on)
        # A life knows no suspense: that is the borrower's. What stood there was no income.
        income = max(0, waived.booked - waived.tax - asked.suspended_minor)
        life.forgiven += Split(**{asked.component.value: income})


def _refund(book: LoanBook, event: Event) -> None:
    if event.amount > book.overpaid:
        raise LoanStateConflict("what was overpaid has been refunded since")
    book.overpaid -= event.amount


def _restructure(book: LoanBook, event: Event, calendar: CollectionCalendar) -> None:
    agreed = event.particulars
    if not isinstance(agreed, AgreedParticulars):
        raise LoanStateConflict("nobody knows the terms that were agreed")
    if book.status not in REPAYING:
        raise LoanStateConflict("the loan was restructured since, and would have owed nothing")
    restructure(book, agreed.tenure_months, agreed.interest_rate, event.value_date, calendar)


def _close(book: LoanBook, at: date, through: date, days: Days) -> date:
    """Close the days from ``at`` ``through`` another; answers the first that is not closed."""
    through = min(through, days.closed_through)
    if book.status in REPAYING:
        book.book_fees([line for line in book.current() if line.due_date <= through], through)
    day = at
    while day <= through and book.status in REPAYING:
        oldest = min((x.due_date for x in book.current() if x.paid_on is None), default=None)
        if oldest is None or oldest > through:
            break
        day = max(day, oldest)
        book.dpd = close_day(book, day, days.calendar).dpd
        book.worst_dpd = max(book.worst_dpd or 0, book.dpd)
        threshold = book.terms.default_after_dpd
        book.in_default = is_in_default(book.dpd, threshold, already=book.in_default)
        day += _ONE_DAY
    return max(at, through + _ONE_DAY)


def _of_application(event: Event) -> bool:
    asked = event.particulars
    return isinstance(asked, ChargeParticulars) and asked.when is When.DISBURSAL


def _pay_out(book: LoanBook, event: Event, calendar: CollectionCalendar) -> None:
    book.move(LoanEvent.ACTIVATE)
    book.outstanding = book.amount
    count = book.terms.instalments(book.tenure_months)
    basis = Basis(event.value_date, book.amount, book.rate, count)
    start_schedule(book, basis, calendar)


def _as_it_was_made(loan: LoanBook, disbursal: Event, later: Iterable[Event]) -> LoanBook:
    """The loan before it was paid out. Raises LoanStateConflict where nobody knows its terms."""
    agreed = disbursal.particulars
    if disbursal.kind is not EventKind.DISBURSEMENT:
        raise LoanStateConflict("nobody knows how the loan began")
    rate, tenure = loan.rate, loan.tenure_months
    if isinstance(agreed, AgreedParticulars):
        rate, tenure = agreed.interest_rate, agreed.tenure_months
    asked = [each.particulars for each in later]
    added = [x.code for x in asked if isinstance(x, ChargeParticulars) and x.when is not None]
    terms = without_charges(loan.terms, added)
    return LoanBook(
        id=loan.id, user_id=loan.user_id, account_id=loan.account_id, status=LoanStatus.APPROVED,
        currency=loan.currency, amount=loan.amount, rate=rate, terms=terms, fee=loan.fee,
        emi=0, disbursement_transaction_id=loan.disbursement_transaction_id, outstanding=0,
        repaid=0, principal_written_off=0, interest_accrued=0, interest_paid=0, written_off=0,
        recovered=0, version=0, basis=None, window=None, tenure_months=tenure, dpd=0,
        worst_dpd=0, classification=Classification.STANDARD, in_default=False,
    )  # fmt: skip
