"""Interest earned to a day, and what it costs to repay a loan on it."""

from dataclasses import dataclass
from datetime import date
from fractions import Fraction

from core.lending.amortisation.day_count import periods, unpaused, year_fraction
from core.lending.amortisation.due_dates import months_between
from core.lending.amortisation.rounding import round_minor
from core.lending.amortisation.terms import DayCount, Method, Terms


@dataclass(frozen=True, slots=True)
class Payoff:
    """What foreclosure costs on a day: principal outstanding and the interest earned to it."""

    on: date
    principal_minor: int
    interest_minor: int

    @property
    def total_minor(self) -> int:
        """Principal and interest; penalties and fees come on top."""
        return self.principal_minor + self.interest_minor


def accrued_interest(terms: Terms, balance_minor: int, *, since: date, until: date) -> int:
    """Return the interest in minor units that `balance_minor` earns from `since` to `until`.

    The balance is whatever the interest is on: what is outstanding, or a flat loan's principal.

    Under the loan's own day count and periods: from one due date to the next it is exactly the
    schedule's interest, and within a period the schedule's interest for the days that have passed.
    Interest pauses count; days beyond the last due date earn interest on. Rounded once.
    """
    rate = Fraction(terms.annual_rate) / 100
    spans = periods(terms)
    years = sum(
        (
            period.years(terms.day_count, since=since, until=until, pauses=terms.interest_pauses)
            for period in spans
            if period.start < until and period.due > since
        ),
        Fraction(0),
    )
    maturity = max(spans[-1].due, since)
    for begin, end in unpaused(maturity, until, terms.interest_pauses):
        years += _years_beyond(begin, end, terms)
    return round_minor(balance_minor * rate * years, terms.rounding)


def payoff(
    terms: Terms,
    balance_minor: int,
    *,
    last_due: date,
    on: date,
    unpaid_interest_minor: int = 0,
    earning_minor: int | None = None,
) -> Payoff:
    """Return what repaying `balance_minor` costs `on` a day.

    `last_due` is the last due date (or the start) up to which interest has been charged;
    `unpaid_interest_minor` is what has been earned before it but not paid: overdue, or deferred by
    a moratorium. `earning_minor` is what the interest is on; by default the balance, or the whole
    loan if it is flat.
    """
    if earning_minor is None:
        earning_minor = terms.principal_minor if terms.method is Method.FLAT else balance_minor
    earned = accrued_interest(terms, earning_minor, since=last_due, until=max(on, last_due))
    return Payoff(on, balance_minor, unpaid_interest_minor + earned)


def _years_beyond(begin: date, end: date, terms: Terms) -> Fraction:
    if terms.day_count is DayCount.THIRTY_360 and terms.frequency.months is not None:
        return months_between(begin, end) / 12
    return year_fraction(begin, end, terms.day_count)
