"""Access tokens (JWT, RFC 7519, signed with HS256) and refresh tokens (opaque, kept as a hash)."""

import hashlib
import time
from dataclasses import dataclass
from secrets import token_urlsafe
from typing import Final
from uuid import UUID, uuid4

import jwt

from core.errors import InvalidToken

ALGORITHM: Final = "HS256"
REQUIRED_CLAIMS: Final = ("sub", "email", "role", "iat", "exp", "jti", "sid")
MAX_REMEMBERED: Final = 20_000


@dataclass(frozen=True, slots=True)
class Claims:
    """What a token says, its signature checked. Whether its session lives is another question."""

    user_id: UUID
    session_id: UUID
    email: str
    role: str
    expires_at: int


class AccessTokens:
    """Issues and reads the access tokens of one signing key; they live ``lifetime_seconds``."""

    def __init__(self, secret_key: str, *, lifetime_seconds: int) -> None:
        self._key = secret_key
        self.lifetime_seconds = lifetime_seconds
        # A client sends the same token with every request: its signature is checked once, its
        # expiry every time.
        self._remembered: dict[str, Claims] = {}

    def issue(self, *, user_id: UUID, session_id: UUID, email: str, role: str) -> str:
        """A signed token for a login session."""
        issued_at = int(time.time())
        claims = {
            "sub": str(user_id),
            "email": email,
            "role": role,
            "iat": issued_at,
            "exp": issued_at + self.lifetime_seconds,
            "jti": str(uuid4()),
            "sid": str(session_id),
        }
        return jwt.encode(claims, self._key, algorithm=ALGORITHM)

    def read(self, token: str) -> Claims:
        """The token's claims. Raises InvalidToken unless it is ours, whole and not expired."""
        claims = self._remembered.get(token)
        if claims is None:
            claims = self._verify(token)
            if len(self._remembered) >= MAX_REMEMBERED:
                self._remembered.clear()
            self._remembered[token] = claims
        elif claims.expires_at <= time.time():
            self._remembered.pop(token, None)
            raise InvalidToken("the token has expired")
        return claims

    def _verify(self, token: str) -> Claims:
        try:
            payload = jwt.decode(
                token,
                self._key,
                algorithms=[ALGORITHM],
                options={"require": list(REQUIRED_CLAIMS)},
                leeway=0,
            )
            return Claims(
                user_id=UUID(payload["sub"]),
                session_id=UUID(payload["sid"]),
                email=payload["email"],
                role=payload["role"],
                expires_at=int(payload["exp"]),
            )
        except jwt.ExpiredSignatureError as error:
            raise InvalidToken("the token has expired") from error
        except (jwt.InvalidTokenError, ValueError, TypeError, AttributeError) as error:
            raise InvalidToken from error


def new_refresh_token() -> tuple[str, bytes]:
    """A fresh refresh token of 256 random bits, and the hash by which it is found again."""
    token = token_urlsafe(32)
    return token, hash_refresh_token(token)


def hash_refresh_token(token: str) -> bytes:
    """The SHA-256 of a refresh token. It is random enough to need neither salt nor stretching."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
