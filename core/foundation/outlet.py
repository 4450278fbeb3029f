"""A way out for lines that never makes their writer wait for a reader.

Standard output is mostly a pipe, and whoever reads it may hang: a supervisor that was stopped, a
container runtime with a full disk. A pipe holds 64 kB; after that a plain write waits, with the
whole process behind it. Here what a pipe does not take at once waits in memory, up to a limit, for
a thread that takes all the time it needs; beyond the limit lines are dropped and counted, and the
gap is owned up to in its place.
"""

import atexit
import os
import select
import stat
import threading
from collections import deque
from collections.abc import Callable
from time import monotonic
from typing import Final

MAX_WAITING_BYTES: Final = 8_000_000
PIECE_BYTES: Final = 65_536
LAST_WORDS_SECONDS: Final = 1.0


class Outlet:
    """Lines to the file ``descriptor``, which stays open. Any thread may write.

    ``notice`` renders the line that owns up to a number of dropped lines; ``count`` is told of
    them as they are dropped.
    """

    def __init__(
        self,
        descriptor: int,
        *,
        notice: Callable[[int], bytes],
        count: Callable[[int], object] = lambda _: None,
        max_waiting_bytes: int = MAX_WAITING_BYTES,
    ) -> None:
        self._descriptor = descriptor
        self._direct = _never_waiting(descriptor)
        self._notice = notice
        self._count = count
        self._max_waiting_bytes = max_waiting_bytes
        self._waiting: deque[bytes] = deque()
        self._waiting_bytes = 0
        self._dropped = 0
        self._lock = threading.RLock()
        self._changed = threading.Condition(self._lock)
        self._thread: threading.Thread | None = None
        atexit.register(self.close)

    def write(self, lines: bytes) -> int:
        """Write whole lines, or have them written soon, or drop them; never waits."""
        with self._lock:
            if self._dropped:
                self._own_up()
            if self._dropped or not self._pass_on(lines):
                self._drop(lines)
        return len(lines)

    def flush(self) -> None:
        """Nothing is kept back; for those who expect a stream."""

    def close(self) -> None:
        """Give what waits a last moment."""
        deadline = monotonic() + LAST_WORDS_SECONDS
        with self._changed:
            while self._waiting_bytes and (left := deadline - monotonic()) > 0:
                self._changed.wait(left)

    def _pass_on(self, lines: bytes) -> bool:
        """Write ``lines`` at once, or let them wait; False where there is no room."""
        if self._direct is not None and not self._waiting_bytes:
            try:
                written = os.write(self._direct, lines)
            except BlockingIOError:
                written = 0
            except OSError:  # the reader is gone, or the disk is full
                return False
            if written == len(lines):
                return True
            lines = lines[written:]  # what was begun is finished, whatever its length
        elif self._waiting_bytes + len(lines) > self._max_waiting_bytes:
            return False
        self._waiting.append(lines)
        self._waiting_bytes += len(lines)
        self._see_to_it()
        return True

    def _own_up(self) -> None:
        """Tell of the lines that were dropped, in their place, if there is room again."""
        if self._pass_on(self._notice(self._dropped)):
            self._dropped = 0

    def _drop(self, lines: bytes) -> None:
        number = lines.count(b"\n")
        self._dropped += number
        self._count(number)

    def _see_to_it(self) -> None:
        if self._thread is None or not self._thread.is_alive():  # as after a fork
            self._thread = threading.Thread(target=self._drain, name="outlet", daemon=True)
            self._thread.start()
        self._changed.notify_all()

    def _drain(self) -> None:
        while True:
            with self._changed:
                while not self._waiting:
                    self._changed.wait()
                lines = b"".join(self._waiting)
                self._waiting.clear()
            read = self._write_patiently(lines)
            with self._changed:
                self._waiting_bytes -= len(lines)
                if not read:
                    self._drop(lines)
                elif self._dropped and not self._waiting_bytes:
                    self._own_up()
                self._changed.notify_all()

    def _write_patiently(self, lines: bytes) -> bool:
        """Write all of it, however long that takes; False where nobody will ever read it."""
        target = self._descriptor if self._direct is None else self._direct
        rest = memoryview(lines)
        while rest:
            try:
                if self._direct is not None:
                    _wait_for_room(self._direct)
                rest = rest[os.write(target, rest[:PIECE_BYTES]) :]
            except BlockingIOError:
                continue
            except OSError:
                return False
        return True


def _never_waiting(descriptor: int) -> int | None:
    """A descriptor of the same file on which a write never waits; None where there is none.

    A pipe is opened anew: to set its flag on the descriptor that we were given would set it for
    everybody who shares that.
    """
    try:
        mode = os.fstat(descriptor).st_mode
        if stat.S_ISREG(mode) or (stat.S_ISCHR(mode) and not os.isatty(descriptor)):
            return descriptor
        if stat.S_ISFIFO(mode):
            return os.open(f"/proc/self/fd/{descriptor}", os.O_WRONLY | os.O_NONBLOCK)
    except OSError:  # no such folder, or somebody else's pipe: the thread writes everything
        return None
    return None


def _wait_for_room(descriptor: int) -> None:
    poll = select.poll()
    poll.register(descriptor, select.POLLOUT)
    poll.poll()
