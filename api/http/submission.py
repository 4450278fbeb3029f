"""Submit and poll: the answers to a submitted transaction, held back as the client prefers."""

import asyncio
from collections.abc import Callable
from typing import Any, Final, TypeVar
from uuid import UUID

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.dependencies import SUBMIT_HEADERS, prefer_header, wait_seconds
from api.http.headers import shown
from api.http.responses import reply
from api.schemas.transactions import Submitted, TransactionAnswer, transaction_answer
from api.services import Services
from core.approvals.deeds import Done
from core.foundation import metrics
from core.foundation.errors import GiroError, TransactionNotFound
from core.foundation.logging import get_logger
from core.foundation.metrics import stage
from core.transactions.orders import Accepted, Order
from core.transactions.views import TransactionView

log = get_logger(__name__)

PENDING: Final = "pending"
POLL_AFTER_SECONDS: Final = "1"
Handler = TypeVar("Handler", bound=Callable[..., Any])


def submission(
    router: APIRouter, path: str, *, model: Any = Submitted
) -> Callable[[Handler], Handler]:
    """Decorate a handler that submits: ``POST path``, documented with its headers and answers.

    ``model`` is what it answers while the transaction is pending.
    """
    return router.post(
        path,
        status_code=202,
        response_model=model,
        responses={
            200: {
                "model": TransactionAnswer,
                "description": "Final within the time waited, or replayed",
                **shown("Location", "Preference-Applied", "Idempotent-Replayed"),
            },
            202: {
                "model": model,
                "description": "Accepted and on disk: poll it at `Location`",
                **shown("Location", "Retry-After", "Preference-Applied", "Idempotent-Replayed"),
            },
        },
        openapi_extra=SUBMIT_HEADERS,
    )


async def submit(services: Services, order: Order, prefer: str | None) -> Response:
    """Accept ``order`` and answer 202; or 200 with the end, if it came while the client preferred
    to wait."""
    wait = wait_seconds(prefer)
    waiting = asyncio.create_task(services.waiters.wait(order.id, wait)) if wait else None
    try:
        accepted = await _accept(services, order)
        if waiting is None or accepted.transaction_id != order.id:
            return await answer(services, accepted, prefer)
        await waiting
        view = await _look(services, accepted, None)
        if view is None:
            return _answer_briefly(accepted, wait=wait)
        return answer_view(view, wait=wait)
    finally:
        if waiting is not None:
            waiting.cancel()


async def _accept(services: Services, order: Order) -> Accepted:
    try:
        with stage("accept"):
            accepted = await services.intake.submit(order)
    except GiroError as refusal:
        metrics.refused.labels(refusal.code).inc()
        raise
    if not accepted.replayed:
        metrics.submitted.labels(order.type).inc()
    return accepted


async def answer(services: Services, accepted: Accepted, prefer: str | None) -> Response:
    """The answer to a transaction that is accepted already, waiting for its end if preferred."""
    wait = wait_seconds(prefer)
    if accepted.status == PENDING and not wait and not accepted.replayed:
        return _answer_briefly(accepted, wait=wait)
    view = await _look(services, accepted, wait)
    if view is None:
        return _answer_briefly(accepted, wait=wait)
    return answer_view(view, wait=wait, replayed=accepted.replayed)


async def _look(services: Services, accepted: Accepted, wait: int | None) -> TransactionView | None:
    """The accepted transaction, once it is final or ``wait`` has passed; None if it is not to be
    read: it was accepted all the same, and no failure from here on may say otherwise."""
    try:
        return await read_final(services, accepted.transaction_id, wait)
    except TransactionNotFound:  # its record was hidden since
        return None
    except Exception:
        log.exception("accepted_and_not_read", transaction_id=str(accepted.transaction_id))
        return None


def _answer_briefly(accepted: Accepted, *, wait: int | None) -> Response:
    """A submitted transaction's id and status: 200 where it is final, else 202."""
    pending = accepted.status == PENDING
    brief = {"transaction_id": accepted.transaction_id, "status": accepted.status}
    if accepted.payment_ref is not None:
        brief["payment_ref"] = accepted.payment_ref
    return reply(
        brief,
        status=202 if pending else 200,
        headers=_headers(
            accepted.transaction_id, pending=pending, wait=wait, replayed=accepted.replayed
        ),
    )


async def read_final(
    services: Services, transaction_id: UUID, wait: int | None, *, reader_id: UUID | None = None
) -> TransactionView:
    """The transaction once it is final, or as it is after ``wait`` seconds.

    Raises TransactionNotFound.
    """
    if not wait:
        return await services.transactions.find(transaction_id, reader_id=reader_id)
    # Listening begins before the look, so that no end falls between the two.
    waiting = asyncio.create_task(services.waiters.wait(transaction_id, wait))
    await asyncio.sleep(0)
    try:
        view = await services.transactions.find(transaction_id, reader_id=reader_id)
        if view.status != PENDING:
            return view
        await waiting
    finally:
        waiting.cancel()
    return await services.transactions.find(transaction_id, reader_id=reader_id)


def answer_view(view: TransactionView, *, wait: int | None, replayed: bool = False) -> Response:
    """A submitted transaction in full: 200 where it is final, else 202."""
    pending = view.status == PENDING
    headers = _headers(view.id, pending=pending, wait=wait, replayed=replayed)
    return reply(transaction_answer(view), status=202 if pending else 200, headers=headers)


def _headers(
    transaction_id: UUID, *, pending: bool = True, wait: int | None = None, replayed: bool = False
) -> dict[str, str]:
    headers = {"location": f"/transactions/{transaction_id}"}
    if pending:
        headers["retry-after"] = POLL_AFTER_SECONDS
    if wait is not None:
        headers["preference-applied"] = f"wait={wait}"
    if replayed:
        headers["idempotent-replayed"] = "true"
    return headers


async def answer_deed(
    services: Services, done: Done | Response, kind: str, request: Request
) -> Response:
    """Answer the transaction that staff's deed has made; or its proposal."""
    if isinstance(done, Response):
        return done
    accepted = done.accepted
    assert accepted is not None  # noqa: S101 - these deeds are transactions
    if not accepted.replayed:
        metrics.submitted.labels(kind).inc()
    return await answer(services, accepted, prefer_header(request))
