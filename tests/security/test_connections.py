"""Connections: so many and no more, and none for a client that is slow for ever."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest

from ops.run import processes
from tests.bank import Bank
from tests.system import System

MOST = 12
SECONDS = 1.5


@pytest.fixture(scope="module")
async def narrow(bank: Bank) -> AsyncIterator[System]:
    """An API with few connections and little patience."""
    limits = {
        "max_connections": MOST,
        "head_timeout_seconds": SECONDS,
        "body_timeout_seconds": SECONDS,
    }
    system = System(bank.system.settings.model_copy(update=limits))
    system.spawn("api", processes.api("127.0.0.1", system.port))
    system.wait_until_ready(system.port)
    yield system
    system.stop()


class Client:
    """A client that says what it is told to, byte by byte."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    @classmethod
    async def of(cls, system: System, said: str = "") -> "Client":
        client = cls(*await asyncio.open_connection("127.0.0.1", system.port))
        client.writer.write(said.encode())
        return client

    async def hears(self) -> str:
        """Everything until the server closes."""
        return (await asyncio.wait_for(self.reader.read(), 10)).decode()

    async def leave(self) -> None:
        self.writer.close()
        with suppress(ConnectionError):
            await self.writer.wait_closed()


HALVES = [
    "",
    "GET /hea",
    "GET /health HTTP/1.1\r\nHost: bank\r\nX-",
    "POST /auth/login HTTP/1.1\r\n",
    "POST /auth/login HTTP/1.1\r\nHost: bank\r\nContent-Type: application/json\r\n"
    'Content-Length: 500\r\n\r\n{"email": ',
]


async def test_the_rest_of_half_a_request_is_not_waited_for(narrow: System) -> None:
    clients = [await Client.of(narrow, said) for said in HALVES]
    for client in clients:
        assert (await client.hears()).startswith("HTTP/1.1 408 ")
        await client.leave()


async def test_a_head_has_an_end(narrow: System) -> None:
    client = await Client.of(
        narrow, "GET /health HTTP/1.1\r\nHost: bank\r\nX-Long: " + "a" * 60_000
    )
    assert (await client.hears()).startswith("HTTP/1.1 431 ")
    await client.leave()


async def test_a_connection_that_rests_between_two_requests_is_no_slow_one(
    narrow: System,
) -> None:
    ask = "GET /health HTTP/1.1\r\nHost: bank\r\n\r\n"
    client = await Client.of(narrow, ask)
    assert b"200" in await client.reader.readline()
    await asyncio.sleep(SECONDS + 1.2)  # longer than a head may take, and a look after it
    client.writer.write(ask.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n").encode())
    assert (await client.hears()).count("HTTP/1.1 200 ") == 1
    await client.leave()


async def is_served(system: System, ask: str) -> bool:
    client = await Client.of(system, ask)
    served = (await client.hears()).startswith("HTTP/1.1 200 ")
    await client.leave()
    return served


async def test_a_connection_too_many_is_told_so_and_the_others_go_on(narrow: System) -> None:
    ask = "GET /health HTTP/1.1\r\nHost: bank\r\nConnection: close\r\n\r\n"
    async with asyncio.timeout(10):
        crowd = [await Client.of(narrow) for _ in range(MOST)]
        late = await Client.of(narrow)
        turned_away = await late.hears()
    await late.leave()
    assert turned_away.startswith("HTTP/1.1 503 ")
    assert '"code":"overloaded"' in turned_away
    assert "retry-after: 1" in turned_away
    crowd[0].writer.write(ask.encode())
    assert (await crowd[0].hears()).startswith("HTTP/1.1 200 ")
    for client in crowd:
        await client.leave()
    async with asyncio.timeout(10):
        while not await is_served(narrow, ask):  # noqa: ASYNC110 - another process closes them
            await asyncio.sleep(0.05)


HEALTH = "GET /health HTTP/1.1\r\nHost: bank\r\n\r\n"
LARGE = HEALTH.replace("/health", "/openapi.json")
LAST = LARGE.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n")
# As /proc/net/tcp has it.
ESTABLISHED = "01"
# Much more than lies between two who do not read.
MANY = 30


def that_reads_nothing(system: System, said: str) -> socket.socket:
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    sock.connect(("127.0.0.1", system.port))
    sock.sendall(said.encode())
    return sock


@pytest.mark.parametrize("then", ["", HEALTH], ids=["and waits", "and asks on"])
async def test_a_client_that_does_not_read_its_answers_is_not_waited_for(
    narrow: System, then: str
) -> None:
    # Given a client that asks for much and reads nothing of it
    with that_reads_nothing(narrow, LARGE * MANY) as sock:
        await asyncio.sleep(SECONDS / 2)
        sock.sendall(then.encode())
        # When its time is over, and a look after it
        await asyncio.sleep(SECONDS + 2)
        # Then it was closed on, with most of the answers
        heard = await asyncio.to_thread(everything, sock)
    assert heard.count(b"HTTP/1.1 200 ") < MANY


def everything(sock: socket.socket) -> bytes:
    """What is left to be read until the server's end is closed."""
    sock.settimeout(10)
    heard = b""
    with suppress(ConnectionError):
        while piece := sock.recv(1 << 20):
            heard += piece
    return heard


async def test_an_answer_that_nobody_reads_keeps_no_connection_open(narrow: System) -> None:
    # Given clients who want little or much, nothing after it, and read nothing of it: of one the
    # very last answer is written when no more fits into what lies on the way
    unread = [that_reads_nothing(narrow, LARGE * more + LAST) for more in range(MOST)]
    ports = {sock.getsockname()[1] for sock in unread}
    assert open_at(narrow, ports)
    # Then the server lets go of all of them, though they stay
    await asyncio.sleep(SECONDS + 3.5)
    assert not open_at(narrow, ports)
    for sock in unread:
        sock.close()


def open_at(system: System, ports: set[int]) -> set[int]:
    """Which of the clients' ports the server still holds a connection to."""
    found = set()
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        _, local, remote, state, *_ = line.split()
        here, there = (int(end.split(":")[1], 16) for end in (local, remote))
        if here == system.port and there in ports and state == ESTABLISHED:
            found.add(there)
    return found
