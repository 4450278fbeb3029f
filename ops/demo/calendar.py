"""The demo's calendar: business days closed by the command that an operator has."""

import asyncio
import sys
from datetime import date

from ops.demo.stage import DemoFailedError, Stage


async def close_through(stage: Stage, day: date) -> None:
    """`giro close-day --through DAY`: every open business date up to it, one after the other."""
    with stage.console.status(f"closing every business day through {day}"):
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "ops.cli", "close-day", "--through", day.isoformat()),
            *("--home", str(stage.home)),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        said, _ = await process.communicate()
    if process.returncode != 0:
        raise DemoFailedError(f"giro close-day failed: {said.decode(errors='replace')[-2000:]}")


async def due_dates(stage: Stage, who: str) -> list[date]:
    """The due dates of this customer's loan."""
    schedule = await stage.call(who, "GET", f"/loans/{stage.loans[who]}/schedule")
    return [date.fromisoformat(row["due_date"]) for row in schedule["instalments"]]
