"""A loan's past: its history, payments put right, and what was overpaid."""

from fastapi import APIRouter, Request, Response

from api.approving import perform
from api.dependencies import ActingUser, AnyCaller, Staff, Wired, idempotency_key, prefer_header
from api.http.admission import lists
from api.http.paging import Paging
from api.http.responses import reply
from api.http.strict_json import StrictRoute
from api.http.submission import answer, answer_deed, submission
from api.loans import bank_date, key_of, loan_id_of, record_step
from api.schemas.approvals import ApprovalAnswer
from api.schemas.corrections import LoanEventAnswer, LoanHistory, LoanRefund, PaymentAdjustment
from api.schemas.transactions import Submitted
from core.approvals.corrections import Adjustment
from core.foundation import metrics, outcome
from core.foundation.errors import TransactionNotFound
from core.foundation.ids import expect_id
from core.lending.corrections import entering
from core.lending.corrections.entering import Corrector
from core.lending.corrections.history import page_of_history
from core.lending.servicing import views
from core.lending.servicing.calendar import CollectionCalendar
from core.transactions import views as transactions
from core.transactions.keys import find_key, fingerprint_of, win_key
from core.transactions.orders import Accepted

router = APIRouter(prefix="/loans", tags=["Loans"], route_class=StrictRoute)


@router.get("/{loan_id}/history", response_model=LoanHistory)
@lists
async def show_history(loan_id: str, caller: AnyCaller, services: Wired, page: Paging) -> Response:
    """Everything that has happened to the loan, the newest first: the wrong and the right."""
    async with services.listings.read() as reader:
        rows = await page_of_history(
            reader,
            loan_id_of(loan_id),
            owner_id=caller.scope,
            before_id=page.after_id(),
            limit=page.fetch,
        )
    shown, next_cursor = page.cut(rows, lambda event: [event.event_id])
    items = [LoanEventAnswer.of(event) for event in shown]
    return reply({"items": items, "next_cursor": next_cursor})


@submission(
    router,
    "/{loan_id}/payments/{transaction_id}/adjust",
    model=Submitted | ApprovalAnswer,
)
async def adjust_payment(
    request: Request,
    loan_id: str,
    transaction_id: str,
    body: PaymentAdjustment,
    _: Staff,
    services: Wired,
) -> Response:
    """Put a payment right, or undo it: its opposite is booked, and the right one from its date.

    The loan is computed anew from there. One transaction does both, or neither; above a limit a
    second person approves it first.
    """
    act = Adjustment(
        loan_id_of(loan_id),
        expect_id(transaction_id, TransactionNotFound),
        body.reason,
        body.amount,
        body.date,
        body.account,
    )
    done = await perform(request, services, act, idempotency_key(request, body.idempotency_key))
    return await answer_deed(services, done, "adjustment", request)


@submission(router, "/{loan_id}/refund")
async def refund(
    request: Request,
    loan_id: str,
    caller: AnyCaller,
    actor: ActingUser,
    services: Wired,
    body: LoanRefund | None = None,
) -> Response:
    """Pay back what was paid beyond all that was owed, to the loan's account or another
    one of the borrower's."""
    known, wanted = loan_id_of(loan_id), body or LoanRefund()
    key = key_of(request, caller, wanted.idempotency_key)
    asked = fingerprint_of("loans/refund", known, wanted.amount, wanted.to_account)
    async with services.database.unit_of_work() as unit:
        connection = unit.connection
        earlier = await find_key(connection, key, asked)
        if earlier is not None:
            return await _answer(services, request, Accepted(earlier, "pending", replayed=True))
        today = await bank_date(services, connection)
        country = services.settings.holiday_country
        by = Corrector(caller.user_id, today, CollectionCalendar(country), actor.request_id)
        transaction_id = await entering.refund(
            unit,
            services.intake,
            known,
            by,
            amount=wanted.amount,
            owner_id=caller.scope,
            to_account=wanted.to_account,
        )
        earlier = await win_key(connection, key, asked, transaction_id)
        if earlier is not None:  # what was made here beside it is not committed
            return await _answer(services, request, Accepted(earlier, "pending", replayed=True))
        record_step(unit.session, actor, "refund", known, transaction_id=str(transaction_id))
        made = transactions.trace(transaction_id), views.trace(known)
        await outcome.commit(services.database, unit, *made)
    metrics.submitted.labels("loan_refund").inc()
    return await _answer(services, request, Accepted(transaction_id, "pending"))


async def _answer(services: Wired, request: Request, accepted: Accepted) -> Response:
    return await answer(services, accepted, prefer_header(request))
