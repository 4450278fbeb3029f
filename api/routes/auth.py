"""Registration, login and the life of tokens."""

from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request, Response

from api.dependencies import ActingUser, AnyCaller, Caller, Origin, Wired
from api.http.paging import Paging
from api.http.responses import no_content, reply
from api.http.strict_json import StrictRoute
from api.middleware.rate_limit import limit_login, limit_public
from api.schemas.users import (
    Credentials,
    LoginSession,
    LoginSessions,
    LogoutRequest,
    PasswordChange,
    RefreshRequest,
    Registration,
    Tokens,
    UserAnswer,
)
from core.foundation import clock
from core.foundation.ids import parse_id
from core.identity import users
from core.identity.emails import comparable_email
from core.identity.logins import TokenPair
from core.identity.sessions import find_living, living_sessions
from core.identity.tables import Role
from core.identity.users import PersonalData

router = APIRouter(prefix="/auth", tags=["Identity"], route_class=StrictRoute)


async def _note_email(request: Request, body: Credentials) -> Credentials:
    """The credentials; the limit of logins counts by their e-mail."""
    request.state.email = comparable_email(body.email)
    return body


@router.post("/register", status_code=201, response_model=UserAnswer)
@limit_public
async def register(
    request: Request,  # noqa: ARG001 - the limiter's
    body: Registration,
    services: Wired,
    origin: Origin,
) -> Response:
    """Become a customer of the bank."""
    person = PersonalData(**body.model_dump(exclude={"email", "password"}))
    user = await users.register(
        services.database,
        services.passwords,
        email=body.email,
        password=body.password,
        person=person,
        actor=origin,
    )
    return reply(UserAnswer.of(user), status=201)


@router.post("/login", response_model=Tokens)
@limit_public
@limit_login
async def login(
    request: Request,  # noqa: ARG001 - the limiter's
    body: Annotated[Credentials, Depends(_note_email)],
    services: Wired,
    origin: Origin,
) -> Response:
    """Exchange e-mail and password for tokens."""
    return _tokens(await services.logins.log_in(body.email, body.password, origin))


async def _form_credentials(
    request: Request,
    *,
    username: Annotated[str, Form(max_length=254)],
    password: Annotated[str, Form(max_length=1_024)],
    grant_type: Annotated[str | None, Form(pattern="^password$")] = None,  # noqa: ARG001
    scope: Annotated[str, Form()] = "",  # noqa: ARG001
    client_id: Annotated[str | None, Form()] = None,  # noqa: ARG001
    client_secret: Annotated[str | None, Form()] = None,  # noqa: ARG001
) -> tuple[str, str]:
    """The OAuth2 password form; what it names beyond the credentials is not used."""
    request.state.email = comparable_email(username)
    return username, password


@router.post("/token", response_model=Tokens)
@limit_public
@limit_login
async def token(
    request: Request,  # noqa: ARG001 - the limiter's
    credentials: Annotated[tuple[str, str], Depends(_form_credentials)],
    services: Wired,
    origin: Origin,
) -> Response:
    """The same as an OAuth2 password form, for the Authorize button of these pages."""
    return _tokens(await services.logins.log_in(*credentials, origin))


@router.post("/refresh", response_model=Tokens)
@limit_public
async def refresh(
    request: Request,  # noqa: ARG001 - the limiter's
    body: RefreshRequest,
    services: Wired,
    origin: Origin,
) -> Response:
    """Exchange a refresh token for fresh tokens; it is used up, and using it again ends all."""
    return _tokens(await services.logins.refresh(body.refresh_token, origin))


@router.post("/logout", status_code=204)
async def logout(
    caller: AnyCaller,
    actor: ActingUser,
    services: Wired,
    body: LogoutRequest | None = None,
) -> Response:
    """End the caller's session; its tokens are worth nothing from now on."""
    if body is not None and body.refresh_token is not None:
        await services.logins.log_out_by(body.refresh_token, actor)
    await services.logins.log_out(caller.session_id, actor)
    return no_content()


async def _note_caller(request: Request, caller: AnyCaller) -> Caller:
    """The caller, who may guess the own password no oftener than a stranger."""
    request.state.email = caller.email
    return caller


@router.post("/password", status_code=204)
@limit_public
@limit_login
async def change_password(
    request: Request,  # noqa: ARG001 - the limiter's
    body: PasswordChange,
    caller: Annotated[Caller, Depends(_note_caller)],
    actor: ActingUser,
    services: Wired,
) -> Response:
    """Set another password. All tokens end, this one too: log in again."""
    await services.logins.change_password(
        caller.user_id, body.current_password, body.new_password, actor
    )
    return no_content()


@router.get("/sessions", response_model=LoginSessions)
async def list_sessions(caller: AnyCaller, services: Wired, page: Paging) -> Response:
    """Where the caller is logged in, the latest login first."""
    async with services.database.read() as reader:
        rows = await living_sessions(
            reader.rows, caller.user_id, clock.now(), before_id=page.after_id(), limit=page.fetch
        )
    shown, next_cursor = page.cut(rows, lambda login: [login.id])
    items = [LoginSession.of(login, own=caller.session_id) for login in shown]
    return reply({"items": items, "next_cursor": next_cursor})


@router.delete("/sessions", status_code=204)
async def end_other_sessions(caller: AnyCaller, actor: ActingUser, services: Wired) -> Response:
    """Log out everywhere else: all of the caller's sessions end but this one."""
    await services.logins.end_others(caller.session_id, actor)
    return no_content()


@router.get("/sessions/{session_id}", response_model=LoginSession)
async def show_session(session_id: str, caller: AnyCaller, services: Wired) -> Response:
    """One of the caller's living sessions."""
    async with services.database.read() as reader:
        login = await find_living(reader.rows, caller.user_id, parse_id(session_id), clock.now())
    return reply(LoginSession.of(login, own=caller.session_id))


@router.delete("/sessions/{session_id}", status_code=204)
async def end_session(
    session_id: str, _: AnyCaller, actor: ActingUser, services: Wired
) -> Response:
    """End one of the caller's sessions; its tokens are worth nothing from now on."""
    await services.logins.end_one(parse_id(session_id), actor)
    return no_content()


def _tokens(pair: TokenPair) -> Response:
    answer = Tokens.model_construct(
        access_token=pair.access_token,
        refresh_token=pair.refresh_token,
        token_type="bearer",  # noqa: S106 - the name of the scheme
        expires_in=pair.expires_in,
        user_id=pair.user_id,
        role=Role(pair.role),
    )
    return reply(answer)
