"""The calling side of `tether.py`: the command line that ties a child to this process."""

import os
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

_TETHER = Path(__file__).with_name("tether.py")


@dataclass(frozen=True)
class Identity:
    """A user to run as. `uid` None: whoever we are."""

    uid: int | None = None
    gid: int | None = None


SELF = Identity()


def tethered(
    program: Sequence[str | Path],
    *,
    cwd: Path,
    on_parent_death: signal.Signals,
    identity: Identity = SELF,
) -> list[str]:
    """The argument vector that runs `program` in `cwd`, ended by a signal when we die.

    The kernel watches the *thread* that starts the child, so start children from a thread that
    lives as long as they should (the main thread).
    """
    command = [sys.executable, "-I", "-S", str(_TETHER)]
    command += ["--parent", str(os.getpid()), "--signal", str(int(on_parent_death))]
    if identity.uid is not None and identity.gid is not None:
        command += ["--uid", str(identity.uid), "--gid", str(identity.gid)]
    return [*command, "--cwd", str(cwd), "--", *(str(part) for part in program)]
