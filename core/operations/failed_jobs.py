"""Jobs that failed after their last retry: kept, listed, retried by an admin."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select, update

from core.audit.log import Actor, record
from core.foundation.database import Database, Rows, UnitOfWork
from core.foundation.errors import JobNotFound
from core.foundation.jobs import Jobs
from core.operations.tables import FailedJob


async def record_failure(
    database: Database,
    *,
    job_id: UUID,
    queue: str,
    actor: str,
    args: list[Any],
    error: str,
    request_id: str | None,
    failed_at: datetime,
) -> None:
    """Keep one failed job, in a unit of work of its own."""
    async with database.unit_of_work() as unit:
        unit.session.add(
            FailedJob(
                id=job_id,
                queue=queue,
                actor=actor,
                args=args,
                error=error,
                request_id=request_id,
                failed_at=failed_at,
            )
        )
        await unit.commit()


async def failed_jobs(rows: Rows, *, limit: int) -> list[FailedJob]:
    """The failed jobs that nobody has retried yet, the latest first."""
    waiting = select(FailedJob).where(FailedJob.retried_at.is_(None))
    return list(await rows.scalars(waiting.order_by(FailedJob.failed_at.desc()).limit(limit)))


async def retry(unit: UnitOfWork, jobs: Jobs, job_id: UUID, actor: Actor, at: datetime) -> None:
    """Queue a failed job again, once; audited. The caller commits.

    It is queued before it is committed that it was: one queued in vain finds nothing to do, one
    that was marked and never queued would be lost. Raises JobNotFound where it is unknown or was
    retried before, and RedisError.
    """
    job: FailedJob | None = await unit.session.scalar(
        update(FailedJob)
        .where(FailedJob.id == job_id, FailedJob.retried_at.is_(None))
        .values(retried_at=at)
        .returning(FailedJob)
    )
    if job is None:
        raise JobNotFound
    record(unit.session, actor, "job.retry", subject_type="job", subject_id=job_id)
    await unit.session.flush()
    await jobs.enqueue(job.actor, *job.args, queue=job.queue, request_id=actor.request_id)
