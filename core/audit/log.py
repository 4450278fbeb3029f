"""Writing the audit log, and reading it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import and_, delete, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from core.audit.tables import AuditEntry, AuditOrigin
from core.foundation.database import Rows
from core.foundation.errors import Forbidden


@dataclass(frozen=True, slots=True)
class Actor:
    """Who does something, and from where. ``user_id`` is None for the system and the unknown.

    ``user_agent`` is what the client says of itself.
    """

    user_id: UUID | None
    role: str
    ip: str | None = None
    request_id: str | None = None
    user_agent: str | None = None


def user_of(actor: Actor) -> UUID:
    """Who acts, where somebody does. Raises Forbidden for the system and the unknown."""
    if actor.user_id is None:
        raise Forbidden
    return actor.user_id


def record(
    session: AsyncSession,
    actor: Actor,
    action: str,
    *,
    subject_type: str,
    subject_id: object = None,
    details: dict[str, Any] | None = None,
) -> None:
    """Put one deed into the caller's unit of work, so that it is logged exactly if it is done.

    ``action`` is ``noun.verb`` (``account.freeze``); ``details`` must be JSON and hold no secret.
    """
    session.add(
        AuditEntry(
            actor_id=actor.user_id,
            actor_role=actor.role,
            action=action,
            subject_type=subject_type,
            subject_id=None if subject_id is None else str(subject_id),
            details=details or {},
            origin=None if actor.ip is None else AuditOrigin(ip=actor.ip),
            request_id=actor.request_id,
        )
    )


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """What to look for; None is any."""

    actor_id: UUID | None = None
    action: str | None = None
    subject_type: str | None = None
    subject_id: str | None = None
    since: datetime | None = None
    until: datetime | None = None


async def read(
    rows: Rows, wanted: AuditFilter, *, before_id: UUID | None, limit: int
) -> Sequence[AuditEntry]:
    """The newest entries that match, at most ``limit``, older than ``before_id``."""
    query = select(AuditEntry).order_by(AuditEntry.id.desc()).limit(limit)
    if before_id is not None:
        query = query.where(AuditEntry.id < before_id)
    if wanted.actor_id is not None:
        query = query.where(AuditEntry.actor_id == wanted.actor_id)
    if wanted.action is not None:
        query = query.where(AuditEntry.action == wanted.action)
    if wanted.subject_type is not None:
        query = query.where(AuditEntry.subject_type == wanted.subject_type)
    if wanted.subject_id is not None:
        query = query.where(AuditEntry.subject_id == wanted.subject_id)
    if wanted.since is not None:
        query = query.where(AuditEntry.at >= wanted.since)
    if wanted.until is not None:
        query = query.where(AuditEntry.at < wanted.until)
    return (await rows.scalars(query)).all()


async def forget_origins_of(session: AsyncSession, user_id: UUID) -> None:
    """Forget from where a user who leaves did what the log tells of him; the caller commits.

    So of what nobody known did about him, too: a login that failed was mostly his own.
    """
    by_nobody = and_(
        AuditEntry.actor_id.is_(None),
        AuditEntry.subject_type == "user",
        AuditEntry.subject_id == str(user_id),
    )
    own = select(AuditEntry.id).where(or_(AuditEntry.actor_id == user_id, by_nobody))
    gone = delete(AuditOrigin).where(AuditOrigin.entry_id.in_(own))
    await session.execute(gone.execution_options(synchronize_session=False))


async def forget_origins(session: AsyncSession, before: datetime) -> None:
    """Forget from where was done what the log tells of before an instant; the caller commits."""
    gone = delete(AuditOrigin).where(AuditOrigin.at < before)
    await session.execute(gone.execution_options(synchronize_session=False))
