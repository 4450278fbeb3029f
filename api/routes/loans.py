"""Loans: quote, apply, decide, pay, recover."""

from dataclasses import asdict
from datetime import date
from typing import Annotated, Final, TypeVar
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from sqlalchemy.ext.asyncio import AsyncSession

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
from api.http.submission import submission, submit
from api.middleware.rate_limit import address_of, limit_public
from api.schemas.approvals import ApprovalAnswer
from api.schemas.fields import IsoDate
from api.schemas.loans import (
    AssessmentAnswer,
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
    RecoveryAction,
    RecoveryAnswer,
)
from api.schemas.schedules import (
    QuoteRequest,
    ScheduleAnswer,
    quote_answer,
    quote_terms,
    schedule_answer,
)
from api.services import Services
from core.approvals.deeds import Act, Done
from core.approvals.loans import Restructuring, Settlement, WriteOff
from core.audit.log import Actor, record
from core.business_day.dates import business_date
from core.foundation import outcome
from core.foundation.database import Connection, Reader, UnitOfWork
from core.foundation.errors import Invalid, LoanNotFound, LoanStateConflict
from core.foundation.ids import new_id, parse_id
from core.ledger.currencies import refuse_unsupported
from core.lending.collections import case_work
from core.lending.collections.case_work import CaseOfficer, CaseView
from core.lending.origination import applications, decisions
from core.lending.origination.applications import Application, Change
from core.lending.origination.decisions import Decider
from core.lending.servicing import payments, schedule_views, views
from core.lending.servicing.payments import PaymentRequest
from core.lending.states import REPAYING, LoanStatus
from core.transactions import views as transactions
from core.transactions.intake import Intake
from core.transactions.keys import find_key, fingerprint_of, win_key
from core.transactions.orders import Idempotency

T = TypeVar("T")

router = APIRouter(prefix="/loans", tags=["Loans"], route_class=StrictRoute)


@router.post("/quote", response_model=ScheduleAnswer)
@limit_public
async def quote(
    request: Request,
    body: QuoteRequest,
    services: Wired,
) -> Response:
    """The EMI, the totals, the APR and the whole schedule of a loan; nothing is stored."""
    async with services.database.unit_of_work() as unit:
        today = body.start_date or await _today(services, unit.connection)
        if body.currency is not None:
            await refuse_unsupported(unit.session, body.currency)
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
    key = _key(request, caller, body.idempotency_key)
    wanted = Application(
        user_id=caller.user_id,
        amount=body.amount,
        tenure_months=body.tenure_months,
        product=body.product,
        purpose=body.purpose,
        account=body.account_id,
        monthly_income=body.monthly_income,
        monthly_obligations=body.monthly_obligations,
    )
    async with services.database.unit_of_work() as unit:
        connection = unit.connection
        asked = fingerprint_of("loans/apply", asdict(wanted))
        earlier = await find_key(connection, key, asked)
        if earlier is None:
            today = await _today(services, connection)
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


def _key(request: Request, caller: Caller, field: str | None) -> Idempotency | None:
    key = idempotency_key(request, field)
    return None if key is None else Idempotency(caller.user_id, key)


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
            _id(loan_id),
            owner_id=caller.scope,
            time_zone=services.settings.time_zone,
        )
    return reply(schedule_answer(view))


@router.get("/{loan_id}/assessment", response_model=AssessmentAnswer)
async def show_assessment(loan_id: str, caller: Staff, services: Wired) -> Response:
    """Whether the borrower can carry the loan, with the reasons in words."""
    loan = await _find(services, loan_id, caller)
    if loan.assessment is None:
        raise LoanNotFound("nobody has assessed this loan")
    return reply(AssessmentAnswer.of(loan.assessment, loan.currency))


@router.get("/{loan_id}/payoff", response_model=PayoffAnswer)
async def show_payoff(
    loan_id: str,
    caller: AnyCaller,
    services: Wired,
    on: Annotated[IsoDate | None, Query(description="The day; today if left out")] = None,
) -> Response:
    """What ending the loan costs on a day, split."""
    async with services.database.read() as reader:
        today = await _today(services, reader)
        day = on or today
        book, owed = await views.find_payoff(reader, _id(loan_id), owner_id=caller.scope, on=day)
    if book.status not in REPAYING:
        raise LoanStateConflict(f"nothing is to be paid off on a loan that is {book.status}")
    if day < today:
        raise _invalid("on", "the day lies in the past")
    return reply(PayoffAnswer.of(owed, book.currency))


