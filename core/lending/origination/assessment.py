"""Whether a borrower can carry a loan, and how the bank's own books speak of them.

Capacity: the ratio of obligations to the income that counts, and the largest loan whose EMI still
fits (``capacity``). Character: a behaviour score of 300 to 900, with a coded reason in words for
every step away from neutral. Nothing that 12 CFR 1002.6(b) forbids is asked or weighed: no age,
sex, marital status, origin, nor from what kind of work or benefit an income comes.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

from core.lending.origination.capacity import Capacity, Proposal, foir, max_eligible_minor
from core.lending.origination.inflows import SeenIncome
from core.lending.origination.policy import CURRENT, Policy
from core.lending.origination.reasons import DECISIVE, Reason, ReasonCode

LOWEST_SCORE, HIGHEST_SCORE = 300, 900


class Recommendation(StrEnum):
    """What the rules advise the officer."""

    APPROVE = "approve"
    REFER = "refer"
    DECLINE = "decline"


@dataclass(frozen=True, slots=True)
class Behaviour:
    """The borrower in the bank's own books, in minor units.

    ``average_balance_minor`` is by time and over a least of it. ``worst_dpd`` is None for somebody
    of whose loans here nothing has fallen due.
    """

    relationship_days: int = 0
    average_balance_minor: int = 0
    overdraft_days: int = 0
    bounced_debits: int = 0
    worst_dpd: int | None = None
    seen_income: SeenIncome = field(default_factory=SeenIncome)


@dataclass(frozen=True, slots=True)
class Inputs:
    """All that an assessment goes by, so that it can be made again."""

    capacity: Capacity
    behaviour: Behaviour
    proposal: Proposal


@dataclass(frozen=True, slots=True)
class Assessment:
    """The outcome, with what it was made from, and by which policy.

    ``foir`` is a ratio (0.42) of the income that counts, None when that is unknown.
    """

    score: int
    foir: Decimal | None
    max_eligible_minor: int
    recommendation: Recommendation
    reasons: tuple[Reason, ...]
    inputs: Inputs
    policy_version: str


def assess(inputs: Inputs, policy: Policy = CURRENT) -> Assessment:
    """Judge a proposal by capacity and behaviour."""
    capacity, proposal = inputs.capacity, inputs.proposal
    largest = max_eligible_minor(capacity, proposal, policy)
    findings = [
        *_obligations(capacity, proposal, largest, policy),
        *_income(capacity, inputs.behaviour.seen_income, policy),
        *_relationship(inputs.behaviour.relationship_days),
        *_balance(inputs.behaviour.average_balance_minor, proposal.monthly_emi_minor),
        *_conduct(inputs.behaviour, policy),
        *_repayment_history(inputs.behaviour.worst_dpd),
    ]
    reasons = tuple(Reason(code, text, _points(code, inputs, policy)) for code, text in findings)
    score = policy.neutral_score + sum(reason.points for reason in reasons)
    score = max(LOWEST_SCORE, min(HIGHEST_SCORE, score))
    codes = {reason.code for reason in reasons}
    return Assessment(
        score=score,
        foir=foir(capacity, proposal.monthly_emi_minor, policy.unverified_percent),
        max_eligible_minor=largest,
        recommendation=_recommend(score, codes, policy),
        reasons=reasons,
        inputs=inputs,
        policy_version=policy.version,
    )


Findings = Iterator[tuple[ReasonCode, str]]
_REFERS = {
    ReasonCode.INCOME_NOT_STATED,
    ReasonCode.INCOME_INSUFFICIENT,
    ReasonCode.OTHER_CURRENCIES,
}


def _recommend(score: int, codes: set[ReasonCode], policy: Policy) -> Recommendation:
    if score < policy.decline_below or codes & DECISIVE:
        return Recommendation.DECLINE
    if score < policy.refer_below or codes & _REFERS:
        return Recommendation.REFER
    return Recommendation.APPROVE


def _points(code: ReasonCode, inputs: Inputs, policy: Policy) -> int:
    points = policy.points.get(code, 0)
    if code is ReasonCode.RETURNED_DEBITS:
        each = points * inputs.behaviour.bounced_debits
        return max(each, -policy.returned_debits_cost_most)
    return points


def _obligations(
    capacity: Capacity, proposal: Proposal, largest_minor: int, policy: Policy
) -> Findings:
    for currency in capacity.uncounted_currencies:
        yield (
            ReasonCode.OTHER_CURRENCIES,
            f"Instalments in {currency} are not counted here: a person has to weigh them",
        )
    emi, ceiling = proposal.monthly_emi_minor, policy.foir_ceiling_percent
    counted = foir(capacity, emi, policy.unverified_percent)
    declared = foir(capacity, emi, 100)
    confirmed = foir(capacity, emi, 0)
    if counted is None or declared is None:
        if capacity.income_minor is None:
            yield ReasonCode.INCOME_NOT_STATED, "The monthly income is not known"
        else:
            yield ReasonCode.NO_INCOME, "There is no monthly income"
    elif declared * 100 > ceiling:
        yield (
            ReasonCode.EXCESSIVE_OBLIGATIONS,
            f"All obligations would take {_percent(declared)} % of the income, above the ceiling "
            f"of {ceiling} %",
        )
    elif counted * 100 > ceiling:
        yield (
            ReasonCode.INCOME_INSUFFICIENT,
            f"All obligations would take {_percent(counted)} % of the income that counts, above "
            f"the ceiling of {ceiling} %; {_percent(declared)} % if all of it were confirmed",
        )
    elif proposal.amount_minor > largest_minor:
        yield (
            ReasonCode.INCOME_INSUFFICIENT,
            "The income that counts carries a smaller loan only on these terms",
        )
    elif confirmed is not None and confirmed * 100 <= policy.low_foir_percent:
        yield (
            ReasonCode.OBLIGATIONS_LOW,
            f"All obligations would take only {_percent(counted)} % of the income",
        )
    else:
        yield (
            ReasonCode.OBLIGATIONS_WITHIN,
            f"All obligations would take {_percent(counted)} % of the income that counts, within "
            "the ceiling",
        )


def _income(capacity: Capacity, seen: SeenIncome, policy: Policy) -> Findings:
    share = policy.unverified_percent
    if capacity.household_income_minor:
        yield (
            ReasonCode.HOUSEHOLD_INCOME,
            f"The income of the household is declared, not confirmed: {share} % of it counts",
        )
    income, confirmed = capacity.income_minor, capacity.confirmed_minor
    if capacity.documented_minor:
        yield ReasonCode.INCOME_CONFIRMED, "Documents confirm the income"
    elif income and confirmed * 100 >= income * policy.confirmed_percent:
        yield ReasonCode.INCOME_CONFIRMED, "Regular inflows confirm the declared income"
    elif income:
        if confirmed:
            yield ReasonCode.INCOME_CONFIRMED_IN_PART, "Regular inflows were seen on the accounts"
        yield (
            ReasonCode.INCOME_UNVERIFIED,
            f"Unable to verify income: {share} % counts of what is declared and not confirmed",
        )
    if seen.months and not seen.monthly_minor:
        yield (
            ReasonCode.INCOME_IRREGULAR,
            f"Money from others came in in {seen.months} of the last {seen.of_months} complete "
            "months: not regularly",
        )
    if seen.sent_back_minor:
        yield ReasonCode.MONEY_SENT_BACK, "Money that went back to who sent it is not counted"


def _relationship(days: int) -> Findings:
    if days >= 365:
        yield ReasonCode.LONG_RELATIONSHIP, "A customer for more than a year"
    elif days >= 90:
        yield ReasonCode.RELATIONSHIP, "A customer for more than three months"
    elif days < 30:
        yield ReasonCode.SHORT_RELATIONSHIP, "A customer for less than a month"


def _balance(average_minor: int, emi_minor: int) -> Findings:
    if average_minor >= 6 * emi_minor:
        yield ReasonCode.BALANCE_AMPLE, "The average balance covers six instalments or more"
    elif average_minor >= 3 * emi_minor:
        yield ReasonCode.BALANCE_GOOD, "The average balance covers three instalments or more"
    elif average_minor < emi_minor:
        yield ReasonCode.BALANCE_LOW, "The average balance does not cover one instalment"


def _conduct(behaviour: Behaviour, policy: Policy) -> Findings:
    days = behaviour.overdraft_days
    used = f"The overdraft was used on {days} of the last {policy.window_days} days"
    if days > 60:
        yield ReasonCode.OVERDRAFT_OFTEN, used
    elif days > 10:
        yield ReasonCode.OVERDRAFT_USED, used
    bounced = behaviour.bounced_debits
    if bounced:
        debits = "debit" if bounced == 1 else "debits"
        yield ReasonCode.RETURNED_DEBITS, f"{bounced} {debits} failed for lack of funds lately"


def _repayment_history(worst_dpd: int | None) -> Findings:
    if worst_dpd is None:
        return
    late = f"An earlier instalment was {worst_dpd} days late"
    if worst_dpd <= 0:
        yield ReasonCode.PAID_ON_TIME, "Earlier loans were always paid on time"
    elif worst_dpd <= 30:
        yield ReasonCode.PAID_LATE, late
    elif worst_dpd <= 90:
        yield ReasonCode.PAID_VERY_LATE, late
    else:
        yield (
            ReasonCode.DEFAULTED,
            f"An earlier loan was in default, {worst_dpd} days late",
        )


def _percent(ratio: Decimal) -> Decimal:
    return (ratio * 100).quantize(Decimal("0.1"))
