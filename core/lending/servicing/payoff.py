"""What it costs to be rid of a loan on a day."""

from copy import copy
from dataclasses import dataclass
from datetime import date

from core.lending.amortisation import NO_FEE, Fee
from core.lending.origination.fees import foreclosure_fees, sum_of
from core.lending.servicing.allocation import Split
from core.lending.servicing.line_fees import claimed
from core.lending.servicing.loan_book import LoanBook, owed_in_all


@dataclass(frozen=True, slots=True)
class Payoff:
    """Foreclosure on a day, in minor units: principal outstanding, interest earned to the day and
    not paid, penalties, and fees, of which ``early_fee`` are those for ending early.

    ``advance_interest`` is interest that was paid ahead of time and will not be earned any more;
    it counts against ``principal``, which is already less by it.
    """

    on: date
    principal: int
    interest: int
    penalty: int
    fees: int
    early_fee: Fee = NO_FEE
    advance_interest: int = 0

    @property
    def total(self) -> int:
        """What the borrower pays."""
        return self.principal + self.interest + self.penalty + self.fees

    @property
    def split(self) -> Split:
        """The same by component."""
        return Split(self.penalty, self.fees, self.interest, self.principal)


def payoff(book: LoanBook, on: date) -> Payoff:
    """The payoff on ``on``; needs the whole schedule loaded and changes nothing."""
    probe = copy(book)
    probe.accrue_to(on)
    owed = probe.interest_owed()
    due = owed_in_all(book.due(on))
    upcoming = book.upcoming(on)
    ahead = upcoming[0].paid.interest if upcoming else 0
    advance = min(max(0, -owed), ahead)
    not_due = sum(line.unpaid.principal for line in upcoming)
    early = sum_of(foreclosure_fees(book.terms, not_due, book.currency))
    return Payoff(
        on=on,
        principal=book.outstanding - advance,
        interest=max(0, owed),
        penalty=owed_in_all(book.current()).penalty,
        fees=due.fee + sum(map(claimed, upcoming)) + early.total_minor,
        early_fee=early,
        advance_interest=advance,
    )
