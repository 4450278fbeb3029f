"""Users: registration, profile, farewell, and what an admin may change."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Select, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from core.audit.log import Actor, forget_origins_of, record
from core.foundation import clock, outcome
from core.foundation.database import Database, Reader, Rows, UnitOfWork
from core.foundation.errors import EmailTaken, LastAdmin, UserNotFound
from core.foundation.ids import new_id
from core.foundation.outcome import Trace
from core.foundation.sqlstates import constraint_name
from core.identity.addresses import forget_addresses_of, remember
from core.identity.countries import find_allowed
from core.identity.emails import comparable_email
from core.identity.passwords import Passwords
from core.identity.sessions import end_sessions_of, forget_origins_of_sessions
from core.identity.tables import Role, User, UserStatus
from core.notifications.inbox import forget_notices_of

_IS_THERE = "SELECT EXISTS (SELECT FROM users WHERE id = $1)"
ONE_LIVE_EMAIL: Final = "uq_users_email_live"
NO_HASH: Final = "!"
# Changes to who administers the bank happen one after the other.
ADMINS_LOCK: Final = 0x61646D73


@dataclass(frozen=True, slots=True)
class PersonalData:
    """What a user tells about himself. ``country`` is a code or an English name."""

    full_name: str | None = None
    country: str | None = None
    address: str | None = None
    date_of_birth: date | None = None
    phone: str | None = None
    id_document: str | None = None


@dataclass(frozen=True, slots=True)
class NewUser:
    """A user who can be made: the password is hashed, the country one that the bank serves."""

    email: str
    password_hash: str
    role: Role
    person: PersonalData


async def register(
    database: Database,
    passwords: Passwords,
    *,
    email: str,
    password: str,
    person: PersonalData,
    actor: Actor,
    role: Role = Role.CUSTOMER,
) -> User:
    """Make a user and commit. Raises WeakPassword, CountryNotAllowed or EmailTaken."""
    async with database.read() as reader:
        await refuse_taken(reader.rows, comparable_email(email))
    new = await prepare(
        database,
        passwords,
        email=email,
        password=password,
        person=person,
        role=role,
        whose=actor.ip,
    )
    async with database.unit_of_work() as unit:
        user = await insert(unit.session, new, actor)
        await outcome.commit(database, unit, trace(user.id))
    return user


async def prepare(
    database: Database,
    passwords: Passwords,
    *,
    email: str,
    password: str,
    person: PersonalData,
    role: Role,
    whose: str | None,
) -> NewUser:
    """What can be said before the user is made; ``whose`` turn the hashing is, by address.

    Raises WeakPassword or CountryNotAllowed.
    """
    email = comparable_email(email)
    async with database.read() as reader:
        person = await _with_country_code(reader.rows, person)
    # A quarter of a second of computing: no connection is held meanwhile.
    password_hash = await passwords.hash(password, (email, person.full_name), whose=whose)
    return NewUser(email, password_hash, role, person)


async def insert(
    session: AsyncSession, new: NewUser, actor: Actor, *, user_id: UUID | None = None
) -> User:
    """Make the user in the caller's unit of work. Raises EmailTaken."""
    user = User(
        id=user_id or new_id(),
        email=new.email,
        role=new.role,
        status=UserStatus.ACTIVE,
        password_hash=new.password_hash,
        created_at=clock.now(),
        **asdict(new.person),
    )
    session.add(user)
    registers = actor.user_id is None and actor.role == "public"
    if registers:
        actor = replace(actor, user_id=user.id, role=new.role)
    record(
        session,
        actor,
        "user.register",
        subject_type="user",
        subject_id=user.id,
        details={"role": new.role},
    )
    try:
        await session.flush()
        if registers:
            await remember(session, user.id, actor.ip, user.created_at)
    except IntegrityError as error:
        if constraint_name(error) == ONE_LIVE_EMAIL:
            raise EmailTaken from error
        raise
    return user


async def probe(reader: Reader) -> None:
    """Look at the users, whoever they are: raises where there is no schema, or none we may read."""
    await reader.fetchval("SELECT 1 FROM users LIMIT 1")


async def refuse_taken(rows: Rows, email: str) -> None:
    """Raise EmailTaken where a user has this address."""
    query = select(User.id).where(User.email == email, User.deleted_at.is_(None))
    if await rows.scalar(query) is not None:
        raise EmailTaken


async def _with_country_code(rows: Rows, person: PersonalData) -> PersonalData:
    if person.country is None:
        return person
    return replace(person, country=(await find_allowed(rows, person.country)).code)


async def find_user(rows: Rows, user_id: UUID) -> User:
    """A user who is not deleted. Raises UserNotFound."""
    return _found(await rows.scalar(_living(user_id)))


