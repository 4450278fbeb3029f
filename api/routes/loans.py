"""Loans: quote, apply, decide, pay."""

from dataclasses import asdict
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from api.approving import perform
from api.dependencies import (
    KEY_HEADER,
    ActingUser,
    Admin,
    AnyCaller,
    Caller,
    Customer,
    Officer,
    Staff,
    Wired,
    idempotency_key,
    prefer_header,
    request_id,
)
from api.http.admission import lists
from api.http.bodies import CLIENT_GONE, unless_gone
from api.http.headers import shown
from api.http.paging import Paging
from api.http.responses import no_content, reply
from api.http.strict_json import StrictRoute
from api.http.submission import answer_deed, submission, submit
from api.loans import REPLAYED, bank_date, invalid, key_of, loan_id_of, record_step
from api.middleware.rate_limit import address_of, limit_public
from api.schemas.approvals import ApprovalAnswer
from api.schemas.assessments import AssessmentAnswer, assessment_answer
from api.schemas.fields import IsoDate
from api.schemas.loans import (
    DisbursementRequest,
    LoanAnswer,
    LoanApplication,
    LoanApproval,
    LoanApproved,
    LoanChange,
    LoanPayment,
    LoanRejection,
    Loans,
    LoanStateAnswer,
    PayoffAnswer,
)
from api.schemas.schedules import (
    QuoteRequest,
    ScheduleAnswer,
    quote_answer,
    quote_terms,
    schedule_answer,
)
from api.schemas.transactions import Submitted
from api.services import Services
from core.approvals.corrections import LatePayment
from core.audit.log import record
from core.foundation import outcome
from core.foundation.database import Connection, Reader
from core.foundation.errors import Forbidden, LoanNotFound, LoanStateConflict
from core.ledger.currencies import refuse_unsupported
from core.lending.disclosure.offer import Creditor
from core.lending.origination import applications, decisions
from core.lending.origination.applications import Application, Change
from core.lending.origination.decisions import Decider, Rejection
from core.lending.origination.kept_assessments import find_latest
from core.lending.servicing import payments, schedule_views, views
from core.lending.servicing.payments import PaymentRequest
from core.lending.states import REPAYING, LoanStatus
from core.transactions import views as transactions
from core.transactions.keys import find_key, fingerprint_of, win_key

router = APIRouter(prefix="/loans", tags=["Loans"], route_class=StrictRoute)


@router.post("/quote", response_model=ScheduleAnswer)
@limit_public
async def quote(
    request: Request,
    body: QuoteRequest,
    services: Wired,
) -> Response:
    """The EMI, the totals, the APR and the whole schedule of a loan; nothing is stored."""
    today = body.start_date
    if today is None or body.currency is not None:
        async with services.database.read() as reader:
            today = today or await bank_date(services, reader)
            if body.currency is not None:
                await refuse_unsupported(reader.rows, body.currency)
    currency = body.currency or services.settings.default_currency
    terms = quote_terms(body, currency, today)
    found = await unless_gone(request, services.quotes.quote(terms, address_of(request)))
    if found is None:
        return Response(status_code=CLIENT_GONE)
    return reply(quote_answer(body, terms, currency, found))


