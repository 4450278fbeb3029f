"""What the bank's own books say about an applicant, read for the assessment."""

from dataclasses import dataclass
from datetime import date
from uuid import UUID

from core.foundation.database import Connection, Reader
from core.identity.persons import same_persons
from core.ledger.behaviour import Kept, how_kept
from core.lending.origination.assessment import (
    Assessment,
    Behaviour,
    Inputs,
    assess,
)
from core.lending.origination.capacity import Capacity, Proposal
from core.lending.origination.figures import Figures
from core.lending.origination.inflows import Flow, first_day, seen_income
from core.lending.origination.policy import CURRENT, Policy
from core.lending.origination.products import ProductTerms, rounded_minor
from core.transactions.results import bounced_debits, flows

# A loan of which nothing has fallen due yet says nothing of how its borrower pays.
_WORST_DPD = """
SELECT max(worst_dpd) FROM loans l CROSS JOIN lending_day d WHERE user_id = $1 AND EXISTS (
  SELECT FROM loan_instalments i WHERE i.loan_id = l.id AND i.due_date <= d.accrued_through
)
"""
# Running and approved loans, and applications made before this one: what is asked for in parallel
# is assessed together.
_EMIS = """
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
class Said:
    """What applicants say of their month, and of the others' in their household, in minor units."""

    income_minor: int | None
    obligations_minor: int | None
    household_income_minor: int | None
    household_obligations_minor: int | None


@dataclass(frozen=True, slots=True)
class Applicant:
    """Who applies with which application, what they say, and what documents prove of the income."""

    loan_id: UUID
    user_id: UUID
    currency: str
    said: Said
    documented_income_minor: int | None
    terms: ProductTerms


async def assess_application(
    connection: Connection, applicant: Applicant, figures: Figures
) -> Assessment:
    """Assess an application against everything the bank knows of the applicant."""
    user_id, currency, loan_id = applicant.user_id, applicant.currency, applicant.loan_id
    emis: int = await connection.fetchval(_EMIS, user_id, currency, loan_id)
    others = await connection.fetch(_OTHER_CURRENCIES, user_id, currency, loan_id)
    behaviour = await _behaviour(connection, user_id, currency, CURRENT)
    said = applicant.said
    return assess(
        Inputs(
            Capacity(
                declared_minor=said.income_minor,
                declared_obligations_minor=said.obligations_minor or 0,
                emis_minor=emis,
                seen_minor=behaviour.seen_income.monthly_minor,
                documented_minor=applicant.documented_income_minor,
                household_income_minor=said.household_income_minor or 0,
                household_obligations_minor=said.household_obligations_minor or 0,
                uncounted_currencies=tuple(row["currency"] for row in others),
            ),
            behaviour,
            Proposal(
                amount_minor=figures.amount_minor,
                monthly_emi_minor=figures.monthly_emi_minor,
                annual_rate_percent=figures.rate,
                months=figures.months,
                product_max_minor=rounded_minor(applicant.terms.max_amount, currency),
            ),
        ),
        CURRENT,
    )


async def _behaviour(reader: Reader, user_id: UUID, currency: str, policy: Policy) -> Behaviour:
    """How the books speak of somebody; they go by the clock, whatever the business date."""
    kept = await how_kept(
        reader, user_id, currency, policy.window_days, least_days=policy.held_days
    )
    came = await _flows_of_others(reader, kept, user_id, first_day(kept.today, policy))
    return Behaviour(
        relationship_days=kept.relationship_days,
        average_balance_minor=kept.average_balance_minor,
        overdraft_days=kept.overdraft_days,
        bounced_debits=await bounced_debits(reader, kept.account_ids, policy.window_days),
        worst_dpd=await reader.fetchval(_WORST_DPD, user_id),
        seen_income=seen_income(came, kept.today, policy),
    )


async def _flows_of_others(reader: Reader, kept: Kept, user_id: UUID, since: date) -> list[Flow]:
    """What passed between the accounts and others, of whom nobody is the same person."""
    moved = await flows(reader, kept.account_ids, user_id, since)
    parties = {party for _, party, _ in moved if party is not None}
    alike = await same_persons(reader, user_id, parties) if parties else set()
    return [flow for flow in moved if flow[1] not in alike]
