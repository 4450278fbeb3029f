"""`giro status`: what runs on a home."""

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import httpx2
import typer
from rich.console import Console
from rich.table import Table

from core.foundation.config import Settings
from ops.embedded.ports import answers
from ops.run.run_file import Process, RunFile, read_run_file

NOT_RUNNING = 3
DEGRADED = 1


def command(
    as_json: Annotated[bool, typer.Option("--json", help="As one JSON object.")] = False,
    home: Annotated[Path | None, typer.Option(help="Which home (GIRO_HOME).")] = None,
) -> None:
    """Show what runs: each process with pid and health, and the addresses to connect with.

    Exits 0 when all of it is healthy, 1 when something is not, 3 when nothing runs.
    """
    where = (home or Settings().giro_home).expanduser().resolve()
    run = read_run_file(where)
    report = _nothing(where) if run is None else _report(where, run)
    if as_json:
        print(json.dumps(report, indent=2))
    else:
        _show(report)
    if not report["running"]:
        raise typer.Exit(NOT_RUNNING)
    if not report["healthy"]:
        raise typer.Exit(DEGRADED)


def _nothing(home: Path) -> dict[str, Any]:
    return {"running": False, "healthy": False, "home": str(home), "processes": []}


def _report(home: Path, run: RunFile) -> dict[str, Any]:
    ready, said = _ask_ready(run.api_url)
    rows = [{**asdict(p), "health": _health(p, api_is_ready=ready)} for p in run.processes]
    return {
        "running": True,
        "healthy": ready and all(row["health"] == "up" for row in rows),
        "home": str(home),
        "pid": run.pid,
        "started_at": run.started_at,
        "api": run.api_url,
        "ready": said,
        # As they go into the environment of whoever wants to connect: to read everything; as the
        # programs do; and as the role that owns the tables.
        "DATABASE_URL": run.database_url,
        "REDIS_URL": run.redis_url,
        "API_DATABASE_URL": run.database_urls.api,
        "WORKER_DATABASE_URL": run.database_urls.worker,
        "OWNER_DATABASE_URL": run.database_urls.owner,
        "api_url": run.api_url,
        "database_url": run.database_url,
        "redis_url": run.redis_url,
        "processes": rows,
    }


def _health(process: Process, *, api_is_ready: bool) -> str:
    if process.pid is None or not _is_alive(process.pid):
        return "down"
    if process.name == "api":
        return "up" if api_is_ready else "not ready"
    if process.port is not None and not answers(process.port):
        return "not answering"
    return "up"


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _ask_ready(api_url: str) -> tuple[bool, Any]:
    try:
        response = httpx2.get(f"{api_url}/health/ready", timeout=5)
    except httpx2.HTTPError as error:
        return False, str(error)
    try:
        return response.status_code == 200, response.json()
    except ValueError:
        return False, response.text


def _show(report: dict[str, Any]) -> None:
    console = Console()
    if not report["running"]:
        console.print(f"nothing runs on {report['home']}; `giro up` starts it", soft_wrap=True)
        return
    table = Table("process", "pid", "health", "restarts", "port", "since")
    for row in report["processes"]:
        health = row["health"]
        colour = "green" if health == "up" else "red"
        table.add_row(
            row["name"],
            str(row["pid"] or "-"),
            f"[{colour}]{health}[/]",
            str(row["restarts"]),
            str(row["port"] or ""),
            row["started_at"],
        )
    console.print(table)
    said = report["ready"]
    if isinstance(said, dict) and said.get("status") != "ready":
        said = said.get("detail", said)
        console.print(f"not ready: {said}", soft_wrap=True, highlight=False)
    for label, key in (
        ("API", "api"),
        ("DATABASE_URL", "DATABASE_URL"),
        ("REDIS_URL", "REDIS_URL"),
        ("OWNER_DATABASE_URL", "OWNER_DATABASE_URL"),
    ):
        console.print(f"{label:<19}{report[key]}", soft_wrap=True, highlight=False)
