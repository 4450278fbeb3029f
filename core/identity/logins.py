"""Logging in and out: credentials for tokens, tokens for fresher tokens, and their end."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from core.audit.log import Actor, record
from core.foundation import clock
from core.foundation.database import Database, UnitOfWork
from core.foundation.errors import (
    InvalidCredentials,
    InvalidToken,
    UserBlocked,
    WeakPassword,
    WrongPassword,
)
from core.foundation.ids import new_id
from core.identity.addresses import is_known, remember
from core.identity.backoff import Gate, LoginBackoff, gates_of
from core.identity.emails import comparable_email
from core.identity.passwords import Passwords, refuse_weak
from core.identity.sessions import end_session, end_sessions_of, find_living
from core.identity.tables import RefreshToken, Role, Session, User, UserStatus
from core.identity.tokens import AccessTokens, hash_refresh_token, new_refresh_token
from core.identity.users import find_user, lock_user


@dataclass(frozen=True, slots=True)
class TokenPair:
    """What a login answers. ``expires_in`` is the access token's life in seconds."""

    user_id: UUID
    role: str
    access_token: str
    refresh_token: str
    expires_in: int


@dataclass(frozen=True, slots=True)
class SessionLife:
    """How long one stays logged in: ``idle`` without a refresh, and in all, whatever is done."""

    idle: timedelta
    customer: timedelta
    staff: timedelta

    def end(self, role: str, began_at: datetime, used_at: datetime) -> datetime:
        """When a session of somebody of that role ends, unless it is used again before."""
        longest = self.customer if role == Role.CUSTOMER else self.staff
        return min(used_at + self.idle, began_at + longest)


