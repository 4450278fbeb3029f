"""Applying for a loan, and changing or withdrawing the application."""

from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from uuid import UUID

from msgspec import UNSET, UnsetType

from core.foundation.database import Connection
from core.foundation.errors import (
    AccountNotFound,
    CapReached,
    InvalidAmount,
    LoanNotFound,
    NoPrimaryAccount,
)
from core.foundation.ids import new_id
from core.foundation.money import minor_units, to_minor
from core.identity.persons import refuse_own
from core.ledger.balances import refuse_inactive
from core.ledger.directory import OwnAccount, own_account
from core.lending import notices
from core.lending.amortisation import TermsError
from core.lending.origination import catalogue, creditability
from core.lending.origination.charges import ChargeTerms
from core.lending.origination.creditability import Applicant, Said
from core.lending.origination.fees import disbursal_fees, sum_of
from core.lending.origination.figures import Figures, work_out
from core.lending.origination.files import LoanFile, lock, write_figures
from core.lending.origination.kept_assessments import Occasion, keep
from core.lending.origination.products import ProductTerms, no_schedule
from core.lending.states import LoanEvent, LoanStatus, require_allowed
from core.notifications import inbox

# One borrower's applications are assessed one after the other, each aware of those before it.
_QUEUE_UP = "SELECT pg_advisory_xact_lock(hashtextextended('loans:' || $1::text, 0))"
_INSERT = """
INSERT INTO loans (id, user_id, account_id, product_code, currency, amount_minor, interest_rate,
  tenure_months, terms, purpose, monthly_income_minor, monthly_obligations_minor,
  household_income_minor, household_obligations_minor, processing_fee_minor, emi_minor,
  monthly_emi_minor, applied_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17,
  clock_timestamp())
"""
_OPEN = """
SELECT count(*) FROM loans WHERE user_id = $1 AND status = 'pending' AND deleted_at IS NULL
"""
_STATUS = "SELECT status FROM loans WHERE id = $1"
_SET_TERMS = "UPDATE loans SET terms = $2 WHERE id = $1"
_SET_STATUS = "UPDATE loans SET status = $2, decided_at = clock_timestamp() WHERE id = $1"


@dataclass(frozen=True, slots=True)
class Application:
    """What a customer asks for; amounts in major units of the account's currency.

    The household's income and obligations are those of its other members, by the month.
    """

    user_id: UUID
    amount: Decimal
    tenure_months: int | None = None
    product: str | None = None
    purpose: str | None = None
    account: str | None = None
    monthly_income: Decimal | None = None
    monthly_obligations: Decimal | None = None
    household_income: Decimal | None = None
    household_obligations: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """What an officer changes of a pending application; None leaves it.

    ``documented_income`` is the monthly income that the officer has seen proven; None takes it
    back, UNSET leaves it.
    """

    interest_rate: Decimal | None = None
    tenure_months: int | None = None
    amount: Decimal | None = None
    purpose: str | None = None
    documented_income: Decimal | UnsetType | None = UNSET


async def apply(connection: Connection, wanted: Application, today: date, *, max_open: int) -> UUID:
    """Take an application in, assess it, tell borrower and staff; answers the loan's id.

    Raises LoanProductNotFound, AccountNotFound, NoPrimaryAccount, AccountFrozen, AccountClosed,
    LoanNotEligible outside the product's limits, InvalidLoanTerms where no schedule follows,
    CapReached while ``max_open`` of the customer's applications wait for a decision.
    """
    product = await catalogue.find(connection, wanted.product)
    account = await _account(connection, wanted)
    currency = account.currency
    figures = work_out(
        product.terms,
        currency,
        amount_minor=to_minor(wanted.amount, currency),
        rate=product.terms.default_rate,
        months=wanted.tenure_months or product.terms.default_tenure_months,
        today=today,
    )
    said = Said(
        income_minor=_minor("monthly_income", wanted.monthly_income, currency),
        obligations_minor=_minor("monthly_obligations", wanted.monthly_obligations, currency),
        household_income_minor=_minor("household_income", wanted.household_income, currency),
        household_obligations_minor=_minor(
            "household_obligations", wanted.household_obligations, currency
        ),
    )
    await connection.execute(_QUEUE_UP, str(wanted.user_id))
    if await connection.fetchval(_OPEN, wanted.user_id) >= max_open:
        raise CapReached(f"{max_open} applications wait for a decision already")
    applicant = Applicant(
        loan_id=new_id(),  # in the order of the queue: ids say which application came before
        user_id=wanted.user_id,
        currency=currency,
        said=said,
        documented_income_minor=None,
        terms=product.terms,
    )
    assessment = await creditability.assess_application(connection, applicant, figures)
    await connection.execute(
        _INSERT, applicant.loan_id, wanted.user_id, account.id, product.code, currency,
        figures.amount_minor, figures.rate, figures.months, catalogue.dump(product.terms),
        wanted.purpose, said.income_minor, said.obligations_minor, said.household_income_minor,
        said.household_obligations_minor, figures.fee_minor, figures.emi_minor,
        figures.monthly_emi_minor,
    )  # fmt: skip
    await keep(connection, applicant.loan_id, Occasion.APPLICATION, assessment, today)
    amount = notices.money(figures.amount_minor, currency)
    await inbox.write(connection, notices.received(wanted.user_id, applicant.loan_id, amount))
    return applicant.loan_id


