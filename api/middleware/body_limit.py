"""The largest body that is read: more is answered 413 before it is in memory."""

import asyncio
import contextlib
from typing import Final

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api import problems

HEAR_OUT_BYTES: Final = 16 * 1_048_576
HEAR_OUT_SECONDS: Final = 5.0


class BodyLimit:
    """Refuses bodies over ``max_bytes``, announced by their length or arriving without it."""

    def __init__(self, app: ASGIApp, *, max_bytes: int) -> None:
        self._app = app
        self._max_bytes = max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http" or scope["method"] == "GET":
            await self._app(scope, receive, send)
            return
        length = next((value for name, value in scope["headers"] if name == b"content-length"), b"")
        if length.isdigit():
            # The server itself sees to it that no more than this length arrives.
            if int(length) > self._max_bytes:
                if not any(name == b"expect" for name, _ in scope["headers"]):
                    await _hear_out(receive)
                await problems.too_large(scope)(scope, receive, send)
            else:
                await self._app(scope, receive, send)
            return
        await self._serve_counting(scope, receive, send)

    async def _serve_counting(self, scope: Scope, receive: Receive, send: Send) -> None:
        arrived = 0

        async def count() -> Message:
            nonlocal arrived
            message = await receive()
            arrived += len(message.get("body", b""))
            if arrived > self._max_bytes:
                if message.get("more_body"):
                    await _hear_out(receive)
                # The one error that FastAPI does not take for an unreadable body.
                raise HTTPException(413)
            return message

        await self._app(scope, count, send)


async def _hear_out(receive: Receive) -> None:
    """Take what a client is still sending, within bounds.

    A connection that is closed on a client in the middle of its body loses the answer, too.
    """
    heard = 0
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(HEAR_OUT_SECONDS):
            while heard < HEAR_OUT_BYTES:
                message = await receive()
                heard += len(message.get("body", b""))
                if not message.get("more_body"):
                    return