@router.put("/{loan_id}", response_model=LoanAnswer)
async def change_loan(
    loan_id: str, body: LoanChange, caller: Officer, actor: ActingUser, services: Wired
) -> Response:
    """Change a pending application."""
    known = _id(loan_id)
    async with services.database.unit_of_work() as unit:
        connection = unit.connection
        today = await _today(services, connection)
        change = Change(**body.model_dump())
        await applications.update(connection, known, change, today, by=caller.user_id)
        changes = body.model_dump(exclude_unset=True, mode="json")
        _record(unit.session, actor, "update", known, **changes)
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
    known, wanted = _id(loan_id), body or LoanApproval()
    async with services.database.unit_of_work() as unit:
        connection = unit.connection
        approval = await decisions.approve(
            unit,
            services.intake,
            known,
            await _decider(request, services, connection, caller),
            interest_rate=wanted.interest_rate,
            override_reason=wanted.override_reason,
        )
        _record(
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
    known = _id(loan_id)
    key = _key(request, caller, body.idempotency_key if body else None)
    asked = fingerprint_of("loans/disburse", known)
    async with services.database.unit_of_work() as unit:
        connection = unit.connection
        earlier = await find_key(connection, key, asked)
        if earlier is not None:
            return _disbursing(known, earlier, status=202, replayed=True)
        decider = await _decider(request, services, connection, caller)
        transaction_id = await decisions.disburse_again(unit, services.intake, known, decider)
        await win_key(connection, key, asked, transaction_id)
        _record(unit.session, actor, "disburse", known, transaction_id=str(transaction_id))
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
    """Turn a pending loan down."""
    known, reason = _id(loan_id), body.reason if body else None
    async with services.database.unit_of_work() as unit:
        connection = unit.connection
        decider = await _decider(request, services, connection, caller)
        await decisions.reject(connection, known, decider, reason)
        _record(unit.session, actor, "reject", known, reason=reason)
        await unit.commit()
    return _state(known, LoanStatus.REJECTED)


@router.post("/{loan_id}/withdraw", response_model=LoanStateAnswer)
async def withdraw(loan_id: str, caller: Customer, actor: ActingUser, services: Wired) -> Response:
    """Take one's own pending application back."""
    known = _id(loan_id)
    async with services.database.unit_of_work() as unit:
        await applications.withdraw(unit.connection, known, caller.user_id)
        _record(unit.session, actor, "withdraw", known)
        await unit.commit()
    return _state(known, LoanStatus.WITHDRAWN)


@submission(router, "/{loan_id}/pay")
async def pay(
    request: Request,
    loan_id: str,
    caller: Customer,
    services: Wired,
    body: LoanPayment | None = None,
) -> Response:
    """Pay what is due, any amount, ahead of time, or everything."""
    wanted = body or LoanPayment()
    async with services.database.read() as reader:
        order = await payments.order(
            reader,
            PaymentRequest(
                loan_id=_id(loan_id),
                user_id=caller.user_id,
                amount=wanted.amount,
                mode=wanted.mode,
                from_account=wanted.from_account,
                idempotency_key=idempotency_key(request, wanted.idempotency_key),
                request_id=request_id(request),
            ),
            await _today(services, reader),
        )
    return await submit(services, order, prefer_header(request))


@router.get("/{loan_id}/recovery", response_model=RecoveryAnswer)
async def show_recovery(loan_id: str, _: Staff, services: Wired) -> Response:
    """The loan's recovery case and its history."""
    known = _id(loan_id)
    async with services.database.read() as reader:
        case = await case_work.find_case(reader, known)
    return reply(RecoveryAnswer.of(known, case))


@router.post(
    "/{loan_id}/recovery",
    response_model=RecoveryAnswer,
    responses={
        200: shown("Idempotent-Replayed"),
        202: {
            "model": RecoveryAnswer | ApprovalAnswer,
            "description": "Submitted: poll its transactions; or waiting for a second person",
            **shown("Idempotent-Replayed"),
        },
    },
    openapi_extra=KEY_HEADER,
)
async def act_on_recovery(
    request: Request,
    loan_id: str,
    body: RecoveryAction,
    caller: Staff,
    actor: ActingUser,
    services: Wired,
) -> Response:
    """Take a step of the recovery; what moves money answers 202 with its transactions.

    Above a limit a second person approves a settlement, a write-off, a new schedule: 202 with
    the proposal.
    """
    known = _id(loan_id)
    act = _agreement(known, body)
    if act is not None:
        done = await perform(request, services, act, idempotency_key(request, body.idempotency_key))
        return done if isinstance(done, Response) else _agreed(known, done)
    key = _key(request, caller, body.idempotency_key)
    details = body.model_dump(exclude_none=True, exclude={"idempotency_key"}, mode="json")
    asked = fingerprint_of("loans/recovery", known, details)
    async with services.database.unit_of_work() as unit:
        connection = unit.connection
        earlier = await find_key(connection, key, asked)
        submitted: list[UUID] = []
        if earlier is None:
            today = await _today(services, connection)
            by = CaseOfficer(caller.user_id, caller.role == "admin", today)
            submitted = await _act(unit, services.intake, known, by, body)
            step_id = submitted[0] if submitted else new_id()
            earlier = await win_key(connection, key, asked, step_id)
        if earlier is not None:  # what was made here beside it, if anything, is not committed
            submitted = await case_work.set_off_by(connection, known, earlier)
            case = await case_work.case_of(connection, known)
            return _step_taken(known, case, submitted, replayed=True)
        _record(unit.session, actor, "recovery", known, **details)
        case = await case_work.find_case(connection, known)
        if submitted:
            made = transactions.trace(submitted[0]), views.trace(known)
            await outcome.commit(services.database, unit, *made)
        else:
            await unit.commit()
    return _step_taken(known, case, submitted)


@router.delete("/{loan_id}", status_code=204)
async def delete_loan(loan_id: str, caller: Admin, actor: ActingUser, services: Wired) -> Response:
    """Hide a loan on which no money is out."""
    known = _id(loan_id)
    async with services.database.unit_of_work() as unit:
        await decisions.delete(unit.connection, known, by=caller.user_id)
        _record(unit.session, actor, "delete", known)
        await unit.commit()
    return no_content()


async def _act(
    unit: UnitOfWork,
    intake: Intake,
    loan_id: UUID,
    by: CaseOfficer,
    body: RecoveryAction,
) -> list[UUID]:
    """Do what one person may; answers the transactions that were submitted for it."""
    match body.action:
        case "assign":
            officer = _needed(body.officer_id, "officer_id")
            await case_work.assign(unit, loan_id, by, officer)
        case "note":
            await case_work.note(unit, loan_id, by, _needed(body.note, "note"))
        case "set_off":
            return await case_work.set_off(unit, intake, loan_id, by)
    return []


def _agreement(loan_id: UUID, body: RecoveryAction) -> Act | None:
    """The step as a deed that may need a second person, if it is one."""
    match body.action:
        case "restructure":
            months = _needed(body.tenure_months, "tenure_months")
            return Restructuring(loan_id, months, body.interest_rate)
        case "settle":
            return Settlement(loan_id, _needed(body.amount, "amount"))
        case "write_off":
            return WriteOff(loan_id, _needed(body.reason, "reason"))
    return None


def _agreed(loan_id: UUID, done: Done) -> Response:
    if done.accepted is None:
        return _step_taken(loan_id, done.made, [], replayed=done.replayed)
    submitted = [done.accepted.transaction_id]
    return _step_taken(loan_id, done.made, submitted, replayed=done.replayed)


def _step_taken(
    loan_id: UUID, case: CaseView, submitted: list[UUID], *, replayed: bool = False
) -> Response:
    return reply(
        RecoveryAnswer.of(loan_id, case, submitted),
        status=202 if submitted else 200,
        headers=REPLAYED if replayed else None,
    )


def _needed(value: T | None, field: str) -> T:
    if value is None:
        raise _invalid(field, f"this action needs {field}")
    return value


def _invalid(field: str, message: str) -> Invalid:
    return Invalid(message, [{"field": field, "message": message, "code": "invalid"}])


async def _find(services: Services, loan_id: str, caller: Caller) -> views.LoanView:
    async with services.database.read() as reader:
        return await _read(reader, services, _id(loan_id), caller)


async def _read(
    reader: Reader, services: Services, loan_id: UUID, caller: Caller
) -> views.LoanView:
    return await views.find_loan(
        reader, loan_id, owner_id=caller.scope, time_zone=services.settings.time_zone
    )


async def _decider(
    request: Request, services: Services, connection: Connection, caller: Caller
) -> Decider:
    today = await _today(services, connection)
    return Decider(caller.user_id, today, request_id(request))


async def _today(services: Services, reader: Reader) -> date:
    return await business_date(reader, services.settings.time_zone)


def _record(
    session: AsyncSession, actor: Actor, verb: str, loan_id: UUID, **details: object
) -> None:
    record(
        session,
        actor,
        f"loan.{verb}",
        subject_type="loan",
        subject_id=loan_id,
        details=details,
    )


REPLAYED: Final = {"idempotent-replayed": "true"}


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


def _id(text: str) -> UUID:
    known = parse_id(text)
    if known is None:
        raise LoanNotFound
    return known
