"""What it costs to be rid of a loan on a day."""

from copy import copy
from dataclasses import dataclass
from datetime import date

from core.lending.servicing.allocation import Split
from core.lending.servicing.loan_book import LoanBook, owed_in_all


@dataclass(frozen=True, slots=True)
class Payoff:
    """Foreclosure on a day, in minor units: principal outstanding, interest earned to the day and
    not paid, penalties, and fees including the product's for ending early.

    ``advance_interest`` is interest that was paid ahead of time and will not be earned any more;
    it counts against ``principal``, which is already less by it.
    """

    on: date
    principal: int
    interest: int
    penalty: int
    fees: int
    foreclosure_fee: int = 0
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
    unpaid = owed_in_all(book.current())
    upcoming = book.upcoming(on)
    ahead = upcoming[0].paid.interest if upcoming else 0
    advance = min(max(0, -owed), ahead)
    not_due = sum(line.unpaid.principal for line in upcoming)
    fee = book.terms.foreclosure_fee_minor(not_due)
    return Payoff(
        on=on,
        principal=book.outstanding - advance,
        interest=max(0, owed),
        penalty=unpaid.penalty,
        fees=unpaid.fee + fee,
        foreclosure_fee=fee,
        advance_interest=advance,
    )
