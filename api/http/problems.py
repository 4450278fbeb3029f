"""From what went wrong to what the client is told: RFC 9457 problem details.

The one place that knows the HTTP status of an error.
"""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final

import asyncpg
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from redis.exceptions import RedisError
from slowapi.errors import RateLimitExceeded
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Match, Mount
from starlette.types import Scope

from api.http.responses import encode
from core.foundation.errors import (
    Conflict,
    DatabaseUnavailable,
    Forbidden,
    GiroError,
    Invalid,
    InvalidAmount,
    NotFound,
    OutcomeUnknown,
    Overloaded,
    QueryTooLong,
    RedisUnavailable,
    Refused,
    TooMany,
    Unauthenticated,
    Unavailable,
    catalogue,
)
from core.foundation.sqlstates import CommitUnknownError, is_out_of_time, is_retryable, sqlstate

MEDIA_TYPE: Final = "application/problem+json"
STATUS_OF_FAMILY: Final[Mapping[type[GiroError], int]] = {
    Refused: 400,
    Unauthenticated: 401,
    Forbidden: 403,
    NotFound: 404,
    Conflict: 409,
    Invalid: 422,
    TooMany: 429,
    Unavailable: 503,
}
RETRY_AFTER_OUTAGE_SECONDS: Final = 2
# What the web server itself refuses, as core.foundation.errors has it: code and title by status.
HTTP_CODES: Final[Mapping[int, tuple[str, str]]] = {
    400: ("bad_request", "The request cannot be understood"),
    404: ("not_found", "There is no such thing"),
    405: ("method_not_allowed", "This method is not available here"),
    413: ("body_too_large", "The body is too large"),
    415: ("unsupported_media_type", "The body must be sent as application/json"),
}
OF_FILES: Final = {"GET", "HEAD"}  # what a mount of static files answers
# What a refusal repeats of a request, so that a small one never makes a large answer.
METHODS: Final = ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT")
MAX_ERRORS: Final = 100
MAX_FIELD_CHARACTERS: Final = 200
NOT_UTF8: Final = {"22021", "22P05"}


def published_codes() -> dict[str, tuple[int, str]]:
    """Every code that an answer may carry, with its status and title."""
    ours = {code: (status_of(error), error.title) for code, error in catalogue().items()}
    web = {code: (status, title) for status, (code, title) in HTTP_CODES.items()}
    return web | ours


def status_of(error: type[GiroError]) -> int:
    """The HTTP status of an error, by its family; 500 for one without a family."""
    for family, status in STATUS_OF_FAMILY.items():
        if issubclass(error, family):
            return status
    return 500


def problem(
    scope: Scope,
    *,
    status: int,
    code: str,
    title: str,
    detail: str,
    errors: Sequence[Mapping[str, str]] | None = None,
    headers: Mapping[str, str] | None = None,
    extra: Mapping[str, Any] | None = None,
) -> Response:
    """A problem document about the request in ``scope``."""
    body: dict[str, Any] = {
        "type": f"/problems/{code}",
        "title": title,
        "status": status,
        "detail": detail,
        "instance": scope.get("path", ""),
        "code": code,
        "request_id": scope.get("state", {}).get("request_id"),
    }
    if status == HTTPStatus.UNPROCESSABLE_ENTITY:
        body["errors"] = list(errors or [])
    body |= extra or {}
    return Response(encode(body), status_code=status, headers=headers, media_type=MEDIA_TYPE)


def from_error(scope: Scope, error: GiroError) -> Response:
    """The answer to an expected error."""
    status = status_of(type(error))
    headers: dict[str, str] = {}
    errors: Sequence[Mapping[str, str]] | None = None
    if isinstance(error, TooMany):
        headers["retry-after"] = str(max(1, error.retry_after_seconds))
    elif isinstance(error, Overloaded):
        headers["retry-after"] = str(error.retry_after_seconds)
    elif isinstance(error, Unavailable):
        headers["retry-after"] = str(RETRY_AFTER_OUTAGE_SECONDS)
    elif isinstance(error, Unauthenticated):
        headers["www-authenticate"] = "Bearer"
    elif isinstance(error, Invalid):
        errors = error.errors
        if not errors and isinstance(error, InvalidAmount):
            errors = [{"field": "amount", "message": error.detail, "code": error.code}]
    return problem(
        scope,
        status=status,
        code=error.code,
        title=error.title,
        detail=error.detail,
        errors=errors,
        headers=headers,
        extra=error.made if isinstance(error, OutcomeUnknown) else None,
    )


