"""What it costs to be rid of a loan on a day."""

from copy import copy
from dataclasses import dataclass
from datetime import date, timedelta

from core.lending.amortisation import NO_FEE, Fee
from core.lending.origination.fees import foreclosure_fees, sum_of
from core.lending.servicing.allocation import Split
from core.lending.servicing.late_interest import earn_late
from core.lending.servicing.line_fees import claimed
from core.lending.servicing.loan_book import LoanBook, owed_in_all


@dataclass(frozen=True, slots=True)
class Payoff:
    """Foreclosure on a day, in minor units: principal outstanding, interest earned to the day and
    not paid, penalties, and fees, of which ``early_fee`` are those for ending early. Interest that
    was paid for time that has not passed has made ``principal`` less already.
    """

    on: date
    principal: int
    interest: int
    penalty: int
    fees: int
    early_fee: Fee = NO_FEE

    @property
    def total(self) -> int:
        """What the borrower pays."""
        return self.principal + self.interest + self.penalty + self.fees

    @property
    def without_early_fee(self) -> int:
        """The debt alone, which is the most that a payment takes without ending the loan."""
        return self.total - self.early_fee.total_minor

    @property
    def split(self) -> Split:
        """The same by component."""
        return Split(self.penalty, self.fees, self.interest, self.principal)


def earn_through(book: LoanBook, day: date) -> None:
    """Earn all interest through ``day``: the schedule's, and that of principal found overdue."""
    book.accrue_to(day)
    overdue = [line for line in book.due(day) if line.late_to is not None]
    book.book_earned(earn_late(book, overdue, day), day)


def payoff(book: LoanBook, on: date) -> Payoff:
    """The payoff on ``on``; needs the whole schedule loaded and changes nothing."""
    probe = copy(book)
    probe.lines = {key: copy(line) for key, line in book.lines.items()}
    earn_through(probe, on)
    probe.credit_ahead(on)
    due = owed_in_all(probe.due(on))
    not_due = max(0, probe.outstanding - due.principal)
    early = NO_FEE if _may_withdraw(book, on) else _early_fee(book, not_due)
    return Payoff(
        on=on,
        principal=probe.outstanding,
        interest=max(0, probe.interest_owed()),
        penalty=owed_in_all(book.current()).penalty,
        fees=due.fee + sum(map(claimed, book.upcoming(on))) + early.total_minor,
        early_fee=early,
    )


def _early_fee(book: LoanBook, not_due: int) -> Fee:
    return sum_of(foreclosure_fees(book.terms, not_due, book.currency))


def _may_withdraw(book: LoanBook, on: date) -> bool:
    """Whether the loan may still be given back for no more than what it has earned.

    Directive 2008/48/EC, article 14; the RBI's cooling-off period (circular of 15 April 2024).
    """
    since = book.disbursed_on
    days = book.terms.withdrawal_days
    return days > 0 and since is not None and on <= since + timedelta(days=days)
