"""The inbox's shapes."""

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel

from core.notifications.inbox import InboxItem


class NotificationAnswer(BaseModel):
    """A notice; ``read_at`` is null until its reader has read it."""

    notification_id: UUID
    kind: str
    title: str
    body: str
    loan_id: UUID | None
    created_at: datetime
    read_at: datetime | None

    @classmethod
    def of(cls, item: InboxItem) -> "NotificationAnswer":
        """The notice as answered."""
        return cls(
            notification_id=item.id,
            kind=item.kind,
            title=item.title,
            body=item.body,
            loan_id=item.loan_id,
            created_at=item.created_at,
            read_at=item.read_at,
        )


class Notifications(BaseModel):
    """A page of notices."""

    items: list[NotificationAnswer]
    next_cursor: str | None