def from_validation(scope: Scope, error: RequestValidationError) -> Response:
    """The answer to a malformed request: 422 with its fields, or 415 for a body of another type."""
    found = error.errors()
    if any(item["type"] == "unsupported_media_type" for item in found):
        return _from_status(scope, 415)
    errors = [
        {"field": _field(item["loc"]), "message": item["msg"], "code": item["type"]}
        for item in found[:MAX_ERRORS]
    ]
    first = errors[0]
    return problem(
        scope,
        status=422,
        code=Invalid.code,
        title=Invalid.title,
        detail=f"{first['field']}: {first['message']}",
        errors=errors,
    )


def _field(location: Sequence[int | str]) -> str:
    """``("body", "items", 3, "amount")`` as ``items.3.amount``; the body itself as ``body``."""
    inner = (
        location[1:]
        if location and location[0] in {"body", "query", "path", "header"}
        else location
    )
    name = ".".join(map(str, inner)) or str(location[0] if location else "body")
    return name[:MAX_FIELD_CHARACTERS]


def _from_status(
    scope: Scope, status: int, headers: Mapping[str, str] | None = None, detail: str | None = None
) -> Response:
    code, title = HTTP_CODES.get(status, (f"http_{status}", HTTPStatus(status).phrase))
    return problem(
        scope, status=status, code=code, title=title, detail=detail or title, headers=headers
    )


def from_unexpected(scope: Scope, error: Exception) -> Response | None:
    """503 for a store that is down; None for a defect of ours, which is a 500."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, RedisError):
            return from_error(scope, RedisUnavailable())
        if isinstance(cause, CommitUnknownError):
            return from_error(scope, OutcomeUnknown())
        if is_out_of_time(cause):
            return from_error(scope, QueryTooLong())
        if isinstance(cause, PoolTimeoutError) or is_retryable(cause):
            return from_error(scope, DatabaseUnavailable())
        if isinstance(cause, DBAPIError | asyncpg.PostgresError) and sqlstate(cause) in NOT_UTF8:
            return from_error(scope, Invalid("a value holds characters that cannot be stored"))
        cause = cause.__cause__
    return None


def refuse_nul(scope: Scope) -> Response:
    """The answer to a NUL character in the path (404) or in the query (422)."""
    if "\0" in scope["path"]:
        return _from_status(scope, 404)
    return from_error(scope, Invalid("the query holds a NUL character"))


def internal(scope: Scope) -> Response:
    """500: nothing about the cause is told, but the request id finds it in the logs."""
    return problem(
        scope, status=500, code=GiroError.code, title=GiroError.title, detail=GiroError.title
    )


def _methods_of(app: FastAPI, path: str) -> list[str]:
    """The methods that ``path`` answers, by the routes themselves."""

    def answers(method: str) -> bool:
        scope = {"type": "http", "method": method, "path": path, "root_path": "", "headers": []}
        return any(
            route.matches(scope)[0] is Match.FULL
            and (not isinstance(route, Mount) or method in OF_FILES)
            for route in app.router.routes
        )

    return [method for method in METHODS if answers(method)]


def install(app: FastAPI) -> None:
    """Answer every expected error of ``app`` as a problem."""

    async def on_giro_error(request: Request, error: Exception) -> Response:
        assert isinstance(error, GiroError)  # noqa: S101 - registered for this class
        return from_error(request.scope, error)

    async def on_validation_error(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)  # noqa: S101
        return from_validation(request.scope, error)

    async def on_http_error(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)  # noqa: S101
        detail = error.detail if error.detail != HTTPStatus(error.status_code).phrase else None
        headers = error.headers
        if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
            headers = {"allow": ", ".join(_methods_of(app, request.scope["path"]))}
        return _from_status(request.scope, error.status_code, headers, detail)

    async def on_rate_limit(request: Request, error: Exception) -> Response:
        assert isinstance(error, RateLimitExceeded)  # noqa: S101
        # A fixed window may end sooner than this, never later.
        seconds = error.limit.limit.get_expiry() if error.limit else 60
        return from_error(request.scope, TooMany(retry_after_seconds=seconds))

    app.add_exception_handler(GiroError, on_giro_error)
    app.add_exception_handler(RequestValidationError, on_validation_error)
    app.add_exception_handler(RateLimitExceeded, on_rate_limit)
    app.add_exception_handler(HTTPException, on_http_error)
