"""The processes of a running stack, found by name and by descent (Linux: read from /proc)."""

import os
import signal
from collections import defaultdict
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path


def descendants(pid: int) -> list[int]:
    """Every process below ``pid``, parents before their children."""
    children: dict[int, list[int]] = defaultdict(list)
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError):
                # The name in parentheses may hold anything; the parent is the second after it.
                parent = (entry / "stat").read_text().rpartition(")")[2].split()[1]
                children[int(parent)].append(int(entry.name))
    found = list(children[pid])
    for child in found:
        found += children[child]
    return found


def family(pid: int) -> list[int]:
    """A process and everything below it."""
    return [pid, *descendants(pid)]


def title(pid: int) -> str:
    """What a process calls itself; empty once it is gone."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode().strip()
    return ""


def tell(pids: Iterable[int], what: signal.Signals) -> None:
    """Send a signal to each that is still there."""
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, what)


def kill(pids: Sequence[int]) -> None:
    """End them at once, as a crash or the kernel's memory killer would."""
    tell(pids, signal.SIGKILL)
