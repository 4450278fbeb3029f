"""Submitting movements of money."""

from collections.abc import Callable

from fastapi import APIRouter, Request, Response

from api.approving import perform
from api.dependencies import (
    KEY_HEADER,
    Caller,
    Customer,
    Staff,
    Wired,
    idempotency_key,
    prefer_header,
    request_id,
)
from api.http.admission import takes_batches
from api.http.headers import shown
from api.http.responses import reply
from api.http.strict_json import StrictRoute
from api.http.submission import answer_deed, submission, submit
from api.schemas.approvals import ApprovalAnswer
from api.schemas.transactions import (
    BankMovement,
    BatchSubmission,
    BatchSubmitted,
    CashMovement,
    ManualMovement,
    Payment,
    PaymentSubmitted,
    Submitted,
    Transfer,
    TransferItem,
    batch_answer,
)
from api.services import Services
from core.approvals.deeds import Deed
from core.approvals.money import ByHand
from core.foundation import metrics
from core.transactions import orders
from core.transactions.batch import submit_batch
from core.transactions.kinds import TransactionType
from core.transactions.orders import Asked, Idempotency, Order, Party

router = APIRouter(prefix="/transactions", tags=["Transactions"], route_class=StrictRoute)


@submission(router, "/transfer")
async def transfer(request: Request, body: Transfer, caller: Customer) -> Response:
    """Move money to another account of the bank, in its currency."""
    key = _key(request, caller, body.idempotency_key)
    order = _transfer_order(body, caller, request_id(request), key)
    return await submit(request.app.state.services, order, prefer_header(request))


def _transfer_order(
    item: TransferItem, caller: Caller, request_id: str, idempotency: Idempotency | None = None
) -> Order:
    return orders.transfer(
        Party(item.from_account, caller.user_id),
        Party(item.to_account),
        item.amount,
        initiated_by=caller.user_id,
        description=item.description,
        reference=item.reference,
        request_id=request_id,
        idempotency=idempotency,
    )


def _asked(request: Request, body: BankMovement, caller: Caller) -> Asked:
    """What a customer says with a movement between his account and the bank."""
    return Asked(
        initiated_by=caller.user_id,
        description=body.description,
        reference=body.reference,
        request_id=request_id(request),
        idempotency=_key(request, caller, body.idempotency_key),
    )


def _key(request: Request, caller: Caller, field: str | None) -> Idempotency | None:
    key = idempotency_key(request, field)
    return None if key is None else Idempotency(caller.user_id, key)


@submission(router, "/deposit")
async def deposit(
    request: Request, body: CashMovement, caller: Customer, services: Wired
) -> Response:
    """Pay cash in, on an own account."""
    return await _submit_cash(orders.deposit, request, body, caller, services)


@submission(router, "/withdrawal")
async def withdrawal(
    request: Request, body: CashMovement, caller: Customer, services: Wired
) -> Response:
    """Take cash out, of an own account."""
    return await _submit_cash(orders.withdrawal, request, body, caller, services)


async def _submit_cash(
    of_kind: Callable[..., Order],
    request: Request,
    body: CashMovement,
    caller: Caller,
    services: Services,
) -> Response:
    asked = _asked(request, body, caller)
    asked["refusal"] = orders.refusal_of_cash(cash_desk_open=services.settings.cash_desk_open)
    order = of_kind(Party(body.account, caller.user_id), body.amount, **asked)
    return await submit(services, order, prefer_header(request))


@submission(router, "/credit", model=Submitted | ApprovalAnswer)
async def credit(request: Request, body: ManualMovement, _: Staff, services: Wired) -> Response:
    """Credit any account by hand; above a limit a second person approves it."""
    return await _submit_by_hand(TransactionType.CREDIT, request, body, services)


@submission(router, "/debit", model=Submitted | ApprovalAnswer)
async def debit(request: Request, body: ManualMovement, _: Staff, services: Wired) -> Response:
    """Debit any account by hand; above a limit a second person approves it."""
    return await _submit_by_hand(TransactionType.DEBIT, request, body, services)


async def _submit_by_hand(
    kind: TransactionType, request: Request, body: ManualMovement, services: Services
) -> Response:
    """Submit what a member of staff has ordered, or propose it to a second one."""
    act = ByHand(Deed(kind), body.account_id, body.amount, body.description, body.reference)
    done = await perform(request, services, act, idempotency_key(request, body.idempotency_key))
    return await answer_deed(services, done, kind, request)


@submission(router, "/payment", model=PaymentSubmitted)
async def payment(request: Request, body: Payment, caller: Customer, services: Wired) -> Response:
    """Pay somebody outside the bank."""
    order = orders.payment(
        Party(body.from_account, caller.user_id),
        body.amount,
        payee=body.payee,
        **_asked(request, body, caller),
    )
    return await submit(services, order, prefer_header(request))


@router.post(
    "/batch",
    status_code=202,
    response_model=BatchSubmitted,
    responses={202: shown("Location", "Retry-After", "Idempotent-Replayed")},
    openapi_extra=KEY_HEADER,
)
@takes_batches
async def batch(
    request: Request, body: BatchSubmission, caller: Customer, services: Wired
) -> Response:
    """Submit up to a thousand transfers at once; each is settled by itself."""
    identity = request_id(request)
    transfers = [_transfer_order(item, caller, identity) for item in body.items]
    key = idempotency_key(request, body.idempotency_key)
    async with services.batch_gate.admitted(caller.user_id):
        view = await submit_batch(
            services.database,
            services.intake,
            transfers,
            owner_id=caller.user_id,
            idempotency_key=key,
        )
    if not view.replayed:
        metrics.submitted.labels(TransactionType.TRANSFER.value).inc(view.accepted)
    headers = {"location": f"/transactions/batch/{view.id}", "retry-after": "1"}
    if view.replayed:
        headers["idempotent-replayed"] = "true"
    return reply(batch_answer(view), status=202, headers=headers)