class Logins:
    """The ways in and out."""

    def __init__(
        self,
        database: Database,
        passwords: Passwords,
        tokens: AccessTokens,
        life: SessionLife,
        backoff: LoginBackoff,
    ) -> None:
        self._backoff = backoff
        self._database = database
        self._passwords = passwords
        self._tokens = tokens
        self._life = life

    async def log_in(self, email: str, password: str, origin: Actor) -> TokenPair:
        """Tokens of a new session. Raises InvalidCredentials, and UserBlocked to the user alone.

        Takes the same time whether the address is unknown or the password wrong. Raises
        TooManyAttempts, without a look at the password, to whoever has guessed for too long.
        """
        email = comparable_email(email)
        query = select(User).where(User.email == email, User.deleted_at.is_(None))
        async with self._database.read() as reader:
            user = await reader.rows.scalar(query)
            known = user is not None and await is_known(reader.rows, user.id, origin.ip)
        gates = gates_of(email, origin.ip, known=known)
        stored = user.password_hash if user else None
        matches = await self._judge(gates, password, stored, whose=origin.ip)
        if user is None or not matches:
            await self._record_failure(origin, user)
            raise InvalidCredentials
        if user.status == UserStatus.BLOCKED:
            raise UserBlocked
        return await self._open_session(user, origin)

    async def _judge(
        self, gates: Sequence[Gate], password: str, stored: str | None, *, whose: str | None
    ) -> bool:
        """Whether the password is the stored one. Raises TooManyAttempts, and Overloaded."""
        await self._backoff.admit(gates)
        try:
            matches = await self._passwords.verify(password, stored, whose=whose)
        except Exception:
            await self._backoff.was_not_judged(gates)
            raise
        if matches:
            await self._backoff.was_right(gates)
        return matches

    async def _record_failure(self, origin: Actor, user: User | None) -> None:
        if user is None:  # nobody's log would grow by what strangers type
            return
        async with self._database.unit_of_work() as unit:
            record(unit.session, origin, "login.failed", subject_type="user", subject_id=user.id)
            await unit.commit()

    async def _open_session(self, user: User, origin: Actor) -> TokenPair:
        now = clock.now()
        async with self._database.unit_of_work() as unit:
            # The user may have been blocked, or have changed the password, while bcrypt computed.
            current = await unit.session.scalar(
                select(User)
                .where(
                    User.id == user.id,
                    User.password_hash == user.password_hash,
                    User.status == UserStatus.ACTIVE,
                    User.deleted_at.is_(None),
                )
                .with_for_update(key_share=True)
            )
            if current is None:
                raise InvalidCredentials
            login = Session(
                id=new_id(),
                user_id=user.id,
                created_at=now,
                used_at=now,
                expires_at=self._life.end(current.role, now, now),
                ip=origin.ip,
                user_agent=origin.user_agent,
            )
            unit.session.add(login)
            await unit.session.flush()
            await remember(unit.session, user.id, origin.ip, now)
            pair = self._issue(unit.session, current, login, now)
            actor = Actor(user.id, current.role, origin.ip, origin.request_id)
            record(unit.session, actor, "login", subject_type="user", subject_id=user.id)
            await unit.commit()
        return pair

    def _issue(self, session: AsyncSession, user: User, login: Session, now: datetime) -> TokenPair:
        refresh_token, token_hash = new_refresh_token()
        session.add(
            RefreshToken(
                token_hash=token_hash,
                session_id=login.id,
                created_at=now,
                expires_at=login.expires_at,
            )
        )
        left_seconds = int((login.expires_at - now).total_seconds())
        lifetime_seconds = min(self._tokens.lifetime_seconds, left_seconds)
        access_token = self._tokens.issue(
            user_id=user.id,
            session_id=login.id,
            email=user.email,
            role=user.role,
            lifetime_seconds=lifetime_seconds,
        )
        return TokenPair(user.id, user.role, access_token, refresh_token, lifetime_seconds)

    async def refresh(self, refresh_token: str, origin: Actor) -> TokenPair:
        """New tokens for an unused refresh token, which is used up by it. Raises InvalidToken.

        Whoever comes with a token used before has stolen it, or was stolen from: the session
        ends for both.
        """
        now = clock.now()
        async with self._database.unit_of_work() as unit:
            token = await unit.session.scalar(
                select(RefreshToken)
                .where(RefreshToken.token_hash == hash_refresh_token(refresh_token))
                .with_for_update()
            )
            if token is None:
                raise InvalidToken
            login = await unit.session.get_one(Session, token.session_id, with_for_update=True)
            if token.used_at is not None:
                await self._end_stolen(unit, login, origin)
                raise InvalidToken
            if login.revoked_at is not None or min(token.expires_at, login.expires_at) <= now:
                raise InvalidToken
            user = await unit.session.get_one(User, login.user_id)
            token.used_at = login.used_at = now
            login.expires_at = self._life.end(user.role, login.created_at, now)
            if login.expires_at <= now:  # begun before the setting was lowered
                raise InvalidToken
            pair = self._issue(unit.session, user, login, now)
            await unit.commit()
        return pair

    async def _end_stolen(self, unit: UnitOfWork, login: Session, origin: Actor) -> None:
        await end_session(unit.session, login.id, because="refresh token reused", at=clock.now())
        record(unit.session, origin, "token.reuse", subject_type="user", subject_id=login.user_id)
        await unit.commit()

    async def log_out(self, session_id: UUID, actor: Actor) -> None:
        """End the session; its access and refresh tokens are worth nothing from now on."""
        async with self._database.unit_of_work() as unit:
            await end_session(unit.session, session_id, because="logout", at=clock.now())
            record(unit.session, actor, "logout", subject_type="user", subject_id=actor.user_id)
            await unit.commit()

    async def log_out_by(self, refresh_token: str, actor: Actor) -> None:
        """End the session of one of the caller's refresh tokens; another's is left alone."""
        query = (
            select(Session.id)
            .join(RefreshToken, RefreshToken.session_id == Session.id)
            .where(
                RefreshToken.token_hash == hash_refresh_token(refresh_token),
                Session.user_id == actor.user_id,
            )
        )
        async with self._database.read() as reader:
            session_id = await reader.rows.scalar(query)
        if session_id is not None:
            await self.log_out(session_id, actor)

    async def end_one(self, session_id: UUID | None, actor: Actor) -> None:
        """End one of the caller's own sessions. Raises SessionNotFound."""
        assert actor.user_id is not None  # noqa: S101 - whoever has sessions is somebody
        now = clock.now()
        async with self._database.unit_of_work() as unit:
            found = await find_living(unit.session, actor.user_id, session_id, now)
            await end_session(unit.session, found.id, because="ended by the user", at=now)
            record(unit.session, actor, "session.end", subject_type="session", subject_id=found.id)
            await unit.commit()

    async def end_others(self, session_id: UUID, actor: Actor) -> None:
        """End all of the caller's sessions but this one."""
        assert actor.user_id is not None  # noqa: S101 - whoever has sessions is somebody
        async with self._database.unit_of_work() as unit:
            await end_sessions_of(
                unit.session,
                actor.user_id,
                because="ended by the user",
                at=clock.now(),
                but=session_id,
            )
            record(
                unit.session,
                actor,
                "session.end_others",
                subject_type="user",
                subject_id=actor.user_id,
            )
            await unit.commit()

    async def change_password(self, user_id: UUID, current: str, new: str, actor: Actor) -> None:
        """Set another password and end all the user's sessions, this one too.

        Raises WrongPassword, WeakPassword, and TooManyAttempts: who has found a token may not guess
        the password with it.
        """
        async with self._database.read() as reader:
            person = await find_user(reader.rows, user_id)
            known = await is_known(reader.rows, user_id, actor.ip)
        try:
            refuse_weak(new, (person.email, person.full_name))
        except WeakPassword as weakness:
            raise WeakPassword(weakness.detail, field="new_password") from weakness
        known_hash = person.password_hash
        gates = gates_of(person.email, actor.ip, known=known)
        if not await self._judge(gates, current, known_hash, whose=actor.ip):
            raise WrongPassword
        new_hash = await self._passwords.hash(new, whose=actor.ip)
        async with self._database.unit_of_work() as unit:
            user = await lock_user(unit.session, user_id)
            if user.password_hash != known_hash:  # changed meanwhile, by somebody faster
                raise WrongPassword
            user.password_hash = new_hash
            await end_sessions_of(unit.session, user_id, because="password", at=clock.now())
            record(unit.session, actor, "user.password", subject_type="user", subject_id=user_id)
            await unit.commit()
