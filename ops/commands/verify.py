"""`giro verify`: every promise about the books, checked on the database."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from ops.books import render, verify_books
from ops.run.target import target_settings


def command(
    home: Annotated[Path | None, typer.Option(help="Which home (GIRO_HOME).")] = None,
) -> None:
    """Check every promise about the books against the database; exit 1 on a breach."""
    console = Console()
    with target_settings(home) as settings, console.status("checking the books"):
        checks = asyncio.run(verify_books(settings))
    console.print(render(checks))
    if not all(check.ok for check in checks):
        raise typer.Exit(1)
