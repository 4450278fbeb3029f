"""Transactions: poll, list, reverse, hide."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from api.approving import perform
from api.dependencies import (
    WAIT_HEADER,
    ActingUser,
    Admin,
    AnyCaller,
    Caller,
    Wired,
    idempotency_key,
    prefer_header,
    wait_seconds,
)
from api.http.admission import lists
from api.http.headers import shown
from api.http.instants import InstantQuery, beginning, end
from api.http.paging import Paging
from api.http.responses import no_content, reply
from api.http.strict_json import StrictRoute
from api.http.submission import (
    PENDING,
    POLL_AFTER_SECONDS,
    answer_deed,
    read_final,
    submission,
)
from api.schemas.approvals import ApprovalAnswer
from api.schemas.transactions import (
    BatchAnswer,
    ReversalRequest,
    Submitted,
    TransactionAnswer,
    Transactions,
    batch_answer,
    transaction_answer,
)
from api.services import Services
from core.approvals.money import Reversal
from core.foundation import clock
from core.foundation.errors import BatchNotFound, TransactionNotFound
from core.foundation.ids import expect_id
from core.ledger import accounts
from core.transactions.batch import find_batch
from core.transactions.hiding import hide_transaction
from core.transactions.kinds import TransactionType
from core.transactions.tables import Status
from core.transactions.views import Filter, page_of_transactions

router = APIRouter(prefix="/transactions", tags=["Transactions"], route_class=StrictRoute)


@router.get("/batch/{batch_id}", response_model=BatchAnswer)
async def show_batch(batch_id: str, caller: AnyCaller, services: Wired) -> Response:
    """A batch, its transfers counted by status."""
    known = expect_id(batch_id, BatchNotFound)
    return reply(batch_answer(await find_batch(services.database, known, reader_id=caller.scope)))


@router.get("", response_model=Transactions)
@lists
async def list_transactions(
    caller: AnyCaller,
    services: Wired,
    page: Paging,
    type: Annotated[str | None, Query(max_length=40)] = None,  # noqa: A002 - the wire's name
    status: Status | None = None,
    account: Annotated[str | None, Query(max_length=64)] = None,
    since: Annotated[InstantQuery, Query(alias="from")] = None,
    until: Annotated[InstantQuery, Query(alias="to")] = None,
) -> Response:
    """The caller's transactions, the newest first; all for officers and admins."""
    account_ids = await _account_ids(services, caller, account)
    async with services.listings.read() as reader:
        rows = await page_of_transactions(
            reader,
            Filter(
                account_ids=account_ids,
                type=type,
                status=status.value if status else None,
                since=beginning("from", since),
                until=end("to", until),
                before=page.after_id(),
                for_staff=caller.is_staff,
            ),
            limit=page.fetch,
        )
    shown, next_cursor = page.cut(rows, lambda view: [view.id])
    items = [transaction_answer(view) for view in shown]
    return reply({"items": items, "next_cursor": next_cursor})


async def _account_ids(
    services: Services, caller: Caller, account: str | None
) -> list[UUID] | None:
    """The accounts whose transactions the caller may and wants to see; None for all there are."""
    async with services.listings.read() as reader:
        if account is not None:
            found = await accounts.find_account(reader.rows, account, owner_id=caller.scope)
            return [found.id]
        if caller.scope is None:
            return None
        return [own.id for own in await accounts.accounts_of(reader.rows, caller.scope)]


@router.get(
    "/{transaction_id}",
    response_model=TransactionAnswer,
    responses={200: shown("Retry-After", "Preference-Applied")},
    openapi_extra=WAIT_HEADER,
)
async def show_transaction(request: Request, transaction_id: str, caller: AnyCaller) -> Response:
    """Poll a transaction; with `Prefer: wait=N`, answered once it is final or N seconds passed."""
    services: Services = request.app.state.services
    wait = wait_seconds(prefer_header(request))
    view = await read_final(
        services, expect_id(transaction_id, TransactionNotFound), wait, reader_id=caller.scope
    )
    headers = {} if wait is None else {"preference-applied": f"wait={wait}"}
    if view.status == PENDING:
        headers["retry-after"] = POLL_AFTER_SECONDS
    return reply(transaction_answer(view), headers=headers)


@submission(router, "/{transaction_id}/reverse", model=Submitted | ApprovalAnswer)
async def reverse(
    request: Request,
    transaction_id: str,
    _: Admin,
    services: Wired,
    body: ReversalRequest | None = None,
) -> Response:
    """Book the opposite of a settled transaction, once."""
    known = expect_id(transaction_id, TransactionNotFound)
    key = idempotency_key(request, body.idempotency_key if body else None)
    done = await perform(request, services, Reversal(known), key)
    return await answer_deed(services, done, TransactionType.REVERSAL, request)


@router.delete("/{transaction_id}", status_code=204)
async def hide(transaction_id: str, _: Admin, actor: ActingUser, services: Wired) -> Response:
    """Hide the record of a final transaction; its postings stay."""
    known = expect_id(transaction_id, TransactionNotFound)
    async with services.database.unit_of_work() as unit:
        await hide_transaction(unit, known, actor, clock.now())
        await unit.commit()
    return no_content()
