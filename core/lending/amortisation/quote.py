"""What a loan costs, before anybody has applied for it."""

from dataclasses import dataclass
from decimal import Decimal

from core.lending.amortisation.apr import annual_percentage_rate
from core.lending.amortisation.effective import Interval, effective_annual_rate
from core.lending.amortisation.schedule import Schedule, generate
from core.lending.amortisation.terms import Terms


@dataclass(frozen=True, slots=True)
class Quote:
    """Amounts in minor units; `apr` and `ear` in percent a year, the fee counted in, None
    where they are too high to be told.

    `finance_charge_minor` is all that the loan costs beside its repayment (Regulation Z, 1026.4).
    """

    emi_minor: int
    total_interest_minor: int
    total_payable_minor: int
    finance_charge_minor: int
    apr: Decimal | None
    ear: Decimal | None
    schedule: Schedule


def quote(terms: Terms) -> Quote:
    """Return the quote for these terms. Raises `TermsError`."""
    schedule = generate(terms)
    return Quote(
        emi_minor=schedule.emi_minor,
        total_interest_minor=schedule.total_interest_minor,
        total_payable_minor=schedule.total_payable_minor,
        finance_charge_minor=finance_charge_minor(terms, schedule),
        apr=apr(terms, schedule),
        ear=ear(terms, schedule),
        schedule=schedule,
    )


def apr(terms: Terms, schedule: Schedule) -> Decimal | None:
    """Return the schedule's APR in percent, if it can be told: Regulation Z, Appendix J."""
    return annual_percentage_rate(
        terms.principal_minor - terms.fee_minor,
        [row.total_minor for row in schedule.instalments],
        advanced_on=terms.start_date,
        first_payment_on=schedule.instalments[0].due_date,
        frequency=terms.frequency,
    )


def ear(terms: Terms, schedule: Schedule) -> Decimal | None:
    """Return the effective annual rate in percent, if it can be told: Directive 2008/48/EC."""
    return effective_annual_rate(
        terms.principal_minor - terms.fee_minor,
        [(row.due_date, row.total_minor) for row in schedule.instalments],
        advanced_on=terms.start_date,
        interval=Interval.of(terms.frequency),
    )


def finance_charge_minor(terms: Terms, schedule: Schedule) -> int:
    """Return what the loan costs in all: what is paid, less what was received."""
    return schedule.total_payable_minor - (terms.principal_minor - terms.fee_minor)
