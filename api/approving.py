"""Staff's deeds over HTTP: done at once, or 202 with the proposal that a second person decides."""

from typing import Any, Final

from fastapi import Request
from starlette.responses import Response

from api.dependencies import actor
from api.http.headers import shown
from api.http.responses import reply
from api.schemas.approvals import ApprovalAnswer, approval_answer
from api.services import Services
from core.approvals import desk, storage
from core.approvals.deeds import Act, Doing, Done
from core.approvals.desk import Proposed
from core.approvals.rules import Rules
from core.audit.log import user_of
from core.foundation import outcome
from core.foundation.ids import new_id
from core.transactions.orders import Idempotency

PROPOSED: Final[dict[int | str, dict[str, Any]]] = {
    202: {
        "model": ApprovalAnswer,
        "description": "Above its limit: waits for a second person",
        **shown("Location", "Idempotent-Replayed"),
    }
}


async def perform(
    request: Request, services: Services, act: Act, key: str | None = None
) -> Done | Response:
    """Do the deed of a member of staff and commit; or answer 202 with its proposal."""
    doing = _doing(request, services, key)
    async with services.database.unit_of_work() as unit:
        done = await desk.perform(unit, act, doing)
        traces = (storage.trace(done.approval.id),) if isinstance(done, Proposed) else done.traces
        await outcome.commit(services.database, unit, *traces)
    return _proposed(done) if isinstance(done, Proposed) else done


async def perform_own(
    request: Request, services: Services, act: Act, key: str | None = None
) -> Done:
    """Do what a customer does with what is his own, and commit: nobody else has to agree."""
    doing = _doing(request, services, key)
    async with services.database.unit_of_work() as unit:
        done = await act.run(unit, doing)
        await outcome.commit(services.database, unit, *done.traces)
    return done


def _doing(request: Request, services: Services, key: str | None) -> Doing:
    who = actor(request)
    by = user_of(who)
    idempotency = None if key is None else Idempotency(by, key)
    return Doing(who, Rules.of(services.settings), services.intake, new_id(), by, idempotency)


def _proposed(proposed: Proposed) -> Response:
    headers = {"location": f"/admin/approvals/{proposed.approval.id}"}
    if proposed.replayed:
        headers["idempotent-replayed"] = "true"
    return reply(approval_answer(proposed.approval), status=202, headers=headers)
