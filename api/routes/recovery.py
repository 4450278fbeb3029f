"""The recovery of a loan in default: its case, and the steps that staff take."""

from typing import TypeVar
from uuid import UUID

from fastapi import APIRouter, Request, Response

from api.approving import perform
from api.dependencies import KEY_HEADER, ActingUser, Staff, Wired, idempotency_key
from api.http.headers import shown
from api.http.responses import reply
from api.http.strict_json import StrictRoute
from api.loans import REPLAYED, bank_date, invalid, key_of, loan_id_of, record_step
from api.schemas.approvals import ApprovalAnswer
from api.schemas.loans import RecoveryAction, RecoveryAnswer
from core.approvals.deeds import Act, Done
from core.approvals.loans import Restructuring, Settlement, WriteOff
from core.foundation import outcome
from core.foundation.database import UnitOfWork
from core.foundation.ids import new_id
from core.lending.collections import case_work
from core.lending.collections.case_work import CaseOfficer, CaseView
from core.lending.servicing import views
from core.transactions import views as transactions
from core.transactions.intake import Intake
from core.transactions.keys import find_key, fingerprint_of, win_key

T = TypeVar("T")

router = APIRouter(prefix="/loans", tags=["Loans"], route_class=StrictRoute)


@router.get("/{loan_id}/recovery", response_model=RecoveryAnswer)
async def show_recovery(loan_id: str, _: Staff, services: Wired) -> Response:
    """The loan's recovery case and its history."""
    known = loan_id_of(loan_id)
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
    known = loan_id_of(loan_id)
    act = _agreement(known, body)
    if act is not None:
        done = await perform(request, services, act, idempotency_key(request, body.idempotency_key))
        return done if isinstance(done, Response) else _agreed(known, done)
    key = key_of(request, caller, body.idempotency_key)
    details = body.model_dump(exclude_none=True, exclude={"idempotency_key"}, mode="json")
    asked = fingerprint_of("loans/recovery", known, details)
    async with services.database.unit_of_work() as unit:
        connection = unit.connection
        earlier = await find_key(connection, key, asked)
        submitted: list[UUID] = []
        if earlier is None:
            today = await bank_date(services, connection)
            by = CaseOfficer(caller.user_id, caller.role == "admin", today, actor.request_id)
            submitted = await _act(unit, services.intake, known, by, body)
            step_id = submitted[0] if submitted else new_id()
            earlier = await win_key(connection, key, asked, step_id)
        if earlier is not None:  # what was made here beside it, if anything, is not committed
            submitted = await case_work.set_off_by(connection, known, earlier)
            case = await case_work.case_of(connection, known)
            return _step_taken(known, case, submitted, replayed=True)
        record_step(unit.session, actor, "recovery", known, **details)
        case = await case_work.find_case(connection, known)
        if submitted:
            made = transactions.trace(submitted[0]), views.trace(known)
            await outcome.commit(services.database, unit, *made)
        else:
            await unit.commit()
    return _step_taken(known, case, submitted)


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
        raise invalid(field, f"this action needs {field}")
    return value
