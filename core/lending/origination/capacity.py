"""What a borrower's month can carry: which income counts, and the share that obligations take.

``FOIR = (existing EMIs and obligations + proposed EMI) / net monthly income``, of the household
where one was declared: the Reserve Bank of India's Directions on microfinance loans (2022) limit
the repayments of all of a household's loans to half of its income. Income that was declared and
that nothing confirms counts in part only.
"""

from dataclasses import dataclass
from decimal import ROUND_FLOOR, ROUND_HALF_UP, Decimal, localcontext

from core.lending.origination.policy import Policy


@dataclass(frozen=True, slots=True)
class Capacity:
    """Monthly income and what already goes out of it, in minor units.

    ``declared_minor`` is None where no income was told, ``seen_minor`` what the accounts show
    regularly, ``documented_minor`` what an officer saw proven, which then stands for all.
    ``emis_minor`` are those of running and approved loans, and of applications made earlier. The
    household's are those of its other members.
    ``uncounted_currencies`` are those in which there are such EMIs too: no ratio can add them up.
    """

    declared_minor: int | None
    declared_obligations_minor: int = 0
    emis_minor: int = 0
    seen_minor: int = 0
    documented_minor: int | None = None
    household_income_minor: int = 0
    household_obligations_minor: int = 0
    uncounted_currencies: tuple[str, ...] = ()

    @property
    def income_minor(self) -> int | None:
        """The applicant's own income if all that was declared is true; None if nobody knows it."""
        if self.documented_minor is not None:
            return self.documented_minor
        return self.declared_minor if self.declared_minor is not None else self.seen_minor or None

    @property
    def confirmed_minor(self) -> int:
        """How much of it the accounts or documents confirm."""
        if self.documented_minor is not None:
            return self.documented_minor
        return min(self.seen_minor, self.income_minor or 0)

    @property
    def obligations_minor(self) -> int:
        """All that goes out by obligation, the household's too."""
        own = self.declared_obligations_minor + self.emis_minor
        return own + self.household_obligations_minor

    def counted_minor(self, unverified_percent: int) -> int | None:
        """The income that counts, the household's too: all that is confirmed, a part of the rest.

        None where the applicant's own is not known, 0 where there is none.
        """
        if not self.income_minor:
            return self.income_minor
        confirmed = self.confirmed_minor
        rest = self.income_minor - confirmed + self.household_income_minor
        return confirmed - (-rest * unverified_percent // 100)  # not to nothing, by rounding


@dataclass(frozen=True, slots=True)
class Proposal:
    """The loan asked for: its instalment by the month and the terms of its present value."""

    amount_minor: int
    monthly_emi_minor: int
    annual_rate_percent: Decimal
    months: int
    product_max_minor: int | None = None


def foir(capacity: Capacity, proposed_minor: int, unverified_percent: int) -> Decimal | None:
    """The share of the income that counts that all obligations would take, to four decimals.

    None where no income is known, or none counts.
    """
    income = capacity.counted_minor(unverified_percent)
    if not income:
        return None
    out = Decimal(capacity.obligations_minor + proposed_minor)
    return (out / income).quantize(Decimal("0.0001"), ROUND_HALF_UP)


def max_eligible_minor(capacity: Capacity, proposal: Proposal, policy: Policy) -> int:
    """The largest loan on the proposal's terms whose EMI keeps FOIR at the ceiling, rounded down.

    0 when the income is unknown or spoken for.
    """
    income = capacity.counted_minor(policy.unverified_percent) or 0
    affordable = Decimal(income) * policy.foir_ceiling_percent / 100 - capacity.obligations_minor
    if affordable <= 0:
        return 0
    largest = present_value(affordable, proposal.annual_rate_percent, proposal.months)
    whole = int(largest.to_integral_value(ROUND_FLOOR))
    return whole if proposal.product_max_minor is None else min(whole, proposal.product_max_minor)


def present_value(payment: Decimal, annual_rate_percent: Decimal, months: int) -> Decimal:
    """The present value of ``payment`` at each month's end: ``p (1 - (1+r)^-n) / r``."""
    with localcontext() as context:
        context.prec = 50
        monthly = annual_rate_percent / 1200
        if monthly == 0:
            return payment * months
        return payment * (1 - (1 + monthly) ** -months) / monthly
