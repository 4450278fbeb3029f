"""One settlement worker without a queue: settles when told to on standard input.

Protocol, a line each: it says `ready`; for every `go` it settles until nothing that is free is
left and answers `settled N`; it ends with its input.
"""

import asyncio
import sys

import uvloop

from core.foundation.config import Settings
from core.foundation.garbage import calm_garbage_collection
from core.foundation.logging import configure
from worker.runtime import Runtime


async def main() -> None:
    """Serve the protocol until standard input ends."""
    settings = Settings()
    configure(settings, process="engine")
    runtime = Runtime.start(settings, name="bench")
    calm_garbage_collection()
    try:
        print("ready", flush=True)
        while (await asyncio.to_thread(sys.stdin.readline)).strip() == "go":
            print(f"settled {await runtime.settler.drain()}", flush=True)
    finally:
        await runtime.close()


if __name__ == "__main__":
    uvloop.run(main())
