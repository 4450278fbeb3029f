"""Movements of money: submit, poll, list, reverse, hide."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from api.dependencies import (
    KEY_HEADER,
    SUBMIT_HEADERS,
    WAIT_HEADER,
    ActingUser,
    Admin,
    AnyCaller,
    Caller,
    Customer,
    Held,
    Staff,
    actor,
    idempotency_key,
    prefer_header,
    request_id,
    wait_seconds,
)
from api.instants import InstantQuery, beginning, end
from api.paging import Paging
from api.responses import no_content, reply
from api.schemas.transactions import (
    BatchAnswer,
    BatchSubmission,
    BatchSubmitted,
    CashMovement,
    ManualMovement,
    Payment,
    PaymentSubmitted,
    Submitted,
    TransactionAnswer,
    Transactions,
    Transfer,
    TransferItem,
    batch_answer,
    transaction_answer,
)
from api.services import Services
from api.strict_json import StrictRoute
from api.submission import answer, read_final, submit
from core import clock, metrics
from core.audit.log import Actor, record
from core.errors import BatchNotFound, SelfServiceCashOff, TransactionNotFound
from core.ids import parse_id
from core.ledger import accounts
from core.logging import get_logger
from core.transactions.batch import find_batch, submit_batch
from core.transactions.hiding import hide_transaction
from core.transactions.kinds import CONTRA, TransactionType
from core.transactions.models import Status
from core.transactions.orders import Idempotency, Order, Party
from core.transactions.payments import next_payment_ref
from core.transactions.repository import Filter, page_of_transactions
from core.transactions.reversal import submit_reversal

log = get_logger(__name__)
router = APIRouter(prefix="/transactions", tags=["Transactions"], route_class=StrictRoute)

SUBMITTED: dict[int | str, dict[str, Any]] = {
    200: {"model": TransactionAnswer, "description": "Final within the time waited, or replayed"},
    202: {"model": Submitted, "description": "Accepted and on disk: poll it at `Location`"},
}


@router.post(
    "/transfer",
    status_code=202,
    response_model=Submitted,
    responses=SUBMITTED,
    openapi_extra=SUBMIT_HEADERS,
)
async def transfer(
    request: Request,
    body: Transfer,
    caller: Customer,
) -> Response:
    """Move money to another account of the bank, in its currency."""
    order = _transfer_order(body, caller, request_id(request), _key(request, caller, body))
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


def _key(
    request: Request, caller: Caller, body: Transfer | CashMovement | ManualMovement | Payment
) -> Idempotency | None:
    key = idempotency_key(request, body.idempotency_key)
    return None if key is None else Idempotency(caller.user_id, key)


@router.post(
    "/deposit",
    status_code=202,
    response_model=Submitted,
    responses=SUBMITTED,
    openapi_extra=SUBMIT_HEADERS,
)
async def deposit(
    request: Request,
    body: CashMovement,
    caller: Customer,
    held: Held,
) -> Response:
    """Pay cash in, on an own account."""
    _refuse_closed_desk(held)
    own = Party(body.account, caller.user_id)
    order = _bank_order(TransactionType.DEPOSIT, body, caller, request, credit=own)
    return await submit(held, order, prefer_header(request))


@router.post(
    "/withdrawal",
    status_code=202,
    response_model=Submitted,
    responses=SUBMITTED,
    openapi_extra=SUBMIT_HEADERS,
)
async def withdrawal(
    request: Request,
    body: CashMovement,
    caller: Customer,
    held: Held,
) -> Response:
    """Take cash out, of an own account."""
    _refuse_closed_desk(held)
    own = Party(body.account, caller.user_id)
    order = _bank_order(TransactionType.WITHDRAWAL, body, caller, request, debit=own)
    return await submit(held, order, prefer_header(request))


def _refuse_closed_desk(held: Services) -> None:
    if not held.settings.cash_desk_open:
        raise SelfServiceCashOff


@router.post(
    "/credit",
    status_code=202,
    response_model=Submitted,
    responses=SUBMITTED,
    openapi_extra=SUBMIT_HEADERS,
)
async def credit(
    request: Request,
    body: ManualMovement,
    caller: Staff,
    held: Held,
) -> Response:
    """Credit any account by hand."""
    party = Party(body.account_id)
    order = _bank_order(TransactionType.CREDIT, body, caller, request, credit=party)
    return await _submit_by_hand(held, order, body, request)


@router.post(
    "/debit",
    status_code=202,
    response_model=Submitted,
    responses=SUBMITTED,
    openapi_extra=SUBMIT_HEADERS,
)
async def debit(
    request: Request,
    body: ManualMovement,
    caller: Staff,
    held: Held,
) -> Response:
    """Debit any account by hand."""
    party = Party(body.account_id)
    order = _bank_order(TransactionType.DEBIT, body, caller, request, debit=party)
    return await _submit_by_hand(held, order, body, request)


async def _submit_by_hand(
    held: Services, order: Order, body: ManualMovement, request: Request
) -> Response:
    """Submit what a member of staff has ordered, and write down who it was."""
    answered = await submit(held, order, prefer_header(request))
    if "idempotent-replayed" not in answered.headers:
        details = {"account": body.account_id, "amount": str(body.amount)}
        await _note(held, actor(request), order.type, order.id, details)
    return answered


async def _note(
    held: Services, actor: Actor, verb: str, transaction_id: UUID, details: dict[str, str]
) -> None:
    """Write down what a member of staff has done to a transaction.

    It is accepted by now, so that failing here must not make anybody try again; the transaction
    itself holds who asked for it.
    """
    try:
        async with held.database.unit_of_work() as session:
            record(
                session,
                actor,
                f"transaction.{verb}",
                subject_type="transaction",
                subject_id=transaction_id,
                details=details,
            )
            await session.commit()
    except Exception:
        log.exception("not_audited", transaction_id=str(transaction_id), verb=verb)


@router.post(
    "/payment",
    status_code=202,
    response_model=PaymentSubmitted,
    responses=SUBMITTED,
    openapi_extra=SUBMIT_HEADERS,
)
async def payment(
    request: Request,
    body: Payment,
    caller: Customer,
    held: Held,
) -> Response:
    """Pay somebody outside the bank."""
    reference = await next_payment_ref(held.database)
    order = _bank_order(
        TransactionType.PAYMENT,
        body,
        caller,
        request,
        debit=Party(body.from_account, caller.user_id),
        payment_ref=reference,
        details={"payee": body.payee},
    )
    return await submit(held, order, prefer_header(request), extra={"payment_ref": reference})


def _bank_order(
    kind: TransactionType,
    body: CashMovement | ManualMovement | Payment,
    caller: Caller,
    request: Request,
    **sides: Any,
) -> Order:
    """An order whose other side is the bank's."""
    return Order(
        type=kind.value,
        amount=body.amount,
        contra_code=CONTRA[kind].value,
        initiated_by=caller.user_id,
        description=body.description,
        reference=body.reference,
        request_id=request_id(request),
        idempotency=_key(request, caller, body),
        **sides,
    )


