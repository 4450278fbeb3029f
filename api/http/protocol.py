"""The server's side of a connection, with limits: ``uvicorn --http api.http.protocol:BoundedHttp``.

uvicorn waits for ever for the rest of a request and holds what has come of it. Here a process has
so many connections and no more, and a request's head, its body, and a client that does not read
its answer (as long as a body) each have a time. Nothing is timed request by request: each
connection keeps the moments at which its patience ends, and one look a second over all of them
closes those that are past one.
"""

import asyncio
from math import inf
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from api.http.responses import encode
from core.foundation import metrics
from core.foundation.config import get_settings
from core.foundation.errors import Overloaded

LOOK_SECONDS: Final = 1.0
MAX_HEAD_BYTES: Final = 32_768
# Of requests that come without waiting for the answers of those before.
MAX_PIPELINED: Final = 32
_TIMED_OUT: Final = (
    b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
)
_HEAD_TOO_LARGE: Final = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\n"
    b"connection: close\r\ncontent-length: 0\r\n\r\n"
)


def _no_room() -> bytes:
    problem = {
        "type": f"/problems/{Overloaded.code}",
        "title": Overloaded.title,
        "status": 503,
        "detail": "too many connections are open",
        "instance": "",
        "code": Overloaded.code,
        "request_id": None,
    }
    body = encode(problem)
    head = (
        "HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/problem+json\r\n"
        f"retry-after: {Overloaded.retry_after_seconds}\r\nconnection: close\r\n"
        f"content-length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


class BoundedHttp(HttpToolsProtocol):
    """A connection whose client must not be slow for ever."""

    _look: asyncio.TimerHandle | None = None

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        settings = get_settings()
        self._most = settings.max_connections
        self._head_seconds = settings.head_timeout_seconds
        self._body_seconds = settings.body_timeout_seconds
        self._head_bytes = 0
        self._in_head = True
        # The moments, by the loop's clock, until which the client may take its time: to send what
        # it has begun, and to read what it was sent. To do the one is no excuse for the other.
        self._request_due = inf
        self._reading_due = inf

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin, or turn away one connection too many."""
        super().connection_made(transport)  # type: ignore[arg-type]
        if len(self.connections) > self._most:
            metrics.shed.labels("connections").inc()
            self.transport.write(_no_room())
            self.transport.close()
            return
        self._request_due = self.loop.time() + self._head_seconds
        if BoundedHttp._look is None:
            BoundedHttp._look = self.loop.call_later(LOOK_SECONDS, _look, self)

    def data_received(self, data: bytes) -> None:
        """Parse what has come; a head must not be endless."""
        if self._in_head:
            self._head_bytes += len(data)
        super().data_received(data)
        too_large = self._in_head and self._head_bytes > MAX_HEAD_BYTES
        if too_large and not self.transport.is_closing():
            self._refuse(_HEAD_TOO_LARGE)

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        self._request_due = self.loop.time() + self._head_seconds

    def on_headers_complete(self) -> None:
        """Its head is here."""
        self._in_head = False
        self._request_due = self.loop.time() + self._body_seconds
        super().on_headers_complete()
        if len(self.pipeline) > MAX_PIPELINED:
            self.transport.abort()

    def on_message_complete(self) -> None:
        """Its body is here: now the client waits for us."""
        self._head_bytes = 0
        self._in_head = True
        self._request_due = inf
        super().on_message_complete()

    def pause_writing(self) -> None:
        """The client does not read what it is sent."""
        super().pause_writing()
        self._reading_due = self.loop.time() + self._body_seconds

    def resume_writing(self) -> None:
        """It reads on."""
        super().resume_writing()
        self._reading_due = inf

    def look(self, now: float) -> None:
        """Give up on the client if it is past its time; one that is closed on has a last while."""
        if min(self._request_due, self._reading_due) < now:
            self.give_up()
        elif self.transport.is_closing() and self._reading_due == inf:
            # It would be waited for until it has read the rest, even if that is never.
            self._reading_due = now + self._body_seconds

    def give_up(self) -> None:
        """Close on a client that has taken too long."""
        metrics.shed.labels("slow_clients").inc()
        answering = self.cycle is not None and (
            not self.cycle.response_complete if self._in_head else self.cycle.response_started
        )
        # Two answers would be one too many, and who does not read will not read another.
        if answering or self.flow.write_paused or self.transport.is_closing():
            self.transport.abort()
        else:
            self._refuse(_TIMED_OUT)

    def _refuse(self, answer: bytes) -> None:
        self._request_due = inf
        self.transport.write(answer)
        self.transport.close()


def _look(one: BoundedHttp) -> None:
    """Give up on those whose time is over, and look again as long as anybody is connected."""
    now = one.loop.time()
    for each in list(one.connections):
        if isinstance(each, BoundedHttp):
            each.look(now)
    BoundedHttp._look = one.loop.call_later(LOOK_SECONDS, _look, one) if one.connections else None
