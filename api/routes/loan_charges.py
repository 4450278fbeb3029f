"""What staff add to a loan's fees by hand, and what they let go of what it owes."""

from fastapi import APIRouter, Request, Response

from api.approving import PROPOSED, perform
from api.dependencies import KEY_HEADER, Staff, Wired, idempotency_key
from api.http.headers import shown
from api.http.responses import reply
from api.http.strict_json import StrictRoute
from api.loans import REPLAYED, invalid, loan_id_of
from api.schemas.charges import ChargeAnswer, LoanCharge, LoanWaiver, WaiverAnswer
from core.approvals.charges import Charge
from core.approvals.waivers import Waiver
from core.lending.servicing.allocation import Component

router = APIRouter(prefix="/loans", tags=["Loans"], route_class=StrictRoute)


@router.post(
    "/{loan_id}/charges",
    status_code=201,
    response_model=ChargeAnswer,
    responses={201: shown("Idempotent-Replayed"), **PROPOSED},
    openapi_extra=KEY_HEADER,
)
async def charge_loan(
    request: Request, loan_id: str, body: LoanCharge, _: Staff, services: Wired
) -> Response:
    """Charge a fee on a loan: with the first instalment due on or after a date, or from now on at a
    moment. At ``disbursal``, while the application is pending.

    Above a limit a second person approves it: 202 with the proposal.
    """
    if (body.amount is None) == (body.percent is None):
        raise invalid("amount", "either amount or percent is needed")
    act = Charge(
        loan_id_of(loan_id),
        body.kind,
        body.on,
        body.reason,
        body.amount,
        body.percent,
        body.tax_percent,
    )
    done = await perform(request, services, act, idempotency_key(request, body.idempotency_key))
    if isinstance(done, Response):
        return done
    answer = ChargeAnswer.of_noted(act.loan_id, done.made)
    return reply(answer, status=201, headers=REPLAYED if done.replayed else None)


@router.post(
    "/{loan_id}/waive",
    response_model=WaiverAnswer,
    responses={200: shown("Idempotent-Replayed"), **PROPOSED},
    openapi_extra=KEY_HEADER,
)
async def waive(
    request: Request, loan_id: str, body: LoanWaiver, _: Staff, services: Wired
) -> Response:
    """Let go of penalties, fees or interest that are asked and unpaid, the oldest first.

    Above a limit a second person approves it: 202 with the proposal.
    """
    act = Waiver(loan_id_of(loan_id), Component(body.component), body.amount, body.reason)
    done = await perform(request, services, act, idempotency_key(request, body.idempotency_key))
    if isinstance(done, Response):
        return done
    answer = WaiverAnswer.of_noted(act.loan_id, done.made)
    return reply(answer, headers=REPLAYED if done.replayed else None)
