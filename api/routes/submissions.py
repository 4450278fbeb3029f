"""Submitting movements of money."""

from typing import Any, Final

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
from api.http.submission import ring_and_answer, submission, submit
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
from core.foundation.errors import SelfServiceCashOff
from core.transactions.batch import submit_batch
from core.transactions.details import PaymentDetails
from core.transactions.kinds import CONTRA, TransactionType
from core.transactions.orders import Idempotency, Order, Party
from core.transactions.payments import next_payment_ref

router = APIRouter(prefix="/transactions", tags=["Transactions"], route_class=StrictRoute)


# Which side of the movement the customer's account is on; the other one is the bank's.
CREDITED: Final = frozenset({TransactionType.DEPOSIT, TransactionType.CREDIT})


@submission(router, "/transfer")
async def transfer(request: Request, body: Transfer, caller: Customer) -> Response:
    """Move money to another account of the bank, in its currency."""
    key = _key(request, caller, body.idempotency_key)
    order = _transfer_order(body, caller, request_id(request), key)
    return await submit(request.app.state.services, order, prefer_header(request))


def _transfer_order(
    item: TransferItem, caller: Caller, request_id: str, idempotency: Idempotency | None = None
) -> Order:
    return Order(
        type=TransactionType.TRANSFER.value,
        amount=item.amount,
        debit=Party(item.from_account, caller.user_id),
        credit=Party(item.to_account),
        initiated_by=caller.user_id,
        description=item.description,
        reference=item.reference,
        request_id=request_id,
        idempotency=idempotency,
    )


def _key(request: Request, caller: Caller, field: str | None) -> Idempotency | None:
    key = idempotency_key(request, field)
    return None if key is None else Idempotency(caller.user_id, key)


@submission(router, "/deposit")
async def deposit(
    request: Request, body: CashMovement, caller: Customer, services: Wired
) -> Response:
    """Pay cash in, on an own account."""
    return await _submit_cash(TransactionType.DEPOSIT, request, body, caller, services)


@submission(router, "/withdrawal")
async def withdrawal(
    request: Request, body: CashMovement, caller: Customer, services: Wired
) -> Response:
    """Take cash out, of an own account."""
    return await _submit_cash(TransactionType.WITHDRAWAL, request, body, caller, services)


async def _submit_cash(
    kind: TransactionType, request: Request, body: CashMovement, caller: Caller, services: Services
) -> Response:
    refusal = None if services.settings.cash_desk_open else SelfServiceCashOff()
    party = Party(body.account, caller.user_id)
    order = _bank_order(kind, request, body, caller, party, refusal=refusal)
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
    return await ring_and_answer(services, done, kind, request)


@submission(router, "/payment", model=PaymentSubmitted)
async def payment(request: Request, body: Payment, caller: Customer, services: Wired) -> Response:
    """Pay somebody outside the bank."""
    reference = await next_payment_ref(services.database)
    order = _bank_order(
        TransactionType.PAYMENT,
        request,
        body,
        caller,
        Party(body.from_account, caller.user_id),
        payment_ref=reference,
        details=PaymentDetails(body.payee),
    )
    return await submit(services, order, prefer_header(request), extra={"payment_ref": reference})


def _bank_order(
    kind: TransactionType,
    request: Request,
    body: BankMovement,
    caller: Caller,
    party: Party,
    **fields: Any,
) -> Order:
    """An order between the account of ``party`` and the bank."""
    credited = kind in CREDITED
    return Order(
        type=kind.value,
        amount=body.amount,
        debit=None if credited else party,
        credit=party if credited else None,
        contra_code=CONTRA[kind].value,
        initiated_by=caller.user_id,
        description=body.description,
        reference=body.reference,
        request_id=request_id(request),
        idempotency=_key(request, caller, body.idempotency_key),
        **fields,
    )


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
    orders = [_transfer_order(item, caller, identity) for item in body.items]
    key = idempotency_key(request, body.idempotency_key)
    async with services.batch_gate.admitted(caller.user_id):
        view = await submit_batch(
            services.database, orders, owner_id=caller.user_id, idempotency_key=key
        )
    services.bell.ring(identity)
    if not view.replayed:
        metrics.submitted.labels(TransactionType.TRANSFER.value).inc(view.accepted)
    headers = {"location": f"/transactions/batch/{view.id}", "retry-after": "1"}
    if view.replayed:
        headers["idempotent-replayed"] = "true"
    return reply(batch_answer(view), status=202, headers=headers)
