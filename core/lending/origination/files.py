"""The loan's file: what its decision needs of it, read under lock and written back."""

from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from core.foundation.database import Connection
from core.foundation.errors import LoanNotFound
from core.lending.origination.creditability import Applicant, Said
from core.lending.origination.figures import Figures
from core.lending.origination.products import ProductTerms, parse_terms
from core.lending.states import LoanStatus

_LOCK = """
SELECT id, user_id, account_id, status, currency, amount_minor, interest_rate, tenure_months,
       terms::text AS terms, purpose, processing_fee_minor, emi_minor, monthly_emi_minor,
       monthly_income_minor, monthly_obligations_minor, household_income_minor,
       household_obligations_minor, documented_income_minor,
       disbursement_transaction_id, written_off_minor, recovered_minor
FROM loans WHERE id = $1 AND deleted_at IS NULL FOR NO KEY UPDATE
"""
_UPDATE = """
UPDATE loans SET amount_minor = $2, interest_rate = $3, tenure_months = $4, purpose = $5,
  processing_fee_minor = $6, emi_minor = $7, monthly_emi_minor = $8,
  documented_income_minor = $9
WHERE id = $1
"""


@dataclass(frozen=True, slots=True)
class LoanFile:
    """A loan that was applied for, as its row says; amounts in minor units, the rate in percent."""

    id: UUID
    user_id: UUID
    account_id: UUID
    status: LoanStatus
    currency: str
    amount_minor: int
    interest_rate: Decimal
    tenure_months: int
    terms: ProductTerms
    purpose: str | None
    processing_fee_minor: int
    emi_minor: int
    monthly_emi_minor: int
    monthly_income_minor: int | None
    monthly_obligations_minor: int | None
    household_income_minor: int | None
    household_obligations_minor: int | None
    documented_income_minor: int | None
    disbursement_transaction_id: UUID | None
    written_off_minor: int
    recovered_minor: int

    @property
    def applicant(self) -> Applicant:
        """Who applied, and what was said and proven of the income."""
        return Applicant(
            loan_id=self.id,
            user_id=self.user_id,
            currency=self.currency,
            said=Said(
                self.monthly_income_minor,
                self.monthly_obligations_minor,
                self.household_income_minor,
                self.household_obligations_minor,
            ),
            documented_income_minor=self.documented_income_minor,
            terms=self.terms,
        )

    @property
    def figures(self) -> Figures:
        """The loan in numbers, as it was applied for or last changed."""
        return Figures(
            amount_minor=self.amount_minor,
            rate=self.interest_rate,
            months=self.tenure_months,
            fee_minor=self.processing_fee_minor,
            emi_minor=self.emi_minor,
            monthly_emi_minor=self.monthly_emi_minor,
        )


async def lock(connection: Connection, loan_id: UUID) -> LoanFile:
    """The loan's file, its row locked. Raises LoanNotFound."""
    row = await connection.fetchrow(_LOCK, loan_id)
    if row is None:
        raise LoanNotFound
    values = dict(row)
    status, terms = LoanStatus(values.pop("status")), parse_terms(values.pop("terms"))
    return LoanFile(status=status, terms=terms, **values)


async def write_figures(
    connection: Connection,
    loan_id: UUID,
    *,
    figures: Figures,
    purpose: str | None,
    documented_income_minor: int | None,
) -> None:
    """Write what follows from the loan's terms, and what is known of the borrower's income."""
    await connection.execute(
        _UPDATE, loan_id, figures.amount_minor, figures.rate, figures.months, purpose,
        figures.fee_minor, figures.emi_minor, figures.monthly_emi_minor,
        documented_income_minor,
    )  # fmt: skip
