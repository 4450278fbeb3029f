"""Four eyes: proposals that wait for a second person, and the decision on them."""

from fastapi import APIRouter, Request, Response

from api.dependencies import (
    KEY_HEADER,
    ActingUser,
    Caller,
    Staff,
    Wired,
    idempotency_key,
)
from api.http.admission import lists
from api.http.paging import Paging
from api.http.responses import reply
from api.http.strict_json import StrictRoute
from api.schemas.approvals import (
    ApprovalAnswer,
    Approvals,
    ApprovalStatus,
    Approving,
    Rejection,
    approval_answer,
)
from api.services import Services
from core.approvals import desk, storage
from core.approvals.desk import Decided
from core.approvals.rules import Rules
from core.foundation import outcome
from core.foundation.database import UnitOfWork
from core.foundation.errors import ApprovalNotFound
from core.foundation.ids import expect_id
from core.transactions.orders import Idempotency

router = APIRouter(prefix="/admin/approvals", tags=["Approvals"], route_class=StrictRoute)


@router.get("", response_model=Approvals)
@lists
async def list_approvals(
    _: Staff, services: Wired, page: Paging, status: ApprovalStatus | None = None
) -> Response:
    """Proposals, the newest first."""
    async with services.listings.read() as reader:
        rows = await storage.page(
            reader, status=status, before_id=page.after_id(), limit=page.fetch
        )
    shown, next_cursor = page.cut(rows, lambda row: [row.id])
    return reply({"items": [approval_answer(row) for row in shown], "next_cursor": next_cursor})


@router.get("/{approval_id}", response_model=ApprovalAnswer)
async def show_approval(approval_id: str, _: Staff, services: Wired) -> Response:
    """One proposal."""
    known = expect_id(approval_id, ApprovalNotFound)
    async with services.database.read() as reader:
        return reply(approval_answer(await storage.find(reader, known)))


@router.post("/{approval_id}/approve", response_model=ApprovalAnswer, openapi_extra=KEY_HEADER)
async def approve(
    request: Request,
    approval_id: str,
    caller: Staff,
    actor: ActingUser,
    services: Wired,
    body: Approving | None = None,
) -> Response:
    """Do what was proposed, exactly and once. ``void`` where what it stood on has changed."""
    key = _key(request, caller, body.idempotency_key if body else None)
    known = expect_id(approval_id, ApprovalNotFound)
    rules = Rules.of(services.settings)
    async with services.database.unit_of_work() as unit:
        decided = await desk.approve(unit, known, actor, rules, services.intake, key=key)
        await _commit(services, unit, decided)
    return _answer(decided)


@router.post("/{approval_id}/reject", response_model=ApprovalAnswer, openapi_extra=KEY_HEADER)
async def reject(
    request: Request,
    approval_id: str,
    body: Rejection,
    caller: Staff,
    actor: ActingUser,
    services: Wired,
) -> Response:
    """Turn a proposal down."""
    key = _key(request, caller, body.idempotency_key)
    known = expect_id(approval_id, ApprovalNotFound)
    async with services.database.unit_of_work() as unit:
        decided = await desk.reject(unit, known, actor, body.reason, key)
        await _commit(services, unit, decided)
    return _answer(decided)


async def _commit(services: Services, unit: UnitOfWork, decided: Decided) -> None:
    approval = decided.approval
    if decided.replayed or approval.decision_id is None:
        return
    traces = storage.decision_trace(approval.decision_id), storage.trace(approval.id)
    await outcome.commit(services.database, unit, *traces)


def _answer(decided: Decided) -> Response:
    headers = {"idempotent-replayed": "true"} if decided.replayed else {}
    return reply(approval_answer(decided.approval), headers=headers)


def _key(request: Request, caller: Caller, field: str | None) -> Idempotency | None:
    key = idempotency_key(request, field)
    return None if key is None else Idempotency(caller.user_id, key)
