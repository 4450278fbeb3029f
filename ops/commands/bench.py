"""`giro bench`: this system and pgbench's TPC-B side by side."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer
import uvloop
from rich.console import Console

from core.foundation import clock
from core.foundation.config import Settings
from core.foundation.logging import configure
from ops.bench import report
from ops.bench.plan import QUICK, Plan
from ops.bench.run import run
from ops.commands.interrupts import treat_sigterm_as_ctrl_c


def command(
    *,
    quick: Annotated[bool, typer.Option("--quick", help="One short round, for a look.")] = False,
    rounds: Annotated[int | None, typer.Option(help="Rounds (3).", min=1)] = None,
    seconds: Annotated[float | None, typer.Option(help="Seconds of each load (15).")] = None,
    workers: Annotated[int | None, typer.Option(help="Worker processes (2).", min=1)] = None,
    api_processes: Annotated[int | None, typer.Option(help="API processes (1).", min=1)] = None,
    connections: Annotated[int | None, typer.Option(help="HTTP connections (64).", min=1)] = None,
    scale: Annotated[int | None, typer.Option(help="pgbench's scale (50).", min=1)] = None,
    transfers: Annotated[
        int | None, typer.Option(help="Transfers of an engine round (100,000).", min=1)
    ] = None,
    output: Annotated[Path | None, typer.Option(help="Where the JSON goes.")] = None,
    home: Annotated[Path | None, typer.Option(help="Where to measure (.giro/bench).")] = None,
) -> None:
    """Measure this system and pgbench's TPC-B on one server in one run, as a table and as JSON."""
    base = QUICK if quick else Plan()
    plan = replace(
        base,
        rounds=rounds or base.rounds,
        seconds=seconds or base.seconds,
        workers=workers or base.workers,
        engine_workers=workers or base.engine_workers,
        api_processes=api_processes or base.api_processes,
        connections=connections or base.connections,
        pgbench_scale=scale or base.pgbench_scale,
        engine_transfers=transfers or base.engine_transfers,
    )
    treat_sigterm_as_ctrl_c()
    settings = Settings()
    # This process closes business days itself; its lines would fall between the tables.
    configure(settings.model_copy(update={"log_level": "WARNING"}), process="bench")
    console = Console()
    result = uvloop.run(run(console, plan, home or settings.giro_home / "bench"))
    report.show(console, result)
    path = output or Path("bench-results") / f"{clock.now():%Y%m%d-%H%M%S}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(result, indent=2, default=str) + "\n")
    console.print(f"written to {path}", soft_wrap=True)
    if any(check["breaches"] for check in result["checks"]):
        raise typer.Exit(1)
