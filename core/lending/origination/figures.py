"""What follows from a loan's amount, rate and tenure: the fee and the instalment."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from core.foundation.errors import LoanNotEligible
from core.foundation.money import to_major
from core.lending.amortisation import TermsError
from core.lending.origination.basis import Basis
from core.lending.origination.fees import withheld
from core.lending.origination.products import ProductTerms, no_schedule, rounded_minor


@dataclass(frozen=True, slots=True)
class Figures:
    """A loan in numbers: ``fee_minor`` is all that is taken from the disbursement, with tax;
    ``monthly_emi_minor`` is what the instalments take of a month's income."""

    amount_minor: int
    rate: Decimal
    months: int
    fee_minor: int
    emi_minor: int
    monthly_emi_minor: int


def work_out(
    terms: ProductTerms,
    currency: str,
    *,
    amount_minor: int,
    rate: Decimal,
    months: int,
    today: date,
) -> Figures:
    """Fee and EMI. Raises LoanNotEligible outside the limits, InvalidLoanTerms without schedule."""
    _refuse_outside(terms, currency, amount_minor, rate, months)
    fee = withheld(terms, amount_minor, currency).total_minor
    try:
        count = terms.instalments(months)
        schedule = Basis(today, amount_minor, rate, count).project(terms, currency, fee)
    except TermsError as error:
        raise no_schedule(error) from error
    monthly = monthly_emi_minor(schedule.emi_minor, count, months)
    return Figures(amount_minor, rate, months, fee, schedule.emi_minor, monthly)


def monthly_emi_minor(emi_minor: int, instalments: int, months: int) -> int:
    """What instalments of any frequency take of a month, rounded up."""
    return -(-emi_minor * instalments // months)


def _refuse_outside(
    terms: ProductTerms, currency: str, amount_minor: int, rate: Decimal, months: int
) -> None:
    least = rounded_minor(terms.min_amount, currency)
    most = rounded_minor(terms.max_amount, currency)
    if not least <= amount_minor <= most:
        low, high = to_major(least, currency), to_major(most, currency)
        raise LoanNotEligible(f"this product lends {low:f} to {high:f} {currency}")
    terms.refuse_tenure(months)
    terms.refuse_rate(rate)
