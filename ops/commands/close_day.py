"""`giro close-day`: the scheduler's business-date work, by hand."""

import asyncio
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from core import clock
from core.config import Settings
from core.lending.business_day.close import RunFailed, close_through, run_job
from core.lending.business_day.runs import Job, Run
from core.logging import configure
from ops.target import target_settings
from worker.cashbacks import credit_cashbacks_of
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
    """Collect what is due, charge penalties, classify what is late, recover what is in default.

    For DATE alone; with --through day by day from DATE, or without it from the first day that is
    still open. Without either: every open day through today. The same date twice does nothing
    twice; a date ahead of the calendar takes the bank's clock with it.
    """
    console = Console()
    with target_settings(home) as settings:
        first = day.date() if day else None
        last = through.date() if through else first or clock.today(settings.time_zone)
        if first is not None and first > last:
            raise typer.BadParameter(f"{last} is before {first}", param_hint="--through")
        try:
            runs = asyncio.run(_close(console, settings, first, last))
        except RunFailed as error:
            console.print(f"[bold red]{error}[/]")
            raise typer.Exit(1) from error
    _show(console, runs)


async def _close(console: Console, settings: Settings, first: date | None, last: date) -> list[Run]:
    configure(settings, process="close-day")
    runtime = Runtime.start(settings, name="close-day")
    progress = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
    )
    try:
        with progress:
            task = progress.add_task("closing", total=(last - first).days + 1 if first else None)

            def closed(run: Run) -> None:
                progress.update(task, advance=1, description=f"closed {run.business_date}")

            if first is None:
                runs = await close_through(desk(runtime), last, closed=closed)
            else:
                runs = []
                for offset in range((last - first).days + 1):
                    on = first + timedelta(days=offset)
                    runs.append(await run_job(desk(runtime), Job.CLOSE_DAY, on))
                    closed(runs[-1])
            await credit_cashbacks_of(runtime, last)
            return runs
    finally:
        await runtime.close()


def _show(console: Console, runs: list[Run]) -> None:
    table = Table("business date", "status", "loans", "succeeded", "failed")
    for run in runs[-SHOWN:]:
        figures = (str(n) for n in (run.total, run.succeeded, run.failed))
        table.add_row(run.business_date.isoformat(), run.status, *figures)
    if len(runs) > SHOWN:
        console.print(f"{len(runs)} days closed, the last {SHOWN}:")
    console.print(table)
