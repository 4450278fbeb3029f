"""Tables of identity: users, sessions, refresh tokens, countries."""

from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import (
    CheckConstraint,
    DateTime,
    ForeignKey,
    Index,
    LargeBinary,
    PrimaryKeyConstraint,
    Text,
    func,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from core.foundation.database import Base
from core.foundation.ids import new_id


class Role(StrEnum):
    """What a user may do; officers and admins work for the bank."""

    CUSTOMER = "customer"
    OFFICER = "officer"
    ADMIN = "admin"


class UserStatus(StrEnum):
    """A blocked user cannot log in, and holds no live session."""

    ACTIVE = "active"
    BLOCKED = "blocked"


class Country(Base):
    """A country by its ISO 3166-1 alpha-2 code, and whether the bank serves its residents."""

    __tablename__ = "countries"
    __table_args__ = (CheckConstraint("code ~ '^[A-Z]{2}$'", name="code"),)

    code: Mapped[str] = mapped_column(Text, primary_key=True)
    name: Mapped[str] = mapped_column(Text)
    allowed: Mapped[bool] = mapped_column(default=True, server_default=text("true"))


class User(Base):
    """A person who can log in. ``email`` is lowercase, unique among users not deleted."""

    __tablename__ = "users"
    __table_args__ = (
        CheckConstraint("email = lower(email)", name="email_lowercase"),
        CheckConstraint("role IN ('customer', 'officer', 'admin')", name="role"),
        CheckConstraint("status IN ('active', 'blocked')", name="status"),
        Index(
            "uq_users_email_live",
            "email",
            unique=True,
            postgresql_where=text("deleted_at IS NULL"),
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    email: Mapped[str] = mapped_column(Text)
    role: Mapped[str] = mapped_column(Text, default=Role.CUSTOMER, server_default=Role.CUSTOMER)
    status: Mapped[str] = mapped_column(
        Text, default=UserStatus.ACTIVE, server_default=UserStatus.ACTIVE
    )
    password_hash: Mapped[str] = mapped_column(Text)
    full_name: Mapped[str | None] = mapped_column(Text)
    country: Mapped[str | None] = mapped_column(Text, ForeignKey("countries.code"))
    address: Mapped[str | None] = mapped_column(Text)
    date_of_birth: Mapped[date | None]
    phone: Mapped[str | None] = mapped_column(Text)
    id_document: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    deleted_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


class Session(Base):
    """One login. Its access and refresh tokens live no longer than it does.

    ``ip`` and ``user_agent`` are where and with what somebody logged in, for the user to recognise;
    ``used_at`` is when its tokens were last made afresh.
    """

    __tablename__ = "sessions"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"), index=True)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    expires_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    revoked_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    revoked_because: Mapped[str | None] = mapped_column(Text)
    used_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    ip: Mapped[str | None] = mapped_column(Text)
    user_agent: Mapped[str | None] = mapped_column(Text)


class LoginAddress(Base):
    """An address that a user logged in from, rightly (of IPv6 its /64); strangers cannot close the
    door to it."""

    __tablename__ = "login_addresses"
    __table_args__ = (PrimaryKeyConstraint("user_id", "address"),)

    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    address: Mapped[str] = mapped_column(Text)
    last_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))


class RefreshToken(Base):
    """One link of a session's chain of refresh tokens; only the SHA-256 of the token is kept."""

    __tablename__ = "refresh_tokens"
    __table_args__ = (CheckConstraint("octet_length(token_hash) = 32", name="sha256"),)

    token_hash: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    session_id: Mapped[UUID] = mapped_column(ForeignKey("sessions.id"), index=True)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    expires_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    used_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