@router.post(
    "/apply",
    status_code=201,
    response_model=LoanStateAnswer,
    responses={201: shown("Idempotent-Replayed")},
    openapi_extra=KEY_HEADER,
)
async def apply(
    request: Request,
    body: LoanApplication,
    caller: Customer,
    actor: ActingUser,
    services: Wired,
) -> Response:
    """Apply for a loan; an officer decides on it."""
    key = key_of(request, caller, body.idempotency_key)
    wanted = Application(
        user_id=caller.user_id,
        amount=body.amount,
        tenure_months=body.tenure_months,
        product=body.product,
        purpose=body.purpose,
        account=body.account_id,
        monthly_income=body.monthly_income,
        monthly_obligations=body.monthly_obligations,
        household_income=body.household_income,
        household_obligations=body.household_obligations,
    )
    async with services.database.unit_of_work() as unit:
        connection = unit.connection
        asked = fingerprint_of("loans/apply", asdict(wanted))
        earlier = await find_key(connection, key, asked)
        if earlier is None:
            today = await bank_date(services, connection)
            loan_id = await applications.apply(
                connection, wanted, today, max_open=services.settings.max_open_applications
            )
            earlier = await win_key(connection, key, asked, loan_id)
        if earlier is not None:  # what was made here beside it, if anything, is not committed
            status = await applications.status_of(connection, earlier)
            return _state(earlier, status, status=201, replayed=True)
        record(unit.session, actor, "loan.apply", subject_type="loan", subject_id=loan_id)
        await outcome.commit(services.database, unit, views.trace(loan_id))
    return _state(loan_id, LoanStatus.PENDING, status=201)


@router.get("", response_model=Loans)
@lists
async def list_loans(
    caller: AnyCaller,
    services: Wired,
    page: Paging,
    status: Annotated[LoanStatus | None, Query(description="Only loans in this state")] = None,
) -> Response:
    """The caller's loans, the newest first; all for officers and admins."""
    async with services.listings.read() as reader:
        rows = await views.page_of_loans(
            reader,
            owner_id=caller.scope,
            status=status.value if status else None,
            before_id=page.after_id(),
            limit=page.fetch,
            time_zone=services.settings.time_zone,
        )
    shown, next_cursor = page.cut(rows, lambda view: [view.loan_id])
    return reply({"items": [LoanAnswer.of(view) for view in shown], "next_cursor": next_cursor})


@router.get("/{loan_id}", response_model=LoanAnswer)
async def show_loan(loan_id: str, caller: AnyCaller, services: Wired) -> Response:
    """One loan."""
    return reply(LoanAnswer.of(await _find(services, loan_id, caller)))


@router.get("/{loan_id}/schedule", response_model=ScheduleAnswer)
@lists
async def show_schedule(loan_id: str, caller: AnyCaller, services: Wired) -> Response:
    """The loan's schedule; before disbursement, the one it would have today."""
    async with services.listings.read() as reader:
        view = await schedule_views.find_schedule(
            reader,
            loan_id_of(loan_id),
            owner_id=caller.scope,
            time_zone=services.settings.time_zone,
        )
    return reply(schedule_answer(view))


@router.get("/{loan_id}/assessment", response_model=AssessmentAnswer)
async def show_assessment(loan_id: str, _: Staff, services: Wired) -> Response:
    """Whether the borrower can carry the loan: the reasons, and what they were found in.

    The last assessment, which is the one that decided where a decision was made.
    """
    async with services.database.read() as reader:
        found = await find_latest(reader, loan_id_of(loan_id))
    if found is None:
        raise LoanNotFound
    return reply(assessment_answer(found))


@router.get("/{loan_id}/payoff", response_model=PayoffAnswer)
async def show_payoff(
    loan_id: str,
    caller: AnyCaller,
    services: Wired,
    on: Annotated[IsoDate | None, Query(description="The day; today if left out")] = None,
) -> Response:
    """What ending the loan costs on a day, split."""
    async with services.database.read() as reader:
        today = await bank_date(services, reader)
        day = on or today
        book, owed = await views.find_payoff(
            reader, loan_id_of(loan_id), owner_id=caller.scope, on=day
        )
    if book.status not in REPAYING:
        raise LoanStateConflict(f"nothing is to be paid off on a loan that is {book.status}")
    if day < today:
        raise invalid("on", "the day lies in the past")
    return reply(PayoffAnswer.of(owed, book.currency))


