"""The business day's actor: somebody says that a run waits for hands."""

from uuid import UUID

import dramatiq

from core.business_day.drive import drive
from core.foundation.errors import RunNotFound
from core.foundation.jobs import DRIVE_RUN_ACTOR, LENDING_QUEUE
from worker.broker import runtime
from worker.desk import desk


@dramatiq.actor(actor_name=DRIVE_RUN_ACTOR, queue_name=LENDING_QUEUE)
async def drive_run(run_id: str) -> None:
    """Work on the run until it is over. A run that is unknown or over needs nothing."""
    try:
        await drive(desk(runtime(), helpers=False), UUID(run_id))
    except (ValueError, RunNotFound):
        return