@router.post("/batch", status_code=202, response_model=BatchSubmitted, openapi_extra=KEY_HEADER)
async def batch(
    request: Request,
    body: BatchSubmission,
    caller: Customer,
    held: Held,
) -> Response:
    """Submit up to a thousand transfers at once; each is settled by itself."""
    identity = request_id(request)
    view = await submit_batch(
        held.database,
        [_transfer_order(item, caller, identity) for item in body.items],
        owner_id=caller.user_id,
        idempotency_key=idempotency_key(request, body.idempotency_key),
    )
    await held.bell.submit(identity)
    if not view.replayed:
        metrics.submitted.labels(TransactionType.TRANSFER.value).inc(view.accepted)
    headers = {"location": f"/transactions/batch/{view.id}", "retry-after": "1"}
    if view.replayed:
        headers["idempotent-replayed"] = "true"
    return reply(batch_answer(view), status=202, headers=headers)


@router.get("/batch/{batch_id}", response_model=BatchAnswer)
async def show_batch(batch_id: str, caller: AnyCaller, held: Held) -> Response:
    """A batch, its transfers counted by status."""
    known = parse_id(batch_id)
    if known is None:
        raise BatchNotFound
    return reply(batch_answer(await find_batch(held.database, known, reader_id=caller.scope)))