async def status_of(connection: Connection, loan_id: UUID) -> LoanStatus:
    """The state of a loan that was applied for, deleted or not. Raises LoanNotFound."""
    status = await connection.fetchval(_STATUS, loan_id)
    if status is None:
        raise LoanNotFound
    return LoanStatus(status)


async def update(
    connection: Connection, loan_id: UUID, change: Change, today: date, *, by: UUID
) -> None:
    """Change a pending application, as the officer ``by``.

    Raises LoanNotFound, LoanStateConflict, LoanNotEligible, or FourEyes for one's own.
    """
    loan = await lock(connection, loan_id)
    await refuse_own(connection, by, [loan.user_id])
    require_allowed(loan.status, LoanEvent.UPDATE)
    figures = changed_figures(loan, change, today)
    documented = loan.documented_income_minor
    if change.documented_income is not UNSET:
        documented = _minor("documented_income", change.documented_income, loan.currency)
    applicant = replace(loan.applicant, documented_income_minor=documented)
    assessment = await creditability.assess_application(connection, applicant, figures)
    await write_figures(
        connection,
        loan_id,
        figures=figures,
        purpose=change.purpose if change.purpose is not None else loan.purpose,
        documented_income_minor=documented,
    )
    await keep(connection, loan_id, Occasion.CHANGE, assessment, today)


async def add_charge(
    connection: Connection, loan_id: UUID, charge: ChargeTerms, today: date, *, by: UUID
) -> None:
    """Add a charge to a pending application's terms, as the officer ``by``.

    Raises LoanNotFound, LoanStateConflict, also for a code that is charged already, FourEyes,
    CapReached where as many are charged as a loan may have, InvalidAmount for a charge of nothing,
    InvalidLoanTerms where the fees would leave nothing to pay out.
    """
    loan = await lock(connection, loan_id)
    await refuse_own(connection, by, [loan.user_id])
    require_allowed(loan.status, LoanEvent.UPDATE)
    terms = loan.terms.with_charge(charge)
    more_withheld(loan, terms)
    await connection.execute(_SET_TERMS, loan_id, catalogue.dump(terms))
    await update(connection, loan_id, Change(), today, by=by)


def more_withheld(loan: LoanFile, terms: ProductTerms) -> int:
    """What terms with a charge more take from the disbursement beside what it had been, in minor
    units. Raises InvalidAmount for nothing, InvalidLoanTerms where nothing would be left of it."""
    before, after = (
        sum_of(disbursal_fees(each, loan.amount_minor, loan.currency)).total_minor
        for each in (loan.terms, terms)
    )
    if after == before:
        raise InvalidAmount("it comes to nothing")
    if after >= loan.amount_minor:
        raise no_schedule(TermsError("amount", "the fees would leave nothing to pay out"))
    return after - before


async def withdraw(connection: Connection, loan_id: UUID, user_id: UUID) -> None:
    """Take one's own pending application back. Raises LoanNotFound, LoanStateConflict."""
    loan = await lock(connection, loan_id)
    if loan.user_id != user_id:
        raise LoanNotFound
    status = require_allowed(loan.status, LoanEvent.WITHDRAW)
    await connection.execute(_SET_STATUS, loan_id, status.value)
    amount = notices.money(loan.amount_minor, loan.currency)
    await inbox.write(connection, notices.withdrawn(loan_id, amount))


def changed_figures(loan: LoanFile, change: Change, today: date) -> Figures:
    """The loan's figures with an officer's changes. Raises LoanNotEligible, InvalidLoanTerms."""
    amount = change.amount
    return work_out(
        loan.terms,
        loan.currency,
        amount_minor=loan.amount_minor if amount is None else to_minor(amount, loan.currency),
        rate=loan.interest_rate if change.interest_rate is None else change.interest_rate,
        months=change.tenure_months or loan.tenure_months,
        today=today,
    )


async def _account(connection: Connection, wanted: Application) -> OwnAccount:
    """The applicant's own account to which the loan is paid out."""
    account = await own_account(connection, wanted.user_id, wanted.account)
    if account is None:
        raise NoPrimaryAccount if wanted.account is None else AccountNotFound
    refuse_inactive(account.status)
    return account


def _minor(field: str, amount: Decimal | None, currency: str) -> int | None:
    return None if amount is None else minor_units(field, amount, currency)
