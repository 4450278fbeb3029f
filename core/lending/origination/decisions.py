"""Deciding on an application, and paying out what was approved.

Four eyes: nobody decides on a loan of his own. Deciding takes the borrower's loans under lock in
id order, so that two decisions on one loan, or on one income, never happen at once.
"""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from uuid import UUID

import msgspec

from core.foundation.database import Connection, UnitOfWork
from core.foundation.errors import (
    LoanNotFound,
    LoanStateConflict,
    OverrideReasonRequired,
)
from core.identity.persons import refuse_own
from core.lending import notices, orders
from core.lending.details import DisbursementDetails
from core.lending.disclosure.offer import Creditor
from core.lending.origination import creditability, offers
from core.lending.origination.applications import Change, changed_figures
from core.lending.origination.assessment import Assessment, Recommendation
from core.lending.origination.files import LoanFile, lock, write_figures
from core.lending.origination.kept_assessments import Occasion, keep
from core.lending.origination.reasons import (
    ASK_FOR_THEM,
    MOST_REASONS,
    ReasonCode,
    Told,
    chosen,
    principal,
)
from core.lending.states import LoanEvent, LoanStatus, require_allowed
from core.notifications import inbox
from core.transactions.intake import Intake
from core.transactions.orders import BankOrder
from core.transactions.results import status_of
from core.transactions.tables import Status

_BORROWER = "SELECT user_id FROM loans WHERE id = $1 AND deleted_at IS NULL"
_LOCK_BORROWERS_LOANS = """
SELECT id FROM loans WHERE user_id = $1 ORDER BY id FOR NO KEY UPDATE
"""
_APPROVE = """
UPDATE loans SET status = 'approved', decided_at = clock_timestamp(), decided_by = $2,
       disbursement_transaction_id = $3 WHERE id = $1
"""
_REJECT = """
UPDATE loans SET status = 'rejected', decided_at = clock_timestamp(), decided_by = $2,
       rejection_reason = $3, rejection_reasons = $4 WHERE id = $1
"""
_DISBURSE_AGAIN = """
UPDATE loans SET disbursement_transaction_id = $2, disbursement_failure = NULL WHERE id = $1
"""
_DELETE = "UPDATE loans SET deleted_at = clock_timestamp() WHERE id = $1"


@dataclass(frozen=True, slots=True)
class Decider:
    """The officer who decides, the business date, and the request it came with."""

    user_id: UUID
    today: date
    request_id: str | None = None


@dataclass(frozen=True, slots=True)
class Rejection:
    """Why an officer turns a loan down: in words, by at most four codes, by both or by neither.

    ``law`` is what the bank's law wants said to the applicant beside the reasons.
    """

    reason: str | None = None
    codes: tuple[ReasonCode, ...] = ()
    law: str = ""


@dataclass(frozen=True, slots=True)
class Approval:
    """An approved loan: the disbursement under way, and what the rules had advised."""

    transaction_id: UUID
    assessment: Assessment
    overridden: bool


async def approve(
    unit: UnitOfWork,
    intake: Intake,
    loan_id: UUID,
    decider: Decider,
    *,
    creditor: Creditor,
    interest_rate: Decimal | None = None,
    override_reason: str | None = None,
) -> Approval:
    """Approve a pending loan and submit its disbursement, in the caller's unit of work.

    What the borrower is told of the loan by ``creditor``, the bank, is kept with the agreement.

    Raises LoanNotFound, LoanStateConflict, FourEyes, LoanNotEligible for a rate outside the
    product, OverrideReasonRequired where the rules advise against it and no reason is given.
    """
    connection = unit.connection
    loan = await _lock_with_borrower(connection, loan_id)
    await refuse_own(connection, decider.user_id, [loan.user_id])
    require_allowed(loan.status, LoanEvent.APPROVE)
    figures = changed_figures(loan, Change(interest_rate=interest_rate), decider.today)
    assessment = await creditability.assess_application(connection, loan.applicant, figures)
    declined = assessment.recommendation is Recommendation.DECLINE
    if declined and not override_reason:
        raise OverrideReasonRequired("; ".join(told.text for told in principal(assessment.reasons)))
    await write_figures(
        connection,
        loan_id,
        figures=figures,
        purpose=loan.purpose,
        documented_income_minor=loan.documented_income_minor,
    )
    await keep(connection, loan_id, Occasion.APPROVAL, assessment, decider.today)
    await offers.give(connection, loan_id, creditor, decider.today)
    order = _disbursement(loan, decider)
    await intake.accept_own(unit, [order])
    await connection.execute(_APPROVE, loan_id, decider.user_id, order.id)
    amount = notices.money(loan.amount_minor, loan.currency)
    await inbox.write(connection, notices.approved(loan.user_id, loan_id, amount))
    return Approval(order.id, assessment, declined)


