"""Ends what outlives a killed supervisor.

Every child is told by the kernel when the supervisor dies and stops by itself. One that cannot
(dramatiq waits for its servers, which are gone, too) is killed here, with all of its session, once
its time is up. Run as a script with the standard library only:

    python -I -S watchdog.py SECONDS

It reads `+PID` and `-PID` lines, children that were started and that ended. When its input ends
the supervisor is gone, and the children that are left have SECONDS.
"""

import contextlib
import os
import signal
import subprocess
import sys
import time

GRACE_SECONDS = 10.0


class Watchdog:
    """The supervisor's end of the line. A watchdog that is gone itself is no reason to stop."""

    def __init__(self, grace_seconds: float = GRACE_SECONDS) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", __file__, str(grace_seconds)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            # Ctrl-C in the terminal is for the supervisor alone.
            start_new_session=True,
            cwd="/",
        )

    def started(self, pid: int) -> None:
        """From now on this child's session must not outlive us."""
        self._tell(f"+{pid}\n")

    def ended(self, pid: int) -> None:
        """This child is gone."""
        self._tell(f"-{pid}\n")

    def close(self) -> None:
        """Nothing is left to watch."""
        with contextlib.suppress(OSError):
            if self._process.stdin is not None:
                self._process.stdin.close()
        self._process.wait()

    def _tell(self, line: str) -> None:
        with contextlib.suppress(OSError, ValueError):
            if self._process.stdin is not None:
                self._process.stdin.write(line.encode())
                self._process.stdin.flush()


def main(grace_seconds: float) -> None:
    """Watch until the input ends, then see to it that nothing is left."""
    sessions: set[int] = set()
    for line in sys.stdin:
        (sessions.add if line.startswith("+") else sessions.discard)(int(line[1:]))
    deadline = time.monotonic() + grace_seconds
    while any(_lives(session) for session in sessions) and time.monotonic() < deadline:
        time.sleep(0.1)
    for session in sessions:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(session, signal.SIGKILL)


def _lives(session: int) -> bool:
    """Whether anybody is left in the session that a child leads."""
    try:
        os.killpg(session, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


if __name__ == "__main__":
    main(float(sys.argv[1]))
