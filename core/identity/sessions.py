"""Login sessions: whether one lives, asked with every request, and how they end."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, TypeAlias
from uuid import UUID

from sqlalchemy import Select, delete, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from core.foundation.again import again
from core.foundation.batching import Coalescer
from core.foundation.database import Database, Rows
from core.foundation.errors import InvalidToken, SessionNotFound
from core.foundation.metrics import stage
from core.foundation.sqlstates import is_connection_loss
from core.identity.tables import RefreshToken, Session

MAX_SHARED_CHECK: Final = 500
ATTEMPTS: Final = 3
# A living session's user and that user's role.
Living: TypeAlias = tuple[UUID, str]

_LIVE = """
SELECT s.id, s.user_id, u.role
FROM unnest($1::uuid[]) AS asked (id)
JOIN sessions s ON s.id = asked.id
JOIN users u ON u.id = s.user_id
WHERE s.revoked_at IS NULL AND s.expires_at > now()
  AND u.status = 'active' AND u.deleted_at IS NULL
"""


class Sessions:
    """Answers whether a session lives, from the database, so that its end counts at once and in
    every process. Requests that ask at the same time share one query."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._shared: Coalescer[UUID, Living] = Coalescer(self._check, max_batch=MAX_SHARED_CHECK)

    async def role_of(self, session_id: UUID, user_id: UUID) -> str:
        """The role of the session's user. Raises InvalidToken where the session has ended, or is
        another user's: what a token says of its bearer counts only as far as its session agrees."""
        owner, role = await self._shared.submit(session_id)
        if owner != user_id:
            raise InvalidToken
        return role

    async def _check(self, session_ids: list[UUID]) -> Sequence[Living | Exception]:
        with stage("check_sessions"):
            rows = await self._read(list(set(session_ids)))
        living: dict[UUID, Living] = {row["id"]: (row["user_id"], row["role"]) for row in rows}
        return [living.get(session_id) or InvalidToken() for session_id in session_ids]

    async def _read(self, session_ids: list[UUID]) -> list[Any]:
        async def ask() -> list[Any]:
            async with self._database.read() as reader:
                return await reader.fetch(_LIVE, session_ids)

        # A pooled connection may have died with a server that is back by now: ask on another.
        return await again(
            ask,
            attempts=ATTEMPTS,
            after=is_connection_loss,
            pause_seconds=lambda _: 0,
            what="check of sessions",
        )


async def living_sessions(
    rows: Rows, user_id: UUID, at: datetime, *, before_id: UUID | None, limit: int
) -> Sequence[Session]:
    """The user's sessions that have not ended, the newest first, older than ``before_id``."""
    query = _living(user_id, at).order_by(Session.id.desc()).limit(limit)
    if before_id is not None:
        query = query.where(Session.id < before_id)
    return (await rows.scalars(query)).all()


async def find_living(rows: Rows, user_id: UUID, session_id: UUID | None, at: datetime) -> Session:
    """One of the user's sessions that has not ended. Raises SessionNotFound."""
    found = await rows.scalar(_living(user_id, at).where(Session.id == session_id))
    if found is None:
        raise SessionNotFound
    return found


def _living(user_id: UUID, at: datetime) -> Select[Session]:
    return select(Session).where(
        Session.user_id == user_id, Session.revoked_at.is_(None), Session.expires_at > at
    )


async def end_session(
    session: AsyncSession, session_id: UUID, *, because: str, at: datetime
) -> None:
    """End one session; nothing happens if it has ended already."""
    await session.execute(
        update(Session)
        .where(Session.id == session_id, Session.revoked_at.is_(None))
        .values(revoked_at=at, revoked_because=because)
    )


async def end_sessions_of(
    session: AsyncSession,
    user_id: UUID,
    *,
    because: str,
    at: datetime,
    but: UUID | None = None,
) -> None:
    """End every session of a user, ``but`` one if it is named."""
    query = update(Session).where(Session.user_id == user_id, Session.revoked_at.is_(None))
    if but is not None:
        query = query.where(Session.id != but)
    await session.execute(query.values(revoked_at=at, revoked_because=because))


async def forget_origins_of_sessions(session: AsyncSession, user_id: UUID) -> None:
    """Forget where and with what a user who leaves was logged in; the caller commits."""
    await session.execute(
        update(Session).where(Session.user_id == user_id).values(ip=None, user_agent=None)
    )


async def forget_ended_sessions(session: AsyncSession, before: datetime) -> int:
    """Delete sessions that ended before an instant, and their refresh tokens; answers how many.

    The caller commits. A refresh token used after that is unknown instead of reused: it is refused
    either way, and there is no session left to end.
    """
    ended = select(Session.id).where(or_(Session.expires_at < before, Session.revoked_at < before))
    tokens = delete(RefreshToken).where(RefreshToken.session_id.in_(ended))
    # Whoever forgets them may not read them, as the ORM would to forget them, too.
    await session.execute(tokens.execution_options(synchronize_session=False))
    gone = await session.execute(
        delete(Session)
        .where(or_(Session.expires_at < before, Session.revoked_at < before))
        .returning(Session.id)
    )
    return len(gone.all())