async def lock_user(session: AsyncSession, user_id: UUID) -> User:
    """The same, locked and as he is then. Raises UserNotFound."""
    query = _living(user_id).with_for_update().execution_options(populate_existing=True)
    return _found(await session.scalar(query))


def _living(user_id: UUID) -> Select[User]:
    return select(User).where(User.id == user_id, User.deleted_at.is_(None))


def _found(user: User | None) -> User:
    if user is None:
        raise UserNotFound
    return user


async def update_profile(
    session: AsyncSession, user_id: UUID, changes: dict[str, Any], actor: Actor
) -> User:
    """Set the personal fields in ``changes``; the caller commits. Raises CountryNotAllowed."""
    user = await lock_user(session, user_id)
    person = await _with_country_code(session, PersonalData(**changes))
    for name in changes:
        setattr(user, name, getattr(person, name))
    record(
        session,
        actor,
        "user.update",
        subject_type="user",
        subject_id=user_id,
        details={"fields": sorted(changes)},
    )
    await session.flush()
    return user


async def delete_user(unit: UnitOfWork, user_id: UUID, actor: Actor) -> None:
    """Say farewell: end the sessions and forget the person, what was written to him, and from where
    he came; the row stays for the books.

    Whether money or a loan is left is for the caller to find out, in the same unit of work, which
    the caller commits. Raises LastAdmin.
    """
    session = unit.session
    if (await find_user(session, user_id)).role == Role.ADMIN:
        await lock_admins(session)
    user = await lock_user(session, user_id)
    if user.role == Role.ADMIN:
        await _keep_one_admin(session, without=user_id)
    now = clock.now()
    user.deleted_at = now
    user.status = UserStatus.BLOCKED
    user.password_hash = NO_HASH
    user.email = f"deleted-{user_id}@deleted.invalid"
    for name in asdict(PersonalData()):
        setattr(user, name, None)
    await end_sessions_of(session, user_id, because="deleted", at=now)
    record(session, replace(actor, ip=None), "user.delete", subject_type="user", subject_id=user_id)
    await session.flush()
    await forget_origins_of_sessions(session, user_id)
    await forget_addresses_of(session, user_id)
    await forget_origins_of(session, user_id)
    await forget_notices_of(unit.connection, user_id)


async def change_standing(
    session: AsyncSession,
    user_id: UUID,
    *,
    role: Role | None,
    status: UserStatus | None,
    actor: Actor,
) -> User:
    """Give a user another role or status and end the user's sessions; the caller commits.

    Raises UserNotFound, or LastAdmin where nobody could administer the bank afterwards.
    """
    await lock_admins(session)
    user = await lock_user(session, user_id)
    new_role, new_status = role or Role(user.role), status or UserStatus(user.status)
    if (new_role, new_status) == (user.role, user.status):
        return user
    if user.role == Role.ADMIN and (new_role, new_status) != (Role.ADMIN, UserStatus.ACTIVE):
        await _keep_one_admin(session, without=user_id)
    record(
        session,
        actor,
        "user.standing",
        subject_type="user",
        subject_id=user_id,
        details={"from": [user.role, user.status], "to": [new_role, new_status]},
    )
    user.role, user.status = new_role, new_status
    await end_sessions_of(session, user_id, because="standing", at=clock.now())
    await session.flush()
    return user


async def lock_admins(session: AsyncSession) -> None:
    """Let changes to who administers the bank happen one after the other, until the commit."""
    await session.execute(select(func.pg_advisory_xact_lock(ADMINS_LOCK)))


async def _keep_one_admin(session: AsyncSession, *, without: UUID) -> None:
    query = select(User.id).where(
        User.role == Role.ADMIN,
        User.status == UserStatus.ACTIVE,
        User.deleted_at.is_(None),
        User.id != without,
    )
    if await session.scalar(query.limit(1)) is None:
        raise LastAdmin


@dataclass(frozen=True, slots=True)
class UserFilter:
    """Which users to list; None is any. ``email`` matches a part of the address."""

    role: Role | None = None
    status: UserStatus | None = None
    email: str | None = None


async def list_users(
    rows: Rows, wanted: UserFilter, *, before_id: UUID | None, limit: int
) -> Sequence[User]:
    """The newest users that match, at most ``limit``, older than ``before_id``."""
    query = select(User).where(User.deleted_at.is_(None)).order_by(User.id.desc()).limit(limit)
    if before_id is not None:
        query = query.where(User.id < before_id)
    if wanted.role is not None:
        query = query.where(User.role == wanted.role)
    if wanted.status is not None:
        query = query.where(User.status == wanted.status)
    if wanted.email is not None:
        query = query.where(func.strpos(User.email, wanted.email.lower()) > 0)
    return (await rows.scalars(query)).all()


def trace(user_id: UUID) -> Trace:
    """How a user is found whose commit was not answered."""
    return Trace("user_id", user_id, _IS_THERE)