@router.get("", response_model=Transactions)
async def list_transactions(
    caller: AnyCaller,
    held: Held,
    page: Paging,
    type: Annotated[str | None, Query(max_length=40)] = None,  # noqa: A002 - the wire's name
    status: Status | None = None,
    account: Annotated[str | None, Query(max_length=64)] = None,
    since: Annotated[InstantQuery, Query(alias="from")] = None,
    until: Annotated[InstantQuery, Query(alias="to")] = None,
) -> Response:
    """The caller's transactions, the newest first; all for officers and admins."""
    account_ids = await _account_ids(held, caller, account)
    async with held.database.raw_connection() as connection:
        rows = await page_of_transactions(
            connection,
            Filter(
                account_ids=account_ids,
                type=type,
                status=status.value if status else None,
                since=beginning("from", since),
                until=end("to", until),
                before=page.after_id(),
            ),
            limit=page.fetch,
        )
    shown, next_cursor = page.cut(rows, lambda view: [view.id])
    items = [transaction_answer(view) for view in shown]
    return reply({"items": items, "next_cursor": next_cursor})


async def _account_ids(held: Services, caller: Caller, account: str | None) -> list[UUID] | None:
    """The accounts whose transactions the caller may and wants to see; None for all there are."""
    async with held.database.unit_of_work() as session:
        if account is not None:
            found = await accounts.find_account(session, account, owner_id=caller.scope)
            return [found.id]
        if caller.scope is None:
            return None
        return [own.id for own in await accounts.accounts_of(session, caller.scope)]


@router.get("/{transaction_id}", response_model=TransactionAnswer, openapi_extra=WAIT_HEADER)
async def show_transaction(request: Request, transaction_id: str, caller: AnyCaller) -> Response:
    """Poll a transaction; with `Prefer: wait=N`, answered once it is final or N seconds passed."""
    held: Services = request.app.state.services
    wait = wait_seconds(prefer_header(request))
    view = await read_final(held, _id(transaction_id), wait, reader_id=caller.scope)
    headers = None if wait is None else {"preference-applied": f"wait={wait}"}
    return reply(transaction_answer(view), headers=headers)


def _id(text: str) -> UUID:
    known = parse_id(text)
    if known is None:
        raise TransactionNotFound
    return known


@router.post(
    "/{transaction_id}/reverse",
    status_code=202,
    response_model=Submitted,
    responses=SUBMITTED,
    openapi_extra=SUBMIT_HEADERS,
)
async def reverse(
    request: Request,
    transaction_id: str,
    caller: Admin,
    actor: ActingUser,
    held: Held,
) -> Response:
    """Book the opposite of a settled transaction, once."""
    known = _id(transaction_id)
    accepted = await submit_reversal(
        held.database, known, by=caller.user_id, request_id=request_id(request)
    )
    await held.bell.submit(request_id(request))
    reversal = {"reversal": str(accepted.transaction_id)}
    await _note(held, actor, "reverse", known, reversal)
    return await answer(held, accepted, prefer_header(request))


@router.delete("/{transaction_id}", status_code=204)
async def hide(transaction_id: str, _: Admin, actor: ActingUser, held: Held) -> Response:
    """Hide the record of a final transaction; its postings stay."""
    known = _id(transaction_id)
    async with held.database.unit_of_work() as session:
        await hide_transaction(session, known, clock.now())
        record(session, actor, "transaction.hide", subject_type="transaction", subject_id=known)
        await session.commit()
    return no_content()