async def reject(
    connection: Connection, loan_id: UUID, decider: Decider, rejection: Rejection
) -> tuple[Told, ...]:
    """Turn a pending loan down, and answer the reasons that its applicant is told.

    Raises LoanNotFound, LoanStateConflict, FourEyes.
    """
    loan = await lock(connection, loan_id)
    await refuse_own(connection, decider.user_id, [loan.user_id])
    require_allowed(loan.status, LoanEvent.REJECT)
    applicant, figures = loan.applicant, loan.figures
    assessment = await creditability.assess_application(connection, applicant, figures)
    told = reasons_of(rejection, assessment)
    await keep(connection, loan_id, Occasion.REJECTION, assessment, decider.today)
    stored = msgspec.json.encode([reason._asdict() for reason in told]).decode()
    await connection.execute(_REJECT, loan_id, decider.user_id, rejection.reason, stored)
    amount = notices.money(loan.amount_minor, loan.currency)
    words = [reason.text for reason in told]
    law = rejection.law
    await inbox.write(connection, notices.rejected(loan.user_id, loan_id, amount, words, law))
    return told


def reasons_of(rejection: Rejection, assessment: Assessment) -> tuple[Told, ...]:
    """Why a loan is turned down, for its applicant: at most four reasons, the principal first.

    An officer's codes stand for themselves. His words alone are the first reason, and the only one
    where the rules had advised to approve; without either, the assessment's reasons are told, and
    where it has none, that they may be asked for.
    """
    found = assessment.reasons
    if rejection.codes:
        return tuple(chosen(rejection.codes, found, rejection.reason))
    own = chosen([ReasonCode.OTHER], found, rejection.reason) if rejection.reason else []
    if own and assessment.recommendation is Recommendation.APPROVE:
        return tuple(own)
    return tuple([*own, *principal(found)][:MOST_REASONS]) or (ASK_FOR_THEM,)


async def disburse_again(
    unit: UnitOfWork, intake: Intake, loan_id: UUID, decider: Decider, *, creditor: Creditor
) -> UUID:
    """Submit the disbursement of an approved loan once more, after one that failed.

    Its schedule begins anew, so the borrower is told of it anew.

    Raises LoanNotFound, FourEyes, and LoanStateConflict while another is under way or done.
    """
    connection = unit.connection
    loan = await lock(connection, loan_id)
    await refuse_own(connection, decider.user_id, [loan.user_id])
    require_allowed(loan.status, LoanEvent.DISBURSE)
    if await status_of(connection, loan.disbursement_transaction_id) != Status.FAILED:
        raise LoanStateConflict("the disbursement is under way already")
    await offers.give(connection, loan_id, creditor, decider.today)
    order = _disbursement(loan, decider)
    await intake.accept_own(unit, [order])
    await connection.execute(_DISBURSE_AGAIN, loan_id, order.id)
    return order.id


async def delete(connection: Connection, loan_id: UUID, *, by: UUID) -> None:
    """Hide a loan. Raises LoanNotFound, FourEyes, LoanStateConflict while money is or goes out.

    What was written off and not recovered is out, too.
    """
    loan = await lock(connection, loan_id)
    await refuse_own(connection, by, [loan.user_id])
    if loan.status in {LoanStatus.ACTIVE, LoanStatus.RESTRUCTURED}:
        raise LoanStateConflict("money is out on this loan")
    if loan.status == LoanStatus.WRITTEN_OFF and loan.recovered_minor < loan.written_off_minor:
        raise LoanStateConflict("the loan is written off and may still be recovered")
    approved = loan.status == LoanStatus.APPROVED
    if approved and await status_of(connection, loan.disbursement_transaction_id) != Status.FAILED:
        raise LoanStateConflict("the loan is being paid out")
    await connection.execute(_DELETE, loan_id)


async def _lock_with_borrower(connection: Connection, loan_id: UUID) -> LoanFile:
    borrower = await connection.fetchval(_BORROWER, loan_id)
    if borrower is None:
        raise LoanNotFound
    await connection.fetch(_LOCK_BORROWERS_LOANS, borrower)
    return await lock(connection, loan_id)


def _disbursement(loan: LoanFile, decider: Decider) -> BankOrder:
    return orders.disbursement(
        loan.account_id,
        loan.amount_minor,
        loan.currency,
        DisbursementDetails(loan.id, decider.today),
        by=decider.user_id,
        request_id=decider.request_id,
    )
