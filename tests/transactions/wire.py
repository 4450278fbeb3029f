"""A wire to PostgreSQL that can be cut at a chosen moment, as a network does it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit


class Wire:
    """Passes bytes both ways. ``lose_answer_to(sent)`` cuts it once, between deed and answer;
    ``for_good``, or by ``break_down()``, nothing passes from then on until ``mend()``."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "127.0.0.1", parts.port or 5432
        self._parts = parts
        self._marker: bytes | None = None
        self._breaks = False
        self._broken = False
        self._ends: set[asyncio.StreamWriter] = set()
        self._pumps: set[asyncio.Task[None]] = set()
        self.url = ""
        self.cuts = 0

    def lose_answer_to(self, sent: bytes, *, for_good: bool = False) -> None:
        """The server gets the next message that contains ``sent``; its answer gets lost."""
        self._marker = sent
        self._breaks = for_good

    def break_down(self) -> None:
        """Nothing passes any more."""
        self._broken = True
        for end in self._ends:
            end.close()

    def mend(self) -> None:
        """New connections pass again."""
        self._broken = False

    @classmethod
    @asynccontextmanager
    async def open(cls, url: str) -> AsyncIterator["Wire"]:
        wire = cls(url)
        server = await asyncio.start_server(wire._connect, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        credentials = wire._parts.netloc.rpartition("@")[0]
        wire.url = wire._parts._replace(netloc=f"{credentials}@127.0.0.1:{port}").geturl()
        try:
            yield wire
        finally:
            server.close()
            wire.break_down()
            for pump in wire._pumps:
                pump.cancel()
            await asyncio.gather(*wire._pumps, return_exceptions=True)

    async def _connect(self, near: asyncio.StreamReader, out: asyncio.StreamWriter) -> None:
        if self._broken:
            out.close()
            return
        far, into = await asyncio.open_connection(self._host, self._port)
        self._ends |= {out, into}
        if self._broken:  # meanwhile
            self.break_down()
        cut = asyncio.Event()

        async def ask() -> None:
            while data := await near.read(65_536):
                if self._marker is not None and self._marker in data:
                    self._marker = None
                    cut.set()
                into.write(data)
            into.close()

        async def answer() -> None:
            while data := await far.read(65_536):
                if cut.is_set():
                    self.cuts += 1
                    into.close()
                    if self._breaks:
                        self.break_down()
                    break
                out.write(data)
            out.close()

        for pump in (ask(), answer()):
            task = asyncio.create_task(pump)
            self._pumps.add(task)
            task.add_done_callback(self._pumps.discard)
