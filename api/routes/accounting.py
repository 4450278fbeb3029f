"""The books' periods: locked through a date, for good."""

from datetime import date

from fastapi import APIRouter, Response

from api.dependencies import ActingUser, Admin, Wired
from api.http.admission import lists
from api.http.paging import Paging
from api.http.responses import reply
from api.http.strict_json import StrictRoute
from api.schemas.accounting import PeriodAnswer, PeriodLock, Periods
from core.audit import log as audit
from core.audit.log import user_of
from core.ledger import periods

router = APIRouter(prefix="/admin/accounting", tags=["Administration"], route_class=StrictRoute)


@router.get("/periods", response_model=Periods)
@lists
async def list_periods(_: Admin, services: Wired, page: Paging) -> Response:
    """Through which dates the books were locked, the latest first: that one is in force."""
    position = page.position(date)
    async with services.listings.read() as reader:
        rows = await periods.page_of_locks(
            reader, before=position[0] if position else None, limit=page.fetch
        )
    shown, next_cursor = page.cut(rows, lambda lock: [lock.locked_through])
    return reply({"items": [PeriodAnswer.of(lock) for lock in shown], "next_cursor": next_cursor})


@router.put("/periods", response_model=PeriodAnswer)
async def lock_period(body: PeriodLock, _: Admin, actor: ActingUser, services: Wired) -> Response:
    """Lock the books through a date, at most yesterday's business date; a lock never moves back.

    What belongs to a locked period is booked on the first open date, and shows both dates.
    """
    async with services.database.unit_of_work() as unit:
        lock, is_new = await periods.lock_through(
            unit,
            body.locked_through,
            by=user_of(actor),
            reason=body.reason,
            time_zone=services.settings.time_zone,
        )
        if is_new:
            audit.record(
                unit.session,
                actor,
                "accounting_period.lock",
                subject_type="accounting_period",
                subject_id=lock.locked_through,
                details={"reason": lock.reason},
            )
        await unit.commit()
    if not lock.sealed:
        lock = await periods.seal(services.database, lock)
    return reply(PeriodAnswer.of(lock))
