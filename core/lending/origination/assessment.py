"""Whether a borrower can carry a loan, and how the bank's own books speak of them.

Capacity: fixed obligations to income ratio,
``FOIR = (existing EMIs and obligations + proposed EMI) / net monthly income``, and the largest loan
whose EMI still fits: the present value of ``ceiling x income - existing``. Character: a behaviour
score of 300 to 900 with a reason in words for every step away from neutral.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import ROUND_FLOOR, ROUND_HALF_UP, Decimal, localcontext
from enum import StrEnum

LOWEST_SCORE, HIGHEST_SCORE = 300, 900
NEUTRAL_SCORE = 650


class Recommendation(StrEnum):
    """What the rules advise the officer."""

    APPROVE = "approve"
    REFER = "refer"
    DECLINE = "decline"


@dataclass(frozen=True, slots=True)
class Behaviour:
    """The borrower in the bank's own books over the last 180 days, in minor units.

    Transfers among the customer's own accounts are left out, or the score could be farmed.
    ``worst_dpd`` is None for somebody who never had a loan here.
    """

    relationship_days: int = 0
    average_balance_minor: int = 0
    monthly_inflow_minor: int = 0
    overdraft_days: int = 0
    bounced_debits: int = 0
    worst_dpd: int | None = None


@dataclass(frozen=True, slots=True)
class Capacity:
    """Monthly income and what already goes out of it, in minor units.

    ``income_minor`` is None when nobody knows it. ``existing_minor`` counts the declared
    obligations, the EMIs of running and approved loans, and those of applications made earlier.
    ``uncounted_currencies`` are those in which there are such EMIs too: no ratio can add them up.
    """

    income_minor: int | None
    existing_minor: int
    uncounted_currencies: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Proposal:
    """The loan asked for: its instalment by the month and the terms of its present value."""

    amount_minor: int
    monthly_emi_minor: int
    annual_rate_percent: Decimal
    months: int
    product_max_minor: int | None = None


@dataclass(frozen=True, slots=True)
class Policy:
    """The bank's lines: FOIR in percent, the score below which it declines or refers."""

    foir_ceiling_percent: Decimal = Decimal(50)
    decline_below: int = 500
    refer_below: int = 600


@dataclass(frozen=True, slots=True)
class Assessment:
    """The outcome. ``foir`` is a ratio (0.42), None when the income is unknown."""

    score: int
    foir: Decimal | None
    max_eligible_minor: int
    recommendation: Recommendation
    reasons: tuple[str, ...]


def assess(
    capacity: Capacity, behaviour: Behaviour, proposal: Proposal, policy: Policy | None = None
) -> Assessment:
    """Judge ``proposal`` by capacity and behaviour."""
    policy = policy or Policy()
    ratio = foir(capacity, proposal.monthly_emi_minor)
    largest = max_eligible_minor(capacity, proposal, policy)
    steps = [
        *_capacity_steps(capacity, ratio, policy),
        *_behaviour_steps(behaviour, proposal, capacity),
    ]
    score = NEUTRAL_SCORE + sum(points for points, _ in steps)
    score = max(LOWEST_SCORE, min(HIGHEST_SCORE, score))
    return Assessment(
        score=score,
        foir=ratio,
        max_eligible_minor=largest,
        recommendation=_recommend(score, ratio, largest, proposal, capacity, policy=policy),
        reasons=tuple(reason for _, reason in steps),
    )


def foir(capacity: Capacity, proposed_minor: int) -> Decimal | None:
    """The share of income that all obligations would take, to four decimals; None if unknown."""
    if not capacity.income_minor:
        return None
    out = Decimal(capacity.existing_minor + proposed_minor)
    return (out / capacity.income_minor).quantize(Decimal("0.0001"), ROUND_HALF_UP)


def max_eligible_minor(capacity: Capacity, proposal: Proposal, policy: Policy) -> int:
    """The largest loan on the proposal's terms whose EMI keeps FOIR at the ceiling, rounded down.

    0 when the income is unknown or spoken for.
    """
    ceiling = Decimal(capacity.income_minor or 0) * policy.foir_ceiling_percent / 100
    affordable = ceiling - capacity.existing_minor
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


