"""One fault on one stack: work, the fault in the middle of it, its end, and what came of it."""

import asyncio
import random
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import asyncpg

from tests.faults import lending, reader
from tests.faults.books import bookmark, count_pending, read_books
from tests.faults.cast import Cast
from tests.faults.checker import Breach, check
from tests.faults.figures import Figures, Window, figures
from tests.faults.history import History
from tests.faults.nemesis import Fault, Scene
from tests.faults.stage import Stage
from tests.faults.workload import Workload

WARM_UP_SECONDS: Final = 1.5
AFTERWARDS_SECONDS: Final = 4.0
# Afterwards everything that was accepted has to reach its end within this.
SETTLE_WITHIN_SECONDS: Final = 60.0


@dataclass(frozen=True)
class Report:
    """What came of a trial."""

    fault: Fault
    figures: Figures
    breaches: list[Breach]


async def run(
    stage: Stage, cast: Cast, fault: Fault, *, seed: int, number: int, seconds: float, log: Path
) -> Report:
    """Try a fault: inject it under load, lift it, let all settle, check everything."""
    since = await bookmark(stage.superuser_url)
    history = History(log)
    cast.record_in(history)
    await cast.log_in()
    label = f"{seed}/{number}/{fault.name}/"
    work = Workload(cast, f"{seed}/{fault.name}", label)
    draw = random.Random(f"{seed}/{fault.name}/nemesis")
    scene = Scene(stage, cast, work, draw, seconds, history.note)
    work.start(reader.read, lending.borrow, lending.close_days)
    await asyncio.sleep(WARM_UP_SECONDS)
    injected = history.note("injected", fault=fault.name)
    async with fault.block(scene):
        history.note("injection over")
        await asyncio.sleep(max(0.0, injected + seconds - time.monotonic()))
    lifted = history.note("lifted") if seconds else injected
    await asyncio.sleep(AFTERWARDS_SECONDS)
    window = Window(injected, lifted, history.note("stopped"))
    still_open = await work.stop(SETTLE_WITHIN_SECONDS)
    breaches = [Breach("all ends", f"{still_open} polls went on")] if still_open else []
    breaches += await _settled(stage)
    calls = [*history.calls, *(call for other in scene.others for call in other.calls)]
    books = await read_books(stage.superuser_url, since, label)
    breaches += check(calls, books)
    for broken in await stage.verify():
        what = "; ".join(str(breach.what) for breach in broken.breaches[:3])
        breaches.append(Breach("giro verify", f"{broken.name}: {what}"))
    history.note("checked", breaches=[f"{b.rule}: {b.what}" for b in breaches])
    history.close()
    return Report(fault, figures(calls, window, scene.held), breaches)


async def _settled(stage: Stage) -> list[Breach]:
    """Wait until nothing is pending: what nobody polls for has to end as well."""
    await stage.until_ready(SETTLE_WITHIN_SECONDS)
    deadline = time.monotonic() + SETTLE_WITHIN_SECONDS
    pending = -1
    while time.monotonic() < deadline:
        try:
            pending = await count_pending(stage.superuser_url)
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            pending = -1
        if pending == 0:
            return []
        await asyncio.sleep(0.2)
    return [Breach("all ends", f"{pending} transactions are pending after everything")]


def not_tried(fault: Fault, error: Exception) -> Report:
    """The report of a trial that broke itself: a failure like any other."""
    nothing = Figures(0, 0, 0, 0.0, 0.0, 0.0, {})
    return Report(fault, nothing, [Breach("the trial itself", repr(error))])


def as_json(report: Report) -> dict[str, Any]:
    """A report for a file."""
    shown = report.figures
    return {
        "fault": report.fault.name,
        "tells": report.fault.tells,
        "spares_postgres": report.fault.spares_postgres,
        "breaches": [f"{breach.rule}: {breach.what}" for breach in report.breaches],
        "submissions": shown.submissions,
        "acknowledged": shown.acknowledged,
        "settled": shown.settled,
        "stall_seconds": round(shown.stall, 2),
        "wait_seconds": round(shown.wait, 2),
        "recovery_seconds": round(shown.recovery, 2),
        "codes": dict(shown.codes),
    }