@router.put("/{loan_id}", response_model=LoanAnswer)
async def change_loan(
    loan_id: str, body: LoanChange, caller: Officer, actor: ActingUser, services: Wired
) -> Response:
    """Change a pending application."""
    known = loan_id_of(loan_id)
    async with services.database.unit_of_work() as unit:
        connection = unit.connection
        today = await bank_date(services, connection)
        change = Change(**body.model_dump(exclude_unset=True))
        await applications.update(connection, known, change, today, by=caller.user_id)
        changes = body.model_dump(exclude_unset=True, mode="json")
        record_step(unit.session, actor, "update", known, **changes)
        view = await _read(connection, services, known, caller)
        await unit.commit()
    return reply(LoanAnswer.of(view))


@router.put("/{loan_id}/approve", response_model=LoanApproved, responses={200: shown("Location")})
async def approve(
    request: Request,
    loan_id: str,
    caller: Officer,
    actor: ActingUser,
    services: Wired,
    body: LoanApproval | None = None,
) -> Response:
    """Approve a pending loan; its disbursement is a transaction to poll."""
    known, wanted = loan_id_of(loan_id), body or LoanApproval()
    async with services.database.unit_of_work() as unit:
        connection = unit.connection
        approval = await decisions.approve(
            unit,
            services.intake,
            known,
            await _decider(request, services, connection, caller),
            creditor=Creditor.of(services.settings),
            interest_rate=wanted.interest_rate,
            override_reason=wanted.override_reason,
        )
        record_step(
            unit.session,
            actor,
            "approve",
            known,
            recommendation=approval.assessment.recommendation.value,
            override_reason=wanted.override_reason if approval.overridden else None,
            transaction_id=str(approval.transaction_id),
        )
        made = transactions.trace(approval.transaction_id), views.trace(known)
        await outcome.commit(services.database, unit, *made)
    return _disbursing(known, approval.transaction_id)


@router.post(
    "/{loan_id}/disburse",
    status_code=202,
    response_model=LoanApproved,
    responses={202: shown("Location", "Idempotent-Replayed")},
    openapi_extra=KEY_HEADER,
)
async def disburse(
    request: Request,
    loan_id: str,
    caller: Officer,
    actor: ActingUser,
    services: Wired,
    body: DisbursementRequest | None = None,
) -> Response:
    """Try again to pay out an approved loan whose disbursement failed."""
    known = loan_id_of(loan_id)
    key = key_of(request, caller, body.idempotency_key if body else None)
    asked = fingerprint_of("loans/disburse", known)
    async with services.database.unit_of_work() as unit:
        connection = unit.connection
        earlier = await find_key(connection, key, asked)
        if earlier is not None:
            return _disbursing(known, earlier, status=202, replayed=True)
        decider = await _decider(request, services, connection, caller)
        transaction_id = await decisions.disburse_again(
            unit, services.intake, known, decider, creditor=Creditor.of(services.settings)
        )
        await win_key(connection, key, asked, transaction_id)
        record_step(unit.session, actor, "disburse", known, transaction_id=str(transaction_id))
        made = transactions.trace(transaction_id), views.trace(known)
        await outcome.commit(services.database, unit, *made)
    return _disbursing(known, transaction_id, status=202)


@router.put("/{loan_id}/reject", response_model=LoanStateAnswer)
async def reject(
    request: Request,
    loan_id: str,
    caller: Officer,
    actor: ActingUser,
    services: Wired,
    body: LoanRejection | None = None,
) -> Response:
    """Turn a pending loan down; the customer is told the principal reasons."""
    known, wanted = loan_id_of(loan_id), body or LoanRejection()
    law = services.settings.adverse_action_notice
    rejection = Rejection(wanted.reason, wanted.codes or (), law)
    async with services.database.unit_of_work() as unit:
        connection = unit.connection
        decider = await _decider(request, services, connection, caller)
        told = await decisions.reject(connection, known, decider, rejection)
        codes = [reason.code.value for reason in told]
        record_step(unit.session, actor, "reject", known, reason=wanted.reason, codes=codes)
        await unit.commit()
    return _state(known, LoanStatus.REJECTED)


