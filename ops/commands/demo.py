"""`giro demo`: the main job, played through the HTTP API."""

import asyncio
from typing import Annotated

import typer
from rich.console import Console

from ops.commands.interrupts import treat_sigterm_as_ctrl_c
from ops.demo.show import show
from ops.demo.stage import DemoFailedError


def command(
    keep: Annotated[bool, typer.Option("--keep", help="Leave the temporary home behind.")] = False,
) -> None:
    """Bring the system up in a temporary place and play the main job through the HTTP API.

    Shows it as it goes, checks what it shows, and exits 0 only when all of it is true.
    """
    treat_sigterm_as_ctrl_c()
    console = Console()
    try:
        asyncio.run(show(console, keep=keep))
    except DemoFailedError as error:
        console.print(f"[bold red]the demo failed:[/] {error}", soft_wrap=True)
        raise typer.Exit(1) from error
