"""A child that stays up: started tied to us, watched, restarted, told to end and ended."""

import asyncio
import contextlib
import fcntl
import os
import signal
import sys
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from ops.embedded.errors import EmbeddedError
from ops.embedded.tethered import tethered
from ops.run.backoff import Backoff
from ops.run.output import Output
from ops.run.watchdog import Watchdog

MAX_LINE_BYTES = 65_536
PIPE_BYTES = 1_048_576


class ChildFailedError(EmbeddedError):
    """A child that had to come up did not; carries its last lines."""


@dataclass(frozen=True)
class Spec:
    """One child: what to run and how to end it.

    It has `grace_seconds` to end, and `hurried_grace_seconds` once patience is over. `is_tied`: the
    command ties itself to us.
    """

    name: str
    command: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    stop_signal: signal.Signals = signal.SIGTERM
    grace_seconds: float = 30.0
    hurried_grace_seconds: float = 0.0
    port: int | None = None
    is_tied: bool = False
    before_restart: Callable[[], None] | None = None

    @property
    def kind(self) -> str:
        """What it is one of: `worker` for `worker-2`."""
        return self.name.partition("-")[0]


class Child:
    """A child and its restarts. Use from one event loop, running in the main thread."""

    def __init__(
        self,
        spec: Spec,
        output: Output,
        watchdog: Watchdog,
        on_change: Callable[[], None],
        is_alone: Callable[["Child"], bool] = lambda _: True,
    ) -> None:
        self.spec = spec
        self._watchdog = watchdog
        self._is_alone = is_alone
        self.starts = 0
        self.started_at = 0.0
        self.last_lines: deque[str] = deque(maxlen=20)
        self._output = output
        self._on_change = on_change
        self._process: asyncio.subprocess.Process | None = None
        self._stopping = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._pump_task: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int | None:
        """The pid while it runs."""
        process = self._process
        return process.pid if process is not None and process.returncode is None else None

    async def start(self) -> None:
        """Launch it; from now on it is restarted whenever it ends."""
        await self._launch()
        self._task = asyncio.create_task(self._watch(), name=f"watch {self.spec.name}")

    async def stop(self, hurry: asyncio.Event) -> None:
        """Ask it to end; kill it, and what it left, when its grace is over."""
        self._stopping.set()
        self._tell_to_end()
        if self._task is None:
            return
        hurried = asyncio.create_task(hurry.wait())
        await asyncio.wait(
            {self._task, hurried},
            timeout=self.spec.grace_seconds,
            return_when=asyncio.FIRST_COMPLETED,
        )
        if hurried.done():
            await asyncio.wait({self._task}, timeout=self.spec.hurried_grace_seconds)
        hurried.cancel()
        if not self._task.done():
            self._output.child(self.spec.name, "did not end in time; killed")
            self._kill_group()
            await self._task

    async def _launch(self) -> None:
        command = list(self.spec.command)
        if not self.spec.is_tied:
            command = tethered(command, cwd=Path.cwd(), on_parent_death=signal.SIGTERM)
        # A pipe of our own: asyncio's `wait` would otherwise last until everybody who inherited
        # the child's output has gone.
        reading, writing = os.pipe()
        _widen(writing)
        try:
            self._process = await asyncio.create_subprocess_exec(
                *command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=writing,
                stderr=asyncio.subprocess.STDOUT,
                env={**os.environ, "PYTHONUNBUFFERED": "1", **self.spec.environment},
            )
        except BaseException:
            os.close(reading)
            raise
        finally:
            os.close(writing)
        self._pump_task = asyncio.create_task(self._pump(os.fdopen(reading, "rb", 0)))
        # The stores end themselves, in their own time; everything else is watched.
        if not self.spec.is_tied:
            self._watchdog.started(self._process.pid)
        self.starts += 1
        self.started_at = time.time()
        self._on_change()

    async def _watch(self) -> None:
        backoff = Backoff()
        while True:
            code, lived_seconds = await self._live()
            if self._stopping.is_set():
                break
            if not await self._come_back(backoff, f"ended with {_outcome(code)}", lived_seconds):
                break
        self._on_change()

    async def _come_back(self, backoff: Backoff, why: str, lived_seconds: float) -> bool:
        """Start it again, until that succeeds; False where it is to stop meanwhile."""
        while True:
            delay = backoff.delay(lived_seconds, alone=self._is_alone(self))
            when = f"in {delay:g} s" if delay else "at once"
            self._output.child(self.spec.name, f"{why}; starting again {when}")
            self._on_change()
            if delay and await _happens_within(self._stopping, delay):
                return False
            try:
                if self.spec.before_restart is not None:
                    await asyncio.to_thread(self.spec.before_restart)
                await self._launch()
            except Exception as error:  # noqa: BLE001  (it outlives what its children meet)
                why, lived_seconds = f"could not be started: {error}", 0.0
                continue
            if self._stopping.is_set():  # told while it was being launched
                self._tell_to_end()
            return True

    async def _live(self) -> tuple[int, float]:
        """Wait for the process to end; its exit code and the seconds it lived."""
        if self._process is None or self._pump_task is None:
            raise RuntimeError("a child is watched before it is launched")
        started = time.monotonic()
        code = await self._process.wait()
        # What a killed master leaves behind (dramatiq's and uvicorn's own children) goes with it.
        self._kill_group()
        self._watchdog.ended(self._process.pid)
        await asyncio.wait({self._pump_task}, timeout=2)
        self._pump_task.cancel()
        return code, time.monotonic() - started

    async def _pump(self, pipe: IO[bytes]) -> None:
        stream = asyncio.StreamReader()
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(stream), pipe
        )
        try:
            await self._say_all(stream)
        finally:
            transport.close()

    async def _say_all(self, stream: asyncio.StreamReader) -> None:
        rest = b""
        while chunk := await stream.read(MAX_LINE_BYTES):
            *lines, rest = (rest + chunk).split(b"\n")
            if len(rest) > MAX_LINE_BYTES:
                lines, rest = [*lines, rest], b""
            self._say(lines)
        if rest:
            self._say([rest])

    def _say(self, lines: Sequence[bytes]) -> None:
        texts = [line.decode(errors="replace").rstrip("\r") for line in lines]
        self.last_lines.extend(texts)
        self._output.child(self.spec.name, *texts)

    def _tell_to_end(self) -> None:
        pid = self.pid
        if pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, self.spec.stop_signal)

    def _kill_group(self) -> None:
        """Kill the child's session; it leads its own, so this reaches nobody else."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)


def _widen(pipe: int) -> None:
    """As much room as may be had: the stores wait where it is full, and we may be stopped a while.

    Our own programs never wait for it (`core/foundation/outlet.py`).
    """
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, PIPE_BYTES)


def _outcome(code: int) -> str:
    if code < 0:
        with contextlib.suppress(ValueError):
            return signal.Signals(-code).name
    return f"exit code {code}"


async def _happens_within(event: asyncio.Event, seconds: float) -> bool:
    try:
        await asyncio.wait_for(event.wait(), seconds)
    except TimeoutError:
        return False
    return True
