"""A loan put right: it takes over the book of the life that it should have had.

Pure, on the loan's book. Before anything is changed, the life that the loan has had is lived again
as well: where that does not lead to the book as it stands, something has happened to the loan that
nobody wrote down, and nothing is put right.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from uuid import UUID

from core.foundation.errors import LoanStateConflict
from core.lending.collections.delinquency import Arrears, classify
from core.lending.corrections.life import Days, live
from core.lending.corrections.position import Position, difference, position
from core.lending.origination.products import NpaIncome
from core.lending.servicing.events import Event
from core.lending.servicing.loan_book import Line, LoanBook, owed_in_all
from core.lending.states import PAID_OFF, REPAYING, Classification

# What a life leads to; the rest of a book is what the loan was made with, or the borrower's.
_LIVED = (
    "status", "emi", "outstanding", "repaid", "interest_accrued", "interest_paid", "overpaid",
    "basis", "window", "tenure_months", "dpd", "worst_dpd", "in_default", "classification",
    "suspended_percent", "interest_suspended", "penalty_suspended",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Moved:
    """What has to be booked: where the payment lies, as of its own day, and the rest of the
    difference, which balances by itself, as of today."""

    laid: Position
    rest: Position


def rebuild(
    book: LoanBook,
    before: Iterable[Event],
    after: Iterable[Event],
    days: Days,
    *,
    wrong: UUID | None = None,
    right: UUID | None = None,
) -> Moved:
    """Give ``book`` the life ``after`` instead of that ``before``; answers what has to be booked.

    The one differs from the other by the payments ``wrong`` and ``right``.

    Interest is earned to today first, for both. Raises LoanStateConflict where the loan cannot be
    put right; it is unchanged then, but for that interest.
    """
    if book.status not in REPAYING | PAID_OFF:
        raise LoanStateConflict(f"nothing is put right on a loan that is {book.status}")
    if book.status in REPAYING:
        book.accrue_to(days.today)
    past = live(book, before, days, wrong)
    if figures(past.book) != figures(book):
        raise LoanStateConflict(
            "what is known of the loan's life does not lead to its book: something happened to it"
            " that was not written down, or it was late before lives were"
        )
    life = live(book, after, days, right)
    lived = life.book
    _stay_as_classified(book, lived)
    moved = difference(position(book, past.forgiven), position(lived, life.forgiven))
    _take_over(book, lived, days)
    laid = difference(past.laid, life.laid)
    return Moved(laid, difference(laid, moved))


def figures(book: LoanBook) -> tuple[object, ...]:
    """What two books of one loan are compared by."""
    lines = [(x.number, x.due_date, x.asked, x.paid, x.prepaid) for x in book.current()]
    return (
        book.status, book.outstanding, book.repaid, book.interest_accrued, book.interest_paid,
        book.overpaid, book.dpd, lines,
    )  # fmt: skip


def _stay_as_classified(book: LoanBook, lived: LoanBook) -> None:
    """Non-performance is the borrower's, and decided at a day's end, not here."""
    if lived.status in PAID_OFF:
        return
    npa = Classification.NPA
    if book.classification is npa:
        lived.classification = npa
        lived.suspended_percent = book.suspended_percent
        _suspend(book, lived)
        return
    alone = classify(Arrears(lived.dpd, book.classification, book.terms.bucket_edges()))
    lived.classification = Classification.SMA2 if alone is npa else alone


def _suspend(book: LoanBook, lived: LoanBook) -> None:
    """In suspense stands all that is owed; on the net amount what stood there, if it is owed."""
    interest = max(0, lived.interest_owed())
    penalty = owed_in_all(lived.current()).penalty
    if book.terms.npa_income is NpaIncome.NET:
        interest = min(interest, book.interest_suspended)
        penalty = min(penalty, book.penalty_suspended)
    lived.interest_suspended, lived.penalty_suspended = interest, penalty


def _take_over(book: LoanBook, lived: LoanBook, days: Days) -> None:
    old = book.current()
    book.replace_lines(old, _lines(book, lived, old, days))
    for name in _LIVED:
        setattr(book, name, getattr(lived, name))
    book.reshaped = book.changed = True


def _lines(book: LoanBook, lived: LoanBook, old: Sequence[Line], days: Days) -> list[Line]:
    """The lived schedule as the loan's next version, its attempts where the old one had them."""
    known = {(line.number, line.due_date): line for line in old}
    return [
        _with_attempts(
            replace(line, version=book.version + 1, is_new=True, superseded=False),
            known.get((line.number, line.due_date)),
            days,
        )
        for line in lived.current()
    ]


def _with_attempts(line: Line, before: Line | None, days: Days) -> Line:
    if line.paid_on is not None:
        line.next_attempt_on = None
    elif before is not None and before.paid_on is None:
        line.attempts, line.first_attempt_on = before.attempts, before.first_attempt_on
        line.next_attempt_on = before.next_attempt_on
    else:
        # It was paid until now: it is collected as anything that falls due, on a day to come.
        tomorrow = max(days.closed_through, days.today) + timedelta(days=1)
        line.next_attempt_on = days.calendar.adjust(max(line.due_date, tomorrow))
    return line
