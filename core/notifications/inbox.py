"""Writing notices, in the unit of work of what they tell of, and reading the inbox."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from core.foundation.database import Connection, Reader
from core.foundation.errors import NotificationNotFound
from core.foundation.ids import new_id

_INSERT = """
INSERT INTO notifications (id, user_id, to_staff, kind, title, body, loan_id, once, created_at)
SELECT id, user_id, user_id IS NULL, kind, title, body, loan_id, once, clock_timestamp()
FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::uuid[], $7::text[])
  AS n (id, user_id, kind, title, body, loan_id, once)
ON CONFLICT (once) WHERE once IS NOT NULL DO NOTHING
"""
_INBOX = """
SELECT n.id, n.kind, n.title, n.body, n.loan_id, n.created_at, r.read_at
FROM notifications n
LEFT JOIN notification_reads r ON r.notification_id = n.id AND r.user_id = $1
WHERE (n.user_id = $1 OR (n.to_staff AND $2)) AND ($3::uuid IS NULL OR n.id < $3)
  AND (NOT $5 OR r.read_at IS NULL)
ORDER BY n.id DESC LIMIT $4
"""
_MARK_READ = """
INSERT INTO notification_reads (notification_id, user_id, read_at)
SELECT id, $2, clock_timestamp() FROM notifications
WHERE id = $1 AND (user_id = $2 OR (to_staff AND $3))
ON CONFLICT DO NOTHING
"""
_READ = """
SELECT n.id, n.kind, n.title, n.body, n.loan_id, n.created_at, r.read_at
FROM notifications n
JOIN notification_reads r ON r.notification_id = n.id AND r.user_id = $2
WHERE n.id = $1
"""
# The reads refer to what is deleted beside them; both are gone when the statement ends.
_FORGET = """
WITH old AS (SELECT id FROM notifications WHERE {which}),
reads AS (DELETE FROM notification_reads WHERE notification_id IN (SELECT id FROM old))
DELETE FROM notifications WHERE id IN (SELECT id FROM old)
"""
_FORGET_OF = _FORGET.format(which="user_id = $1")
_FORGET_BEFORE = _FORGET.format(which="created_at < $1")


@dataclass(frozen=True, slots=True)
class Notice:
    """A notice to write. ``user_id`` None addresses the staff; ``once`` names it for good."""

    user_id: UUID | None
    kind: str
    title: str
    body: str
    loan_id: UUID | None = None
    once: str | None = None


@dataclass(frozen=True, slots=True)
class InboxItem:
    """A notice as its reader sees it."""

    id: UUID
    kind: str
    title: str
    body: str
    loan_id: UUID | None
    created_at: datetime
    read_at: datetime | None


async def write(connection: Connection, notices: Sequence[Notice]) -> None:
    """Write ``notices``; one whose ``once`` stands already is not written again."""
    if notices:
        rows = [(new_id(), n.user_id, n.kind, n.title, n.body, n.loan_id, n.once) for n in notices]
        await connection.execute(_INSERT, *zip(*rows, strict=True))


async def page_of_inbox(
    reader: Reader,
    user_id: UUID,
    *,
    is_staff: bool,
    before_id: UUID | None,
    limit: int,
    unread_only: bool = False,
) -> list[InboxItem]:
    """The newest notices of this person, and of the staff for one of them."""
    rows = await reader.fetch(_INBOX, user_id, is_staff, before_id, limit, unread_only)
    return [_item(row) for row in rows]


async def mark_read(
    connection: Connection, notification_id: UUID, user_id: UUID, *, is_staff: bool
) -> InboxItem:
    """Note that this person read it; the first time counts. Raises NotificationNotFound."""
    await connection.execute(_MARK_READ, notification_id, user_id, is_staff)
    row = await connection.fetchrow(_READ, notification_id, user_id)
    if row is None:
        raise NotificationNotFound
    return _item(row)


def _item(row: Any) -> InboxItem:
    return InboxItem(*row)


async def forget_notices_of(connection: Connection, user_id: UUID) -> None:
    """Delete what was written to a user who leaves."""
    await connection.execute(_FORGET_OF, user_id)


async def forget_notices(connection: Connection, before: datetime) -> None:
    """Delete the notices that were written before an instant."""
    await connection.execute(_FORGET_BEFORE, before)
