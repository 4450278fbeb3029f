"""`giro close-day`: the scheduler's business-date work, by hand."""

import asyncio
from datetime import date, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from core.business_day.close import RunFailed, close_through
from core.business_day.dates import BankClock, find_today
from core.business_day.runs import Run
from core.foundation.config import Settings
from core.foundation.errors import BusinessDateInFuture
from core.foundation.logging import configure
from ops.run.target import target_settings
from worker.desk import desk
from worker.runtime import Runtime

SHOWN = 10


def command(
    day: Annotated[
        datetime | None,
        typer.Argument(metavar="[DATE]", formats=["%Y-%m-%d"], help="The business date."),
    ] = None,
    through: Annotated[
        datetime | None,
        typer.Option(metavar="DATE", formats=["%Y-%m-%d"], help="Day by day, through this one."),
    ] = None,
    home: Annotated[Path | None, typer.Option(help="Which home (GIRO_HOME).")] = None,
) -> None:
    """Collect what is due, charge penalties, classify what is late, recover what is in default,
    credit cashbacks.

    For DATE alone; with --through day by day from DATE, or without it from the first day that is
    still open. Without either: every open day through today. The same date twice does nothing
    twice. Beyond tomorrow only in development, where the bank's clock is moved with it: every day
    on the way is closed, one after the other.
    """
    console = Console()
    with target_settings(home) as settings:
        first = day.date() if day else None
        last = through.date() if through else first
        if first is not None and last is not None and first > last:
            raise typer.BadParameter(f"{last} is before {first}", param_hint="--through")
        try:
            runs = asyncio.run(_close(console, settings, first, last))
        except (RunFailed, BusinessDateInFuture) as error:
            console.print(f"[bold red]{error}[/]")
            raise typer.Exit(1) from error
    _show(console, runs)


async def _close(
    console: Console, settings: Settings, first: date | None, last: date | None
) -> list[Run]:
    configure(settings, process="close-day")
    runtime = Runtime.start(settings.as_worker(), name="close-day")
    try:
        async with runtime.database.read() as reader:
            today = await find_today(reader, settings.time_zone)
        last = last or today.calendar_date
        if last > today.business_date and BankClock.of(settings).may_run_ahead:
            console.print(f"The bank's clock is moved, from {today.business_date} to {last}.")
        with _progress(console) as progress:
            task = progress.add_task("closing", total=None)

            def closed(run: Run) -> None:
                left = (last - run.business_date).days
                progress.advance(task)
                done = progress.tasks[0].completed
                progress.update(task, total=done + left, description=f"closed {run.business_date}")

            return await close_through(desk(runtime), last, since=first, closed=closed)
    finally:
        await runtime.close()


def _progress(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
    )


def _show(console: Console, runs: list[Run]) -> None:
    table = Table("business date", "status", "loans", "succeeded", "failed")
    for run in runs[-SHOWN:]:
        figures = (str(n) for n in (run.total, run.succeeded, run.failed))
        table.add_row(run.business_date.isoformat(), run.status, *figures)
    if len(runs) > SHOWN:
        console.print(f"{len(runs)} days closed, the last {SHOWN}:")
    console.print(table)
