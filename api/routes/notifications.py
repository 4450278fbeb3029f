"""The caller's inbox."""

from typing import Annotated

from fastapi import APIRouter, Query, Response

from api.dependencies import AnyCaller, Wired
from api.http.admission import lists
from api.http.paging import Paging
from api.http.responses import reply
from api.http.strict_json import StrictRoute
from api.schemas.notifications import NotificationAnswer, Notifications
from core.foundation.errors import NotificationNotFound
from core.foundation.ids import expect_id
from core.notifications import inbox

router = APIRouter(prefix="/users/notifications", tags=["Identity"], route_class=StrictRoute)


@router.get("", response_model=Notifications)
@lists
async def list_notifications(
    caller: AnyCaller,
    services: Wired,
    page: Paging,
    *,
    unread: Annotated[bool, Query(description="Only those not read yet")] = False,
) -> Response:
    """The caller's notices, the newest first; officers and admins also see the staff's."""
    async with services.listings.read() as reader:
        rows = await inbox.page_of_inbox(
            reader,
            caller.user_id,
            is_staff=caller.is_staff,
            before_id=page.after_id(),
            limit=page.fetch,
            unread_only=unread,
        )
    shown, next_cursor = page.cut(rows, lambda item: [item.id])
    items = [NotificationAnswer.of(item) for item in shown]
    return reply({"items": items, "next_cursor": next_cursor})


@router.post("/{notification_id}/read", response_model=NotificationAnswer)
async def mark_read(notification_id: str, caller: AnyCaller, services: Wired) -> Response:
    """Note that the caller has read a notice."""
    known = expect_id(notification_id, NotificationNotFound)
    async with services.database.unit_of_work() as unit:
        item = await inbox.mark_read(
            unit.connection, known, caller.user_id, is_staff=caller.is_staff
        )
        await unit.commit()
    return reply(NotificationAnswer.of(item))
