"""What the bank's own books say about an applicant, read for the assessment."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from core.foundation.database import Connection
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

WINDOW_DAYS = 180

# The mean balance over the window, by time: today's balance less what came in, for the part of the
# window before it came. Movements among the customer's own accounts cancel out in the sum. A loan
# of which nothing has fallen due yet says nothing of how its borrower pays.
_BEHAVIOUR = """
WITH own AS (
  SELECT id, balance_minor, created_at FROM accounts WHERE owner_id = $1 AND currency = $2
), span AS (
  SELECT greatest(min(created_at), clock_timestamp() - make_interval(days => $3)) AS since,
         extract(epoch FROM clock_timestamp() - min(created_at)) / 86400 AS age
  FROM own
), moved AS (
  SELECT p.amount_minor, p.booked_at, p.balance_after_minor, t.type, t.debit_account_id
  FROM postings p JOIN transactions t ON t.id = p.transaction_id
  WHERE p.account_id IN (SELECT id FROM own) AND p.booked_at >= (SELECT since FROM span)
)
SELECT
  coalesce(floor((SELECT age FROM span)), 0)::int AS relationship_days,
  coalesce((SELECT sum(balance_minor) FROM own) - (
    SELECT coalesce(sum(amount_minor * extract(epoch FROM booked_at - since)
      / greatest(1, extract(epoch FROM clock_timestamp() - since))), 0) FROM moved, span
  ), 0)::bigint AS average_balance_minor,
  coalesce((
    SELECT sum(amount_minor) FROM moved
    WHERE amount_minor > 0 AND type IN ('transfer', 'credit')
      AND (debit_account_id IS NULL OR debit_account_id NOT IN (SELECT id FROM own))
  ) / 6, 0)::bigint AS monthly_inflow_minor,
  (SELECT count(DISTINCT booked_at::date) FROM moved WHERE balance_after_minor < 0)::int
    AS overdraft_days,
  (SELECT count(*) FROM transactions t
   WHERE t.debit_account_id IN (SELECT id FROM own) AND t.failure_code = 'insufficient_funds'
     AND t.created_at >= clock_timestamp() - make_interval(days => $3))::int AS bounced_debits,
  (SELECT max(worst_dpd) FROM loans l WHERE user_id = $1 AND EXISTS (
     SELECT FROM loan_instalments i WHERE i.loan_id = l.id AND i.due_date <= l.last_closed_on
   )) AS worst_dpd
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
    behaviour: Any = await connection.fetchrow(_BEHAVIOUR, user_id, currency, WINDOW_DAYS)
    existing: int = await connection.fetchval(_EXISTING, user_id, currency, loan_id)
    others = await connection.fetch(_OTHER_CURRENCIES, user_id, currency, loan_id)
    return assess(
        Capacity(
            applicant.income_minor,
            existing + (applicant.obligations_minor or 0),
            tuple(row["currency"] for row in others),
        ),
        Behaviour(**behaviour),
        Proposal(
            amount_minor=figures.amount_minor,
            monthly_emi_minor=figures.monthly_emi_minor,
            annual_rate_percent=figures.rate,
            months=figures.months,
            product_max_minor=rounded_minor(applicant.terms.max_amount, currency),
        ),
        Policy(),
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
