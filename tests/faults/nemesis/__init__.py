"""What goes wrong: each fault a name, a sentence, and a block that injects and lifts it.

A module for each kind of thing that can break; ``FAULTS`` holds all of them.
"""

from tests.faults.nemesis import clocks, crowds, databases, messages, programs, stores
from tests.faults.nemesis.fault import FAULTS, Fault, Scene

__all__ = [
    "FAULTS", "Fault", "Scene",
    "clocks", "crowds", "databases", "messages", "programs", "stores",
]  # fmt: skip
