"""Access tokens (JWT, RFC 7519, signed with HS256) and refresh tokens (opaque, kept as a hash)."""

import hashlib
import hmac
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from secrets import token_urlsafe
from typing import Final
from uuid import UUID, uuid4

import jwt

from core.foundation.errors import InvalidToken

ALGORITHM: Final = "HS256"
REQUIRED_CLAIMS: Final = ("sub", "email", "role", "iat", "exp", "jti", "sid", "aud")
KEY_ID_CHARACTERS: Final = 16
MAX_REMEMBERED: Final = 20_000


@dataclass(frozen=True, slots=True)
class Claims:
    """What a token says, its signature checked. Whether its session lives is another question."""

    user_id: UUID
    session_id: UUID
    email: str
    role: str
    expires_at: int


def key_id(secret_key: str) -> str:
    """The name of a signing key (``kid``, RFC 7515): tells keys apart and nothing about them."""
    digest = hmac.new(secret_key.encode(), b"giro key id", hashlib.sha256).hexdigest()
    return digest[:KEY_ID_CHARACTERS]


class AccessTokens:
    """Issues access tokens with the first of ``secret_keys`` and reads those of any of them.

    So a key is changed without anybody noticing: the new one first, the old one beside it until
    its last token has expired. Tokens live ``lifetime_seconds`` and are meant for ``audience``.
    """

    def __init__(
        self, secret_keys: Sequence[str], *, lifetime_seconds: int, audience: str = "giro"
    ) -> None:
        self._keys: Mapping[str, str] = {key_id(key): key for key in secret_keys}
        self._signing_id = next(iter(self._keys))
        self._audience = audience
        self.lifetime_seconds = lifetime_seconds
        # A client sends the same token with every request: its signature is checked once, its
        # expiry every time.
        self._remembered: dict[str, Claims] = {}

    def issue(
        self, *, user_id: UUID, session_id: UUID, email: str, role: str, lifetime_seconds: int
    ) -> str:
        """A signed token for a login session."""
        issued_at = int(time.time())
        claims = {
            "sub": str(user_id),
            "email": email,
            "role": role,
            "aud": self._audience,
            "iat": issued_at,
            "exp": issued_at + lifetime_seconds,
            "jti": str(uuid4()),
            "sid": str(session_id),
        }
        key = self._keys[self._signing_id]
        return jwt.encode(claims, key, algorithm=ALGORITHM, headers={"kid": self._signing_id})

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
                self._key_of(token),
                algorithms=[ALGORITHM],
                audience=self._audience,
                # When it was issued is its issuer's to say: to a host whose clock is behind, or was
                # set back, a sound token comes from the future (RFC 7519 asks for no more).
                options={"require": list(REQUIRED_CLAIMS), "verify_iat": False},
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

    def _key_of(self, token: str) -> str:
        """The key that a token's header names; the signing key where it names none."""
        named = jwt.get_unverified_header(token).get("kid", self._signing_id)
        try:
            return self._keys[named]
        except KeyError as error:
            raise InvalidToken("the token is signed with a key that is not in use") from error


def new_refresh_token() -> tuple[str, bytes]:
    """A fresh refresh token of 256 random bits, and the hash by which it is found again."""
    token = token_urlsafe(32)
    return token, hash_refresh_token(token)


def hash_refresh_token(token: str) -> bytes:
    """The SHA-256 of a refresh token. It is random enough to need neither salt nor stretching."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
