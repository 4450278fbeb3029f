"""What staff add to a loan's fees by hand, and what they let go of what it owes."""

from datetime import date
from uuid import UUID

from fastapi import APIRouter, Request, Response

from api.approving import PROPOSED, perform
from api.dependencies import KEY_HEADER, ActingUser, Caller, Staff, Wired, idempotency_key
from api.http.headers import shown
from api.http.responses import reply
from api.http.strict_json import StrictRoute
from api.loans import REPLAYED, bank_date, invalid, key_of, loan_id_of, record_step
from api.schemas.charges import ChargeAnswer, LoanCharge, LoanWaiver, WaiverAnswer
from core.approvals.waivers import Waiver
from core.audit.log import Actor
from core.foundation import outcome
from core.foundation.database import Connection, UnitOfWork
from core.foundation.errors import LoanStateConflict
from core.foundation.ids import new_id
from core.lending.collections import charging
from core.lending.collections.case_work import CaseOfficer
from core.lending.collections.charging import Noted
from core.lending.origination import applications
from core.lending.origination.charges import When
from core.lending.servicing import views
from core.transactions.keys import find_key, fingerprint_of, win_key

router = APIRouter(prefix="/loans", tags=["Loans"], route_class=StrictRoute)


@router.post(
    "/{loan_id}/charges",
    status_code=201,
    response_model=ChargeAnswer,
    responses={201: shown("Idempotent-Replayed")},
    openapi_extra=KEY_HEADER,
)
async def charge_loan(
    request: Request,
    loan_id: str,
    body: LoanCharge,
    caller: Staff,
    actor: ActingUser,
    services: Wired,
) -> Response:
    """Charge a fee on a loan: with the first instalment due on or after a date, or from now on at a
    moment. At ``disbursal``, while the application is pending."""
    known = loan_id_of(loan_id)
    if (body.amount is None) == (body.percent is None):
        raise invalid("amount", "either amount or percent is needed")
    details = body.model_dump(exclude_none=True, exclude={"idempotency_key"}, mode="json")
    asked = fingerprint_of("loans/charges", known, details)
    key = key_of(request, caller, body.idempotency_key)
    charge_id = new_id()
    async with services.database.unit_of_work() as unit:
        connection = unit.connection
        earlier = await find_key(connection, key, asked)
        if earlier is None:
            today = await bank_date(services, connection)
            try:
                noted = await _charge(unit, known, charge_id, body, caller, actor, today)
            except LoanStateConflict:
                # The key's first use may have ended a moment ago, and be what refuses this one.
                earlier = await find_key(connection, key, asked)
                if earlier is None:
                    raise
            else:
                earlier = await win_key(connection, key, asked, charge_id)
        if earlier is not None:  # what was made here beside it, if anything, is not committed
            noted = await charging.find(connection, known, earlier)
            return _charged(known, earlier, body, noted, replayed=True)
        record_step(unit.session, actor, "charge", known, **details)
        await outcome.commit(services.database, unit, views.trace(known))
    return _charged(known, charge_id, body, noted)


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
    act = Waiver(loan_id_of(loan_id), body.component, body.amount, body.reason)
    done = await perform(request, services, act, idempotency_key(request, body.idempotency_key))
    if isinstance(done, Response):
        return done
    answer = WaiverAnswer.of_noted(act.loan_id, done.made)
    return reply(answer, headers=REPLAYED if done.replayed else None)


async def _charge(
    unit: UnitOfWork,
    loan_id: UUID,
    charge_id: UUID,
    body: LoanCharge,
    caller: Caller,
    actor: Actor,
    today: date,
) -> Noted | None:
    """Ask it; None of a pending application, whose terms alone it changes."""
    if isinstance(body.on, date) and body.on < today:
        raise invalid("on", "the day lies in the past")
    if body.on is When.DISBURSAL:
        await _at_disbursal(unit.connection, loan_id, body, caller, today)
        return None
    by = CaseOfficer(caller.user_id, caller.role == "admin", today, actor.request_id)
    currency = await charging.currency_of(unit.connection, loan_id)
    return await charging.charge(
        unit, loan_id, by, body.particulars(currency), reason=body.reason, event_id=charge_id
    )


async def _at_disbursal(
    connection: Connection, loan_id: UUID, body: LoanCharge, caller: Caller, today: date
) -> None:
    await applications.add_charge(connection, loan_id, body.terms(), today, by=caller.user_id)


def _charged(
    loan_id: UUID,
    charge_id: UUID,
    body: LoanCharge,
    noted: Noted | None,
    *,
    replayed: bool = False,
) -> Response:
    answer = ChargeAnswer.of_asked(loan_id, charge_id, body, noted)
    return reply(answer, status=201, headers=REPLAYED if replayed else None)
