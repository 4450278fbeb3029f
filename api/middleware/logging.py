"""The request's id, its line in the log, its metrics, and the headers of every answer.

The outermost middleware: whatever happens inside, an answer leaves with its request id.
"""

import re
from time import perf_counter
from typing import Final
from uuid import uuid4

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.http import problems
from core.foundation import metrics
from core.foundation.logging import bind, describe, get_logger

log = get_logger(__name__)

# One printable ASCII line, short enough for a log; anything else could forge log lines.
_SANE_ID = re.compile(rb"[\x21-\x7e]{1,128}")
SECURITY_HEADERS: Final = [
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"strict-transport-security", b"max-age=31536000"),
]
NO_STORE: Final = (b"cache-control", b"no-store")
# Probes come every few seconds; their lines would hide the others.
QUIET_ROUTES: Final = frozenset({"/health", "/health/ready", "/metrics"})


def request_id_of(scope: Scope) -> bytes:
    """The id that the client sent, if it is a sane one, or a new one."""
    for name, value in scope["headers"]:
        if name == b"x-request-id" and _SANE_ID.fullmatch(value):
            return bytes(value)
    return uuid4().hex.encode()


class LoggingMiddleware:
    """One line and one measurement for each request."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        raw_id = request_id_of(scope)
        request_id = raw_id.decode("ascii")
        state = scope.setdefault("state", {})
        state["request_id"] = request_id
        started = perf_counter()
        status = 0

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = message.setdefault("headers", [])
                headers.append((b"x-request-id", raw_id))
                headers.extend(SECURITY_HEADERS)
                if not any(name == b"cache-control" for name, _ in headers):
                    headers.append(NO_STORE)
            await send(message)

        with bind(request_id=request_id):
            try:
                await self._app(scope, receive, send_with_headers)
            finally:
                self._note(scope, status, perf_counter() - started)

    def _note(self, scope: Scope, status: int, seconds: float) -> None:
        route = getattr(scope.get("route"), "path", "unmatched")
        method = scope["method"]
        metrics.http_requests.labels(method, route, status).inc()
        metrics.http_seconds.labels(route).observe(seconds)
        if route in QUIET_ROUTES and status < 500:
            return
        caller = scope["state"].get("caller")
        log.info(
            "request",
            method=method,
            route=route,
            status=status,
            ms=round(seconds * 1000, 2),
            user_id=str(caller.user_id) if caller else None,
        )


class LastResort:
    """Answers what no handler expected: 503 for a store that is down, 500 for a defect of ours.

    Sits inside the CORS middleware, so that browsers may read these answers, too.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun = False

        async def watch(message: Message) -> None:
            nonlocal begun
            begun = begun or message["type"] == "http.response.start"
            await send(message)

        try:
            if "\0" in scope["path"] or b"%00" in scope["query_string"]:
                # No name of ours holds a NUL, and the database could not even be asked.
                await problems.refuse_nul(scope)(scope, receive, watch)
                return
            await self._app(scope, receive, watch)
        except Exception as error:
            response = problems.from_unexpected(scope, error)
            if response is None:
                log.exception("request_broke", method=scope["method"], path=scope["path"])
                response = problems.internal(scope)
            else:
                log.warning("store_unavailable", error=describe(error))
            if begun:
                raise
            await response(scope, receive, watch)
