"""What the children say, on our stdout with their name before it, without ever waiting for it."""

import contextlib
import os
import sys
import threading
import time
from collections import deque
from collections.abc import Sequence
from typing import IO

_COLOURS = (36, 33, 32, 35, 34, 96, 93, 92, 95, 94)
MAX_WAITING_LINES = 10_000


class Output:
    """Lines to a stream from a thread of its own.

    A reader that stops reading must stop nobody: beyond `MAX_WAITING_LINES` the oldest lines are
    dropped (and counted), and a stream that is gone is forgotten.
    """

    def __init__(self, stream: IO[str] | None = None, *, colour: bool | None = None) -> None:
        self._stream = stream if stream is not None else sys.stdout
        self._colour = self._stream.isatty() if colour is None else colour
        self._lines: deque[str] = deque()
        self._dropped = 0
        self._writing = False
        self._changed = threading.Condition()
        self._names: dict[str, int] = {}
        self._thread = threading.Thread(target=self._write, name="output", daemon=True)
        self._thread.start()

    def line(self, text: str) -> None:
        """One line of our own, as it is."""
        self._put([text])

    def child(self, name: str, *texts: str) -> None:
        """Lines of a child."""
        prefix = self._prefix(name)
        self._put([f"{prefix} {text}" for text in texts])

    def flush(self, timeout_seconds: float = 1.0) -> None:
        """Wait a moment until all lines are written."""
        deadline = time.monotonic() + timeout_seconds
        while (self._lines or self._writing) and time.monotonic() < deadline:
            time.sleep(0.01)

    def _prefix(self, name: str) -> str:
        label = f"{name:<10}|"
        if not self._colour:
            return label
        index = self._names.setdefault(name, len(self._names))
        return f"\033[{_COLOURS[index % len(_COLOURS)]}m{label}\033[0m"

    def _put(self, lines: Sequence[str]) -> None:
        with self._changed:
            self._lines.extend(lines)
            while len(self._lines) > MAX_WAITING_LINES:
                self._lines.popleft()
                self._dropped += 1
            self._changed.notify()

    def _write(self) -> None:
        gone = False
        while True:
            with self._changed:
                self._writing = False
                while not self._lines:
                    self._changed.wait()
                lines, self._lines = self._lines, deque()
                if self._dropped:
                    lines.appendleft(f"({self._dropped} lines dropped: nobody read them)")
                    self._dropped = 0
                self._writing = True
            if gone:
                continue
            try:
                self._stream.write("\n".join(lines) + "\n")
                self._stream.flush()
            except (OSError, ValueError):
                gone = True
                _turn_away(self._stream)


def _turn_away(stream: IO[str]) -> None:
    """Let what is still buffered go nowhere: the interpreter's last flush must not fail."""
    with contextlib.suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