def _recommend(
    score: int,
    ratio: Decimal | None,
    largest_minor: int,
    proposal: Proposal,
    capacity: Capacity,
    *,
    policy: Policy,
) -> Recommendation:
    if score < policy.decline_below:
        return Recommendation.DECLINE
    if ratio is None:
        no_income = capacity.income_minor == 0
        return Recommendation.DECLINE if no_income else Recommendation.REFER
    if ratio * 100 > policy.foir_ceiling_percent:
        return Recommendation.DECLINE
    if capacity.uncounted_currencies:
        return Recommendation.REFER
    if score < policy.refer_below or proposal.amount_minor > largest_minor:
        return Recommendation.REFER
    return Recommendation.APPROVE


def _capacity_steps(
    capacity: Capacity, ratio: Decimal | None, policy: Policy
) -> Iterator[tuple[int, str]]:
    for currency in capacity.uncounted_currencies:
        yield 0, f"Instalments in {currency} are not counted here: a person has to weigh them"
    if ratio is None:
        known = capacity.income_minor is not None
        yield -20, "There is no monthly income" if known else "The monthly income is not known"
        return
    percent = (ratio * 100).quantize(Decimal("0.1"))
    if percent > policy.foir_ceiling_percent:
        yield (
            -80,
            f"All obligations would take {percent} % of the income, above the ceiling of "
            f"{policy.foir_ceiling_percent} %",
        )
    elif percent <= 30:
        yield 40, f"All obligations would take only {percent} % of the income"
    else:
        yield 0, f"All obligations would take {percent} % of the income, within the ceiling"


def _behaviour_steps(
    behaviour: Behaviour, proposal: Proposal, capacity: Capacity
) -> Iterator[tuple[int, str]]:
    yield from _relationship(behaviour.relationship_days)
    yield from _balance(behaviour.average_balance_minor, proposal.monthly_emi_minor)
    yield from _inflow(behaviour.monthly_inflow_minor, capacity.income_minor)
    if behaviour.overdraft_days > 60:
        yield -80, f"The overdraft was used on {behaviour.overdraft_days} of the last 180 days"
    elif behaviour.overdraft_days > 10:
        yield -40, f"The overdraft was used on {behaviour.overdraft_days} of the last 180 days"
    if behaviour.bounced_debits:
        lost = min(100, 25 * behaviour.bounced_debits)
        yield -lost, f"{behaviour.bounced_debits} debits failed for lack of funds lately"
    yield from _repayment_history(behaviour.worst_dpd)


def _relationship(days: int) -> Iterator[tuple[int, str]]:
    if days >= 365:
        yield 40, "A customer for more than a year"
    elif days >= 90:
        yield 20, "A customer for more than three months"
    elif days < 30:
        yield -20, "A customer for less than a month"


def _balance(average_minor: int, emi_minor: int) -> Iterator[tuple[int, str]]:
    if average_minor >= 6 * emi_minor:
        yield 80, "The average balance covers six instalments or more"
    elif average_minor >= 3 * emi_minor:
        yield 40, "The average balance covers three instalments or more"
    elif average_minor < emi_minor:
        yield -30, "The average balance does not cover one instalment"


def _inflow(monthly_minor: int, income_minor: int | None) -> Iterator[tuple[int, str]]:
    if not monthly_minor:
        return
    if income_minor and monthly_minor * 10 >= income_minor * 8:
        yield 60, "Regular inflows confirm the declared income"
    else:
        yield 20, "Regular inflows were seen on the accounts"


def _repayment_history(worst_dpd: int | None) -> Iterator[tuple[int, str]]:
    if worst_dpd is None:
        return
    if worst_dpd <= 0:
        yield 80, "Earlier loans were always paid on time"
    elif worst_dpd <= 30:
        yield -40, f"An earlier instalment was {worst_dpd} days late"
    elif worst_dpd <= 90:
        yield -120, f"An earlier instalment was {worst_dpd} days late"
    else:
        yield -250, f"An earlier loan was in default, {worst_dpd} days late"
