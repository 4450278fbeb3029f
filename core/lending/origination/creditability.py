"""What the bank's own books say about an applicant, read for the assessment."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from core.foundation.database import Connection, Reader
from core.ledger.behaviour import how_kept
from core.lending.amortisation.rounding import round_ratio
from core.lending.amortisation.terms import Rounding
from core.lending.origination.assessment import (
    Assessment,
    Behaviour,
    Capacity,
    Policy,
    Proposal,
    Recommendation,
    assess,
)
from core.lending.origination.figures import Figures
from core.lending.origination.products import ProductTerms, rounded_minor
from core.transactions.results import bounced_debits, income_minor

WINDOW_DAYS = 180
WINDOW_MONTHS = 6

# A loan of which nothing has fallen due yet says nothing of how its borrower pays.
_WORST_DPD = """
SELECT max(worst_dpd) FROM loans l WHERE user_id = $1 AND EXISTS (
  SELECT FROM loan_instalments i WHERE i.loan_id = l.id AND i.due_date <= l.last_closed_on
)
"""
# Running and approved loans, and applications made before this one: what is asked for in parallel
# is assessed together.
_EXISTING = """
SELECT coalesce(sum(monthly_emi_minor), 0)::bigint FROM loans
WHERE user_id = $1 AND currency = $2 AND id <> $3 AND deleted_at IS NULL
  AND (status IN ('approved', 'active', 'restructured') OR (status = 'pending' AND id < $3))
"""
_OTHER_CURRENCIES = """
SELECT DISTINCT currency FROM loans
WHERE user_id = $1 AND currency <> $2 AND id <> $3 AND deleted_at IS NULL
  AND (status IN ('approved', 'active', 'restructured') OR (status = 'pending' AND id < $3))
ORDER BY currency
"""


@dataclass(frozen=True, slots=True)
class Applicant:
    """Who applies with which application, and what they say of their month, in minor units."""

    loan_id: UUID
    user_id: UUID
    currency: str
    income_minor: int | None
    obligations_minor: int | None
    terms: ProductTerms


async def assess_application(
    connection: Connection, applicant: Applicant, figures: Figures
) -> Assessment:
    """Assess an application against everything the bank knows of the applicant."""
    user_id, currency, loan_id = applicant.user_id, applicant.currency, applicant.loan_id
    existing: int = await connection.fetchval(_EXISTING, user_id, currency, loan_id)
    others = await connection.fetch(_OTHER_CURRENCIES, user_id, currency, loan_id)
    return assess(
        Capacity(
            applicant.income_minor,
            existing + (applicant.obligations_minor or 0),
            tuple(row["currency"] for row in others),
        ),
        await _behaviour(connection, user_id, currency),
        Proposal(
            amount_minor=figures.amount_minor,
            monthly_emi_minor=figures.monthly_emi_minor,
            annual_rate_percent=figures.rate,
            months=figures.months,
            product_max_minor=rounded_minor(applicant.terms.max_amount, currency),
        ),
        Policy(),
    )


async def _behaviour(reader: Reader, user_id: UUID, currency: str) -> Behaviour:
    kept = await how_kept(reader, user_id, currency, WINDOW_DAYS)
    income = await income_minor(reader, kept.account_ids, kept.since)
    return Behaviour(
        relationship_days=kept.relationship_days,
        average_balance_minor=kept.average_balance_minor,
        monthly_inflow_minor=round_ratio(income, WINDOW_MONTHS, Rounding.HALF_UP),
        overdraft_days=kept.overdraft_days,
        bounced_debits=await bounced_debits(reader, kept.account_ids, WINDOW_DAYS),
        worst_dpd=await reader.fetchval(_WORST_DPD, user_id),
    )


@dataclass(frozen=True, slots=True)
class KeptAssessment:
    """The assessment as it was made with the last figures; its amount in minor units."""

    score: int
    foir: Decimal | None
    max_eligible_amount_minor: int
    recommendation: Recommendation
    reasons: tuple[str, ...]
    assessed_on: date

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> "KeptAssessment":
        """What ``to_json`` wrote."""
        return cls(
            score=kept["score"],
            foir=None if kept["foir"] is None else Decimal(kept["foir"]),
            max_eligible_amount_minor=kept["max_eligible_minor"],
            recommendation=Recommendation(kept["recommendation"]),
            reasons=tuple(kept["reasons"]),
            assessed_on=date.fromisoformat(kept["assessed_on"]),
        )


def to_json(assessment: Assessment, on: date) -> dict[str, Any]:
    """The assessment as it is kept on the loan."""
    return {
        **asdict(assessment),
        "foir": None if assessment.foir is None else str(assessment.foir),
        "reasons": list(assessment.reasons),
        "assessed_on": on.isoformat(),
    }
