"""`giro up`: the whole system in the foreground."""

import asyncio
import signal
from pathlib import Path
from typing import Annotated

import typer

from core.foundation.config import ApiSettings, Settings
from ops.run.output import Output
from ops.run.stack import Options, Stack


def command(
    port: Annotated[
        int | None,
        typer.Option(
            help="The API's port; without it 8000, or the next free one.", min=1, max=65_535
        ),
    ] = None,
    host: Annotated[str, typer.Option(help="The address the API listens on.")] = "127.0.0.1",
    workers: Annotated[int, typer.Option(help="Worker processes.", min=0)] = 2,
    api_processes: Annotated[int, typer.Option(help="API processes on one port.", min=1)] = 1,
    home: Annotated[
        Path | None, typer.Option(help="Where the embedded data lies (GIRO_HOME).")
    ] = None,
) -> None:
    """Run the whole system in the foreground, until SIGTERM or Ctrl-C.

    PostgreSQL and Redis are embedded (data below .giro) unless DATABASE_URL or REDIS_URL are set.
    Prints `ready http://127.0.0.1:8000` once everything answers.
    """
    settings = ApiSettings()
    options = Options(
        home=home or settings.giro_home,
        host=host,
        port=port,
        workers=workers,
        api_processes=api_processes,
    )
    asyncio.run(_run(options, settings))


async def _run(options: Options, settings: Settings) -> None:
    output = Output()
    stack = Stack(options, output, settings)
    stop = asyncio.Event()

    def on_signal() -> None:
        if stop.is_set():
            stack.supervisor.hurry.set()
        stop.set()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, on_signal)
    # The terminal was closed; under nohup that is no reason to stop.
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        loop.add_signal_handler(signal.SIGHUP, on_signal)

    starting = asyncio.create_task(stack.start())
    stopped = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({starting, stopped}, return_when=asyncio.FIRST_COMPLETED)
        if not starting.done():
            starting.cancel()
            await asyncio.wait({starting})
            return
        output.line(f"ready {starting.result()}")
        await stopped
        output.line("stopping")
    finally:
        stopped.cancel()
        was_refused = not stack.supervisor.children
        await stack.stop()
        if not was_refused:
            output.line("stopped")
        await asyncio.to_thread(output.flush)
