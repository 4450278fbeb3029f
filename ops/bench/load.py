"""A load generator that costs little: it shares the cores with everything that it measures.

Every connection sends one request, waits for its answer, sends the next (no pipelining). The
requests are bytes made beforehand; of an answer only the status and the length are read.
"""

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import cycle
from time import perf_counter
from typing import cast

# How long the last answers may take once the time is over.
LAST_ANSWERS_SECONDS = 60.0
_LENGTH = b"content-length: "


@dataclass
class Tally:
    """What came back: answers by status, and how long each took."""

    statuses: Counter[int] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)
    started: float = 0.0
    ended: float = 0.0

    def rate(self, status: int) -> float:
        """Answers of this status per second."""
        return self.statuses[status] / (self.ended - self.started)


def request(method: str, path: str, token: str, body: bytes) -> bytes:
    """The bytes of one HTTP/1.1 request."""
    head = (
        f"{method} {path} HTTP/1.1\r\nhost: bench\r\nauthorization: Bearer {token}\r\n"
        f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


async def run(host: str, port: int, requests: Sequence[Sequence[bytes]], seconds: float) -> Tally:
    """Load for this long with one connection for each list of requests, sent round and round.

    Connections stay open until their last answer has come. Raises ConnectionError where the
    server closed one, TimeoutError where it stopped answering.
    """
    loop = asyncio.get_running_loop()
    tally = Tally(started=perf_counter())
    deadline = tally.started + seconds
    connections = [_Connection(tally, own, deadline, loop.create_future()) for own in requests]
    for connection in connections:
        await loop.create_connection(partial(_itself, connection), host, port)
    async with asyncio.timeout(seconds + LAST_ANSWERS_SECONDS):
        await asyncio.gather(*(connection.done for connection in connections))
    tally.ended = perf_counter()
    return tally


def _itself(connection: "_Connection") -> "_Connection":
    return connection


class _Connection(asyncio.Protocol):
    def __init__(
        self,
        tally: Tally,
        requests: Sequence[bytes],
        deadline: float,
        done: "asyncio.Future[None]",
    ) -> None:
        self.done = done
        self._tally = tally
        self._requests = cycle(requests)
        self._deadline = deadline
        self._transport: asyncio.Transport | None = None
        self._sent = 0.0
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # Of a TCP connection it is one that writes; uvloop's is no subclass of asyncio's.
        self._transport = cast("asyncio.Transport", transport)
        self._send()

    def data_received(self, data: bytes) -> None:
        self._received = data = self._received + data if self._received else data
        head = data.find(b"\r\n\r\n")
        if head < 0:
            return
        start = data.lower().find(_LENGTH, 0, head)
        if start < 0:
            self._fail(ConnectionError(f"an answer without a length: {data[:200]!r}"))
            return
        start += len(_LENGTH)
        length = int(data[start : data.find(b"\r\n", start)])
        if len(data) < head + 4 + length:
            return
        now = perf_counter()
        self._received = b""
        self._tally.statuses[int(data[9:12])] += 1
        self._tally.seconds.append(now - self._sent)
        if now < self._deadline:
            self._send()
        else:
            self._finish()

    def connection_lost(self, exc: Exception | None) -> None:
        self._fail(exc or ConnectionError("the server closed a connection under load"))

    def _send(self) -> None:
        if self._transport is not None:
            self._sent = perf_counter()
            self._transport.write(next(self._requests))

    def _finish(self) -> None:
        if not self.done.done():
            self.done.set_result(None)
        if self._transport is not None:
            self._transport.close()

    def _fail(self, error: Exception) -> None:
        if not self.done.done():
            self.done.set_exception(error)
