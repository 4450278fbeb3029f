"""What interest a loan earned, day by day, and where in the books it is."""

from datetime import date
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response

from api.dependencies import AnyCaller, Wired
from api.http.admission import lists
from api.http.paging import Paging
from api.http.responses import reply
from api.http.strict_json import StrictRoute
from api.loans import invalid, loan_id_of
from api.schemas.accruals import AccrualAnswer, Accruals
from api.schemas.fields import IsoDate
from core.lending.servicing.accrual_history import find_history

router = APIRouter(prefix="/loans", tags=["Loans"], route_class=StrictRoute)


@router.get("/{loan_id}/accruals", response_model=Accruals)
@lists
async def list_accruals(
    loan_id: str,
    caller: AnyCaller,
    services: Wired,
    page: Paging,
    first: Annotated[IsoDate | None, Query(alias="from", description="The first day")] = None,
    last: Annotated[IsoDate | None, Query(alias="to", description="The last day")] = None,
) -> Response:
    """The interest that the loan earned, the latest first: of a day's accrual of all loans its own
    part, and what was booked for it alone."""
    if first is not None and last is not None and first > last:
        raise invalid("to", "the last day lies before the first")
    position = page.position(date, UUID)
    async with services.listings.read() as reader:
        history = await find_history(
            reader,
            loan_id_of(loan_id),
            owner_id=caller.scope,
            first=first or date.min,
            last=min(last or date.max, position[0]) if position else last or date.max,
        )
    rows = [
        entry
        for entry in history.entries
        if position is None or (entry.on, entry.transaction_id) < tuple(position)
    ]
    shown, next_cursor = page.cut(
        rows[: page.fetch], lambda entry: [entry.on, entry.transaction_id]
    )
    items = [AccrualAnswer.of(entry, history.currency) for entry in shown]
    return reply({"items": items, "next_cursor": next_cursor})
