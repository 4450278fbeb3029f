"""Assessments on the wire: what was found, by which policy, and in what."""

from datetime import date, datetime
from typing import Literal

from pydantic import BaseModel

from api.schemas.answers import ViewAnswer
from api.schemas.fields import Money
from api.schemas.terms import Percent
from core.lending.origination.kept_assessments import KeptAssessment


class FindingAnswer(BaseModel):
    """One finding: its code (null of before there were any), its words, what it gave or cost."""

    code: str | None
    text: str
    points: int


class ProposalAnswer(ViewAnswer):
    """The loan as it was assessed; ``monthly_emi`` is what its instalments take of a month."""

    amount: Money
    monthly_emi: Money
    annual_rate_percent: Percent
    months: int
    product_max: Money | None


class CapacityAnswer(ViewAnswer):
    """Monthly income and what goes out of it.

    ``declared`` was told, ``seen`` is what the accounts show regularly, ``documented`` what an
    officer saw proven; ``emis`` are those of loans and earlier applications here.
    """

    declared: Money | None
    seen: Money
    documented: Money | None
    declared_obligations: Money
    emis: Money
    household_income: Money
    household_obligations: Money
    uncounted_currencies: list[str]


class SeenIncomeAnswer(ViewAnswer):
    """What came in from others and stayed, by complete months."""

    monthly: Money
    months: int
    of_months: int
    payers: int
    sent_back: Money


class BehaviourAnswer(ViewAnswer):
    """How the borrower's accounts and loans were kept."""

    relationship_days: int
    average_balance: Money
    overdraft_days: int
    bounced_debits: int
    worst_dpd: int | None


class InputsAnswer(BaseModel):
    """All that the assessment went by."""

    proposal: ProposalAnswer
    capacity: CapacityAnswer
    seen_income: SeenIncomeAnswer
    behaviour: BehaviourAnswer


class AssessmentAnswer(ViewAnswer):
    """What the rules say of an application; ``foir`` is a ratio, null without income.

    ``reasons`` are the words of ``findings``. ``inputs`` and ``policy_version`` are null of an
    assessment that was made before they were kept.
    """

    score: int
    foir: Percent | None
    max_eligible_amount: Money
    recommendation: Literal["approve", "refer", "decline"]
    reasons: list[str]
    findings: list[FindingAnswer]
    occasion: Literal["application", "change", "approval", "rejection"]
    policy_version: str | None
    assessed_on: date
    assessed_at: datetime
    inputs: InputsAnswer | None


def assessment_answer(kept: KeptAssessment) -> AssessmentAnswer:
    """The assessment as answered."""
    inputs, currency = kept.inputs, kept.currency
    if inputs is None:
        return AssessmentAnswer.of(kept)
    shown = InputsAnswer.model_construct(
        proposal=ProposalAnswer.of(inputs.proposal, currency),
        capacity=CapacityAnswer.of(inputs.capacity, currency),
        seen_income=SeenIncomeAnswer.of(inputs.behaviour.seen_income, currency),
        behaviour=BehaviourAnswer.of(inputs.behaviour, currency),
    )
    return AssessmentAnswer.of(kept, inputs=shown)
