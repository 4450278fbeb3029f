"""What handlers ask for: the caller, a role, the idempotency key, the preference to wait."""

import re
from dataclasses import dataclass
from typing import Annotated, Final, cast
from uuid import UUID

from fastapi import Depends, Request
from fastapi.openapi.models import OAuthFlowPassword, OAuthFlows
from fastapi.security import OAuth2

from api.middleware.addresses import client_address
from api.services import Services
from core.audit.log import Actor
from core.foundation.errors import Forbidden, Invalid, InvalidToken, Unauthenticated
from core.foundation.metrics import stage
from core.identity.tables import Role

MAX_WAIT_SECONDS: Final = 30
MAX_KEY_LENGTH: Final = 255
MAX_USER_AGENT: Final = 200
BEARER: Final = "bearer "
_WAIT = re.compile(r'wait\s*=\s*"?(\d{1,9})"?', re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who is asking, by a token whose session lives."""

    user_id: UUID
    role: str
    email: str
    session_id: UUID

    @property
    def is_staff(self) -> bool:
        """Whether the caller works for the bank, and may read of any customer."""
        return self.role != Role.CUSTOMER

    @property
    def scope(self) -> UUID | None:
        """Whose things the caller may read: a customer's own, or None for anybody's."""
        return None if self.is_staff else self.user_id


def services_of(request: Request) -> Services:
    """The services of this process."""
    return cast("Services", request.app.state.services)


def request_id(request: Request) -> str:
    """The id of this request."""
    return cast("str", request.state.request_id)


def origin(request: Request) -> Actor:
    """Somebody not known yet, for the audit log."""
    return Actor(None, "public", client_address(request), request_id(request), _user_agent(request))


def actor(request: Request) -> Actor:
    """The caller, for the audit log; only behind a role check."""
    caller: Caller = request.state.caller
    return Actor(
        caller.user_id,
        caller.role,
        client_address(request),
        request_id(request),
        _user_agent(request),
    )


def _user_agent(request: Request) -> str | None:
    said = request.headers.get("user-agent", "")[:MAX_USER_AGENT]
    return said if said and said.isprintable() else None


class RoleCheck(OAuth2):
    """A dependency that answers the caller, and refuses roles other than ``roles`` (403).

    The signature is checked in memory; whether the session lives is asked of the database, many
    requests in one query, so that logging out counts at once and in every process.
    """

    def __init__(self, *roles: Role) -> None:
        super().__init__(
            flows=OAuthFlows(password=OAuthFlowPassword(tokenUrl="/auth/token")),
            scheme_name="login",
            description="E-mail and password for a token",
            auto_error=False,
        )
        self._roles = frozenset(roles or Role)

    async def __call__(self, request: Request) -> Caller:  # type: ignore[override]
        """The caller. Raises Unauthenticated, InvalidToken, TooMany or Forbidden.

        Asked once, before the body is read; whoever asks again hears what was found then.
        """
        caller: Caller | None = request.scope["state"].get("caller")
        if caller is None:
            with stage("authenticate"):
                caller = await _identify(request)
        if caller.role not in self._roles:
            raise Forbidden
        return caller


async def _identify(request: Request) -> Caller:
    services: Services = request.app.state.services
    header = request.headers.get("authorization")
    if header is None:
        raise Unauthenticated
    if header[:7].lower() != BEARER:
        raise InvalidToken("a bearer token is expected")
    claims = services.tokens.read(header[7:].strip())
    role = await services.sessions.role_of(claims.session_id, claims.user_id)
    caller = Caller(claims.user_id, role, claims.email, claims.session_id)
    request.state.caller = caller
    services.user_limit.hit(caller.user_id)
    return caller


def require_role(*roles: str) -> RoleCheck:
    """``Depends(require_role("admin"))``: the caller, who must have one of ``roles``."""
    return RoleCheck(*map(Role, roles))


_CUSTOMER, _OFFICER, _ADMIN = Role.CUSTOMER, Role.OFFICER, Role.ADMIN
AnyCaller = Annotated[Caller, Depends(require_role(_CUSTOMER, _OFFICER, _ADMIN))]
Customer = Annotated[Caller, Depends(require_role(_CUSTOMER))]
Officer = Annotated[Caller, Depends(require_role(_OFFICER))]
Admin = Annotated[Caller, Depends(require_role(_ADMIN))]
Staff = Annotated[Caller, Depends(require_role(_OFFICER, _ADMIN))]
Wired = Annotated[Services, Depends(services_of)]
ActingUser = Annotated[Actor, Depends(actor)]
Origin = Annotated[Actor, Depends(origin)]

# Handlers of submissions and polls read these two headers themselves: declared as parameters, they
# would cost each of these hottest requests a tenth of its time. This is how they are documented.
_KEY_PARAMETER: Final = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "schema": {"type": "string", "minLength": 1, "maxLength": MAX_KEY_LENGTH},
    "description": "1 to 255 printable characters. The same key and body make one transaction",
}
_WAIT_PARAMETER: Final = {
    "name": "Prefer",
    "in": "header",
    "required": False,
    "schema": {"type": "string", "examples": ["wait=5"]},
    "description": f"`wait=N` holds the answer up to N seconds, at most {MAX_WAIT_SECONDS}",
}
SUBMIT_HEADERS: Final = {"parameters": [_KEY_PARAMETER, _WAIT_PARAMETER]}
KEY_HEADER: Final = {"parameters": [_KEY_PARAMETER]}
WAIT_HEADER: Final = {"parameters": [_WAIT_PARAMETER]}


def prefer_header(request: Request) -> str | None:
    """The preferences of all Prefer headers, if there is one."""
    return ",".join(request.headers.getlist("prefer")) or None


def idempotency_key(request: Request, field: str | None) -> str | None:
    """The request's key, from its header or its body. Raises Invalid where the two differ."""
    header = request.headers.get("idempotency-key")
    if header is not None and field is not None and header != field:
        raise _bad_key("the header and the body name different keys")
    key = header if header is not None else field
    if key is not None and not (1 <= len(key) <= MAX_KEY_LENGTH and key.isprintable()):
        raise _bad_key(f"must be 1 to {MAX_KEY_LENGTH} printable characters")
    return key


def _bad_key(message: str) -> Invalid:
    return Invalid(
        f"idempotency_key: {message}",
        [{"field": "idempotency_key", "message": message, "code": "invalid_idempotency_key"}],
    )


def wait_seconds(prefer: str | None) -> int | None:
    """How long the client prefers to wait (RFC 7240), at most MAX_WAIT_SECONDS.

    Preferences we do not know, or cannot read, are ignored, as the RFC wants it.
    """
    if prefer is None:
        return None
    for preference in prefer.split(","):
        found = _WAIT.fullmatch(preference.split(";")[0].strip())
        if found:
            return min(int(found[1]), MAX_WAIT_SECONDS)
    return None
