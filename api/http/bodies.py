"""The largest body that is read: more is answered 413 before it is in memory."""

import asyncio
import contextlib
from collections.abc import Coroutine
from typing import Any, Final, TypeVar

from fastapi import Request
from starlette.exceptions import HTTPException
from starlette.types import Message, Receive

Result = TypeVar("Result")
# What is answered to nobody, for the log.
CLIENT_GONE: Final = 499
HEAR_OUT_BYTES: Final = 16 * 1_048_576
HEAR_OUT_SECONDS: Final = 5.0
TOO_LARGE: Final = HTTPException(413, headers={"connection": "close"})


async def limited(request: Request, max_bytes: int) -> Request:
    """The request, of whose body no more than ``max_bytes`` is read.

    Raises HTTPException(413) for one that is announced to be longer; one without a length raises
    it as it arrives.
    """
    headers = request.scope["headers"]
    length = next((value for name, value in headers if name == b"content-length"), None)
    if length is None:
        if not any(name == b"transfer-encoding" for name, _ in headers):
            return request
        return Request(request.scope, _counting(request.receive, max_bytes))
    # The server itself sees to it that no more than this length arrives.
    if int(length) > max_bytes:
        if not any(name == b"expect" for name, _ in headers):
            await _hear_out(request.receive)
        raise TOO_LARGE
    return request


def _counting(receive: Receive, max_bytes: int) -> Receive:
    arrived = 0

    async def count() -> Message:
        nonlocal arrived
        message = await receive()
        arrived += len(message.get("body", b""))
        if arrived > max_bytes:
            if message.get("more_body"):
                await _hear_out(receive)
            # The one error that FastAPI does not take for an unreadable body.
            raise TOO_LARGE
        return message

    return count


async def unless_gone(request: Request, work: Coroutine[Any, Any, Result]) -> Result | None:
    """What ``work`` comes to; None where the client has hung up before, and it was stopped.

    The body must have been read, or there is none.
    """
    working = asyncio.create_task(work)
    gone = asyncio.create_task(_until_gone(request))
    try:
        await asyncio.wait({working, gone}, return_when=asyncio.FIRST_COMPLETED)
        return working.result() if working.done() else None
    finally:
        gone.cancel()
        working.cancel()
        await asyncio.gather(gone, working, return_exceptions=True)


async def _until_gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


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
