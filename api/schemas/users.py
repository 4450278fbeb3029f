"""Users, logins and countries on the wire."""

from datetime import date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AfterValidator, BaseModel, Field, StringConstraints
from pydantic_core import PydanticCustomError

from api.http.strict_json import Body, example
from api.schemas.fields import Email, Flag, IdempotencyKeyField, IsoDate, Lines500, Text200
from core.foundation import clock
from core.identity.tables import Country, Role, Session, User, UserStatus

OLDEST_BIRTH_YEAR = 1900
UNMASKED_CHARACTERS = 4


def _birth_date(value: date) -> date:
    if value > clock.today() or value.year < OLDEST_BIRTH_YEAR:
        raise PydanticCustomError("invalid_date_of_birth", "must be a past date since 1900")
    return value


BirthDate = Annotated[IsoDate, AfterValidator(_birth_date)]
Phone = Annotated[str, StringConstraints(strip_whitespace=True, pattern=r"^\+?[0-9 ()/.\-]{4,40}$")]
# Rules for new passwords are the credentials' own; here only what no password can be.
Password = Annotated[str, StringConstraints(min_length=1, max_length=1_024)]


class Person(Body):
    """What a user may tell about himself."""

    full_name: Text200 | None = None
    country: Text200 | None = Field(
        None, description="ISO 3166-1 alpha-2 code, or the English name", examples=["DE"]
    )
    address: Lines500 | None = None
    date_of_birth: BirthDate | None = None
    phone: Phone | None = None
    id_document: Text200 | None = None


class Registration(Person):
    """A new customer."""

    model_config = example(
        {
            "email": "asha@example.com",
            "password": "correct horse battery",
            "full_name": "Asha Rao",
            "country": "IN",
        }
    )
    email: Email
    password: Password


class ProfileUpdate(Person):
    """The personal fields to change; those left out stay."""

    model_config = example({"address": "Unter den Linden 1", "phone": "+49 30 1234"})


class Credentials(Body):
    """A login."""

    email: Annotated[str, StringConstraints(min_length=1, max_length=254)]
    password: Password

    model_config = example({"email": "asha@example.com", "password": "correct horse battery"})


class RefreshRequest(Body):
    """A refresh token to exchange."""

    model_config = example({"refresh_token": "pC52_j_2-Oopp"})
    refresh_token: Annotated[str, StringConstraints(min_length=1, max_length=512)]


class LogoutRequest(Body):
    """The refresh token of the session that ends; the caller's own needs none."""

    model_config = example({"refresh_token": "pC52_j_2-Oopp"})
    refresh_token: Annotated[str, StringConstraints(min_length=1, max_length=512)] | None = None


class PasswordChange(Body):
    """Both passwords."""

    model_config = example(
        {"current_password": "correct horse battery", "new_password": "staple every letter"}
    )
    current_password: Password
    new_password: Password


class Tokens(BaseModel):
    """The answer to a login."""

    access_token: str
    refresh_token: str
    token_type: Literal["bearer"] = "bearer"  # noqa: S105 - the name of the scheme
    expires_in: int = Field(description="Seconds until the access token expires")
    user_id: UUID
    role: Role


class LoginSession(BaseModel):
    """A place where a user is logged in. ``current``: the session of this very request."""

    session_id: UUID
    created_at: datetime
    last_used_at: datetime = Field(description="When its tokens were last refreshed")
    expires_at: datetime = Field(description="When it ends, unless it is refreshed before")
    ip: str | None
    user_agent: str | None
    current: bool

    @classmethod
    def of(cls, login: Session, *, own: UUID) -> "LoginSession":
        """The session as answered to the one whose own session is ``own``."""
        return cls(
            session_id=login.id,
            created_at=login.created_at,
            last_used_at=login.used_at or login.created_at,
            expires_at=login.expires_at,
            ip=login.ip,
            user_agent=login.user_agent,
            current=login.id == own,
        )


class LoginSessions(BaseModel):
    """A page of sessions."""

    items: list[LoginSession]
    next_cursor: str | None


class UserAnswer(BaseModel):
    """A user; the identity document is masked but for its end."""

    user_id: UUID
    email: str
    role: Role
    full_name: str | None
    country: str | None
    address: str | None
    date_of_birth: date | None
    phone: str | None
    id_document: str | None
    status: UserStatus
    created_at: datetime

    @classmethod
    def of(cls, user: User) -> "UserAnswer":
        """The user as answered."""
        return cls(
            user_id=user.id,
            email=user.email,
            role=Role(user.role),
            full_name=user.full_name,
            country=user.country,
            address=user.address,
            date_of_birth=user.date_of_birth,
            phone=user.phone,
            id_document=_masked(user.id_document),
            status=UserStatus(user.status),
            created_at=user.created_at,
        )


def _masked(document: str | None) -> str | None:
    if document is None:
        return None
    # Of a short one nothing is shown: its end would be most of it.
    shown = document[-UNMASKED_CHARACTERS:] if len(document) > 2 * UNMASKED_CHARACTERS else ""
    return "*" * (len(document) - len(shown)) + shown


class Users(BaseModel):
    """A page of users."""

    items: list[UserAnswer]
    next_cursor: str | None


class NewUser(Person):
    """A user whom an admin makes."""

    model_config = example(
        {"email": "omar@example.com", "password": "correct horse battery", "role": "officer"}
    )
    email: Email
    password: Password
    role: Role
    idempotency_key: IdempotencyKeyField = None


class StandingChange(Body):
    """Another role, another status, or both."""

    model_config = example({"status": "blocked"})
    role: Role | None = None
    status: UserStatus | None = None


class CountryAnswer(BaseModel):
    """A country and whether the bank serves its residents."""

    code: str
    name: str
    allowed: bool

    @classmethod
    def of(cls, country: Country) -> "CountryAnswer":
        """The country as answered."""
        return cls(code=country.code, name=country.name, allowed=country.allowed)


class Countries(BaseModel):
    """A page of countries, by code."""

    items: list[CountryAnswer]
    next_cursor: str | None


class CountryChange(Body):
    """Allow a country or not; a code that is new here needs a name."""

    model_config = example({"allowed": False})
    name: Text200 | None = None
    allowed: Flag


class AuditAnswer(BaseModel):
    """One deed in the audit log."""

    id: UUID
    at: datetime
    actor_id: UUID | None
    actor_role: str
    action: str
    subject_type: str
    subject_id: str | None
    details: dict[str, Any]
    ip: str | None
    request_id: str | None


class AuditEntries(BaseModel):
    """A page of the audit log."""

    items: list[AuditAnswer]
    next_cursor: str | None
