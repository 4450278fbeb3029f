"""The caller's inbox."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel

from api.dependencies import AnyCaller, Wired
from api.http.admission import lists
from api.http.paging import Paging
from api.http.responses import reply
from api.http.strict_json import StrictRoute
from core.foundation.errors import NotificationNotFound
from core.foundation.ids import parse_id
from core.notifications import notices
from core.notifications.notices import InboxItem

router = APIRouter(prefix="/users/notifications", tags=["Identity"], route_class=StrictRoute)


class NotificationAnswer(BaseModel):
    """A notice; ``read_at`` is null until its reader has read it."""

    notification_id: UUID
    kind: str
    title: str
    body: str
    loan_id: UUID | None
    created_at: datetime
    read_at: datetime | None


class Notifications(BaseModel):
    """A page of notices."""

    items: list[NotificationAnswer]
    next_cursor: str | None


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
    async with services.listings.raw_connection() as connection:
        rows = await notices.inbox(
            connection,
            caller.user_id,
            is_staff=caller.is_staff,
            before_id=page.after_id(),
            limit=page.fetch,
            unread_only=unread,
        )
    shown, next_cursor = page.cut(rows, lambda item: [item.id])
    return reply({"items": [_answer(item) for item in shown], "next_cursor": next_cursor})


@router.post("/{notification_id}/read", response_model=NotificationAnswer)
async def mark_read(notification_id: str, caller: AnyCaller, services: Wired) -> Response:
    """Note that the caller has read a notice."""
    known = parse_id(notification_id)
    if known is None:
        raise NotificationNotFound
    async with services.database.raw_unit_of_work() as connection:
        item = await notices.mark_read(connection, known, caller.user_id, is_staff=caller.is_staff)
    return reply(_answer(item))


def _answer(item: InboxItem) -> dict[str, Any]:
    return {
        "notification_id": item.id,
        "kind": item.kind,
        "title": item.title,
        "body": item.body,
        "loan_id": item.loan_id,
        "created_at": item.created_at,
        "read_at": item.read_at,
    }
