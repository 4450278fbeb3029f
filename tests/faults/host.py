"""Runs one stack for the harness, as `giro up` does: the same supervisor, the same programs.

    python -m tests.faults.host HOME --port 8000 --schedulers 3 --clocks HOME/clocks

What `giro up` has no option for is added to the children's specs: more schedulers than one, and a
clock of its own for each child.
"""

import argparse
import asyncio
import signal
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from core.foundation.config import Settings
from ops.run.child import Child, Spec
from ops.run.output import Output
from ops.run.stack import Options, Stack
from ops.run.supervisor import Supervisor
from tests.faults import clocks

ENVIRONMENT: Mapping[str, str] = {
    "BCRYPT_ROUNDS": "4",  # what is tried is not the cost of a hash
    "RATE_LIMIT_ENABLED": "false",  # nor are the limits: all clients share an address here
}


@dataclass(frozen=True)
class Extras:
    """What the children get beyond what `giro up` gives them."""

    schedulers: int
    clocks: Path | None


class FaultsSupervisor(Supervisor):
    """The supervisor, with a clock of its own for each child and as many schedulers as wanted."""

    def __init__(self, output: Output, stack: Stack, extras: Extras) -> None:
        super().__init__(output, stack._save_run_file)
        self._extras = extras

    async def start(self, spec: Spec) -> Child:
        """Start a child; of a scheduler as many as there shall be."""
        if spec.name == "scheduler":
            for number in range(2, self._extras.schedulers + 1):
                await super().start(self._clocked(replace(spec, name=f"scheduler-{number}")))
        return await super().start(self._clocked(spec))

    def _clocked(self, spec: Spec) -> Spec:
        if self._extras.clocks is None:
            return spec
        clock = clocks.environment(self._extras.clocks, spec.name)
        # Behind the tether, which may run as another user: the library keeps files of its user's.
        before = list(spec.command[: spec.command.index("--") + 1]) if spec.is_tied else []
        program = spec.command[len(before) :]
        own = ["/usr/bin/env", *(f"{name}={value}" for name, value in clock.items())]
        return replace(spec, command=[*before, *own, *program])


async def run(options: Options, extras: Extras) -> None:
    """Bring the stack up and keep it until SIGTERM or SIGINT."""
    output = Output()
    settings = Settings(_env_file=None)
    stack = Stack(options, output, settings)
    stack.supervisor.close()
    stack.supervisor = FaultsSupervisor(output, stack, extras)
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    output.line(f"ready {await stack.start()}")
    await stop.wait()
    await stack.stop()
    await asyncio.to_thread(output.flush)


def main() -> None:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("home", type=Path)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--api-processes", type=int, default=2)
    parser.add_argument("--schedulers", type=int, default=1)
    parser.add_argument("--clocks", type=Path)
    given = parser.parse_args()
    options = Options(
        home=given.home,
        port=given.port,
        workers=given.workers,
        api_processes=given.api_processes,
        own_stores=True,
        environment=ENVIRONMENT,
    )
    asyncio.run(run(options, Extras(given.schedulers, given.clocks)))


if __name__ == "__main__":
    main()
