"""A wall clock of its own for each child of a stack, stepped by writing to a file (libfaketime).

The monotonic clock stays the machine's, as it would when an administrator or NTP steps the other.
"""

import os
import shutil
import subprocess
import sys
import time
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Final

_WITHIN_WHEEL: Final = "libfaketime/vendor/libfaketime/src/libfaketime.so.1"
# How long a child may go on with its old clock: it looks at the file this often, and no sooner.
NOTICED_SECONDS: Final = 1


def library() -> Path | None:
    """The library that is loaded into a program; None where there is none for this machine."""
    try:
        found = Path(str(distribution("libfaketime").locate_file(_WITHIN_WHEEL)))
    except PackageNotFoundError:
        return None
    return found if found.is_file() and _works(found) else None


def environment(clocks: Path, child: str) -> dict[str, str]:
    """The environment under which a child's clock is the one in ``clocks``; it runs true first."""
    set_offset(clocks, child, 0)
    return _preloaded(clocks / "libfaketime.so.1", clocks / child)


def install(source: Path, clocks: Path) -> None:
    """Put the library where every child can read it, whatever user it runs as."""
    clocks.mkdir(mode=0o755, exist_ok=True)
    shutil.copyfile(source, clocks / "libfaketime.so.1")


def set_offset(clocks: Path, child: str, seconds: int) -> None:
    """Step the clock of one child to so many seconds from the true time."""
    (clocks / child).write_text(f"{seconds:+d}\n")


def _preloaded(loaded: Path, offset: Path) -> dict[str, str]:
    return {
        "LD_PRELOAD": str(loaded),
        "FAKETIME_TIMESTAMP_FILE": str(offset),
        "FAKETIME_CACHE_DURATION": str(NOTICED_SECONDS),
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "DONT_FAKE_MONOTONIC": "1",
    }


def _works(found: Path) -> bool:
    """Whether a program that loads it believes it: a wheel may hold another machine's."""
    tried = {**_preloaded(found, Path(os.devnull)), "FAKETIME": "-1000"}
    del tried["FAKETIME_TIMESTAMP_FILE"]
    told = subprocess.run(
        [sys.executable, "-I", "-S", "-c", "import time; print(time.time())"],
        env={**os.environ, **tried},
        capture_output=True,
        text=True,
        check=False,
    )
    return told.returncode == 0 and float(told.stdout) < time.time() - 500
