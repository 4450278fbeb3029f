"""The frame of the demo: a system in a temporary home, the scenes, the sum of it."""

import asyncio
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import httpx2
from rich.console import Console
from rich.panel import Panel
from rich.table import Table

from core.foundation.config import Settings
from ops.demo.scenes import SCENES, Scene
from ops.demo.stage import Stage, time_to_final_ms
from ops.embedded import EmbeddedServers
from ops.embedded.ports import free_port
from ops.figures import percentile
from ops.run.output import Output
from ops.run.stack import Options, Stack

# One machine plays thousands of customers here.
UNLIMITED = "1000000/minute"
ENVIRONMENT = {
    "ENVIRONMENT": "development",
    "RATE_LIMIT_LOGIN": UNLIMITED,
    "RATE_LIMIT_PUBLIC": UNLIMITED,
    "RATE_LIMIT_USER": UNLIMITED,
    "SELF_SERVICE_CASH": "true",
    "LOG_LEVEL": "WARNING",
}


async def show(console: Console, scenes: Sequence[Scene] = SCENES, *, keep: bool = False) -> None:
    """Play the scenes on a fresh system; raises what goes wrong after stopping everything."""
    home = _temporary_home()
    log = home / "demo.log"
    started = time.monotonic()
    try:
        with log.open("w") as stream:
            output = Output(stream)
            options = Options(home=home, port=free_port(), own_stores=True, environment=ENVIRONMENT)
            settings = Settings()
            async with Stack(options, output, settings) as stack:
                console.print(
                    f"[bold]Giro[/] is up at {stack.run.api_url} "
                    f"after {time.monotonic() - started:.1f} s (home {home})"
                )
                await _play(console, stack, scenes, settings.default_currency)
                console.print("stopping …")
            output.flush()
        console.print(f"[bold green]done[/] in {time.monotonic() - started:.0f} s")
    except BaseException:
        _show_log(console, log)
        raise
    finally:
        if not keep:
            await asyncio.to_thread(_remove, home)


async def _play(console: Console, stack: Stack, scenes: Sequence[Scene], currency: str) -> None:
    limits = httpx2.Limits(max_connections=100, max_keepalive_connections=100)
    async with httpx2.AsyncClient(base_url=stack.run.api_url, limits=limits, timeout=60) as client:
        stage = Stage(client=client, console=console, home=stack.home, currency=currency)
        for number, (title, play) in enumerate(scenes, start=1):
            console.rule(f"[bold]{number}. {title}", align="left")
            await play(stage)
        _sum_up(stage)


def _sum_up(stage: Stage) -> None:
    times = [time_to_final_ms(record) for record in stage.settled if record["settled_at"]]
    table = Table("accepted", "settled", "p50 to final", "p99 to final")
    table.add_row(
        str(len(stage.accepted)),
        str(len(stage.settled)),
        f"{percentile(times, 50):.0f} ms",
        f"{percentile(times, 99):.0f} ms",
    )
    stage.console.print(Panel(table, title="accepted and settled", expand=False))


def _show_log(console: Console, log: Path, lines: int = 30) -> None:
    if log.exists():
        last = log.read_text(errors="replace").splitlines()[-lines:]
        console.print("\n".join(["the system's last words:", *last]), markup=False)


def _temporary_home() -> Path:
    home = Path(tempfile.mkdtemp(prefix="giro-demo-"))
    home.chmod(0o711)
    return home


def _remove(home: Path) -> None:
    EmbeddedServers(home).destroy()