@router.post("/{loan_id}/withdraw", response_model=LoanStateAnswer)
async def withdraw(loan_id: str, caller: Customer, actor: ActingUser, services: Wired) -> Response:
    """Take one's own pending application back."""
    known = loan_id_of(loan_id)
    async with services.database.unit_of_work() as unit:
        await applications.withdraw(unit.connection, known, caller.user_id)
        record_step(unit.session, actor, "withdraw", known)
        await unit.commit()
    return _state(known, LoanStatus.WITHDRAWN)


@submission(router, "/{loan_id}/pay", model=Submitted | ApprovalAnswer)
async def pay(
    request: Request,
    loan_id: str,
    caller: AnyCaller,
    services: Wired,
    body: LoanPayment | None = None,
) -> Response:
    """Pay what is due, any amount, ahead of time, or everything.

    Staff enter what came in on an earlier date; above a limit a second person approves it.
    """
    wanted = body or LoanPayment()
    if wanted.value_date is not None:
        return await _enter(request, services, caller, loan_id_of(loan_id), wanted)
    if wanted.reason is not None:
        raise invalid("value_date", "a reason is given by staff, with the date that they enter")
    if caller.scope is None:
        raise Forbidden
    async with services.database.read() as reader:
        order = await payments.order(
            reader,
            PaymentRequest(
                loan_id=loan_id_of(loan_id),
                user_id=caller.user_id,
                amount=wanted.amount,
                mode=wanted.mode,
                from_account=wanted.from_account,
                idempotency_key=idempotency_key(request, wanted.idempotency_key),
                request_id=request_id(request),
            ),
            await bank_date(services, reader),
        )
    return await submit(services, order, prefer_header(request))


async def _enter(
    request: Request, services: Services, caller: Caller, loan_id: UUID, wanted: LoanPayment
) -> Response:
    """Enter a payment for its value date, as staff."""
    if caller.scope is not None or wanted.value_date is None:
        raise Forbidden
    if wanted.amount is None:
        raise invalid("amount", "a payment for an earlier date needs its amount")
    act = LatePayment(
        loan_id,
        wanted.amount,
        wanted.value_date,
        wanted.reason or "entered for its value date",
        wanted.mode,
        wanted.from_account,
    )
    done = await perform(request, services, act, idempotency_key(request, wanted.idempotency_key))
    return await answer_deed(services, done, "backdated_payment", request)


@router.delete("/{loan_id}", status_code=204)
async def delete_loan(loan_id: str, caller: Admin, actor: ActingUser, services: Wired) -> Response:
    """Hide a loan on which no money is out."""
    known = loan_id_of(loan_id)
    async with services.database.unit_of_work() as unit:
        await decisions.delete(unit.connection, known, by=caller.user_id)
        record_step(unit.session, actor, "delete", known)
        await unit.commit()
    return no_content()


async def _find(services: Services, loan_id: str, caller: Caller) -> views.LoanView:
    async with services.database.read() as reader:
        return await _read(reader, services, loan_id_of(loan_id), caller)


async def _read(
    reader: Reader, services: Services, loan_id: UUID, caller: Caller
) -> views.LoanView:
    return await views.find_loan(
        reader, loan_id, owner_id=caller.scope, time_zone=services.settings.time_zone
    )


async def _decider(
    request: Request, services: Services, connection: Connection, caller: Caller
) -> Decider:
    today = await bank_date(services, connection)
    return Decider(caller.user_id, today, request_id(request))


def _state(
    loan_id: UUID, state: LoanStatus, *, status: int = 200, replayed: bool = False
) -> Response:
    headers = REPLAYED if replayed else None
    return reply({"loan_id": loan_id, "status": state}, status=status, headers=headers)


def _disbursing(
    loan_id: UUID, transaction_id: UUID, *, status: int = 200, replayed: bool = False
) -> Response:
    body = {
        "loan_id": loan_id,
        "status": LoanStatus.APPROVED,
        "transaction_id": transaction_id,
    }
    headers = {"location": f"/transactions/{transaction_id}"} | (REPLAYED if replayed else {})
    return reply(body, status=status, headers=headers)
