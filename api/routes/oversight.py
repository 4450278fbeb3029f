"""Oversight: the books, reports, jobs, the audit log."""

from contextlib import suppress
from datetime import date
from typing import Annotated, Final
from uuid import UUID

from fastapi import APIRouter, Query, Response
from redis.exceptions import RedisError

from api.dependencies import ActingUser, Admin, Wired
from api.http.admission import lists
from api.http.instants import InstantQuery, beginning, end, invalid_date, invalid_instant
from api.http.paging import Paging
from api.http.responses import reply
from api.http.strict_json import StrictRoute
from api.schemas.admin import (
    FailedJobAnswer,
    JobsAnswer,
    QueueAnswer,
    Report,
    Retried,
    TrialBalanceAnswer,
)
from api.schemas.fields import IsoDate
from api.schemas.users import (
    AuditAnswer,
    AuditEntries,
)
from api.services import Services
from core.audit import log as audit
from core.audit.log import AuditFilter
from core.foundation import clock
from core.foundation.errors import JobNotFound
from core.foundation.ids import expect_id
from core.foundation.jobs import QUEUES
from core.ledger.trial_balance import trial_balance, turnover
from core.operations.failed_jobs import failed_jobs, retry
from core.reporting.report import Span, read_report
from core.transactions.backlog import backlog

router = APIRouter(prefix="/admin", tags=["Administration"], route_class=StrictRoute)

SHOWN_FAILED_JOBS: Final = 100


@router.get("/ledger/trial-balance", response_model=TrialBalanceAnswer)
@lists
async def show_trial_balance(
    _: Admin,
    services: Wired,
    as_of: Annotated[
        IsoDate | None, Query(description="The balances at the end of this date")
    ] = None,
    since: Annotated[IsoDate | None, Query(alias="from", description="What moved since")] = None,
    until: Annotated[IsoDate | None, Query(alias="to", description="What moved through")] = None,
) -> Response:
    """Every ledger account on its side; debits equal credits in each currency.

    Of this moment, or by accounting date: the balances at the end of a date, or what was debited
    and credited from one date through another.
    """
    span = None
    if since is not None or until is not None:
        span = (since or date.min, until or date.max)
    _refuse_unclear(as_of, span)
    async with services.listings.read() as reader:
        books = await (trial_balance(reader, as_of) if span is None else turnover(reader, *span))
    return reply(TrialBalanceAnswer.of(books, as_of, since, until, now=clock.now()))


def _refuse_unclear(as_of: date | None, span: tuple[date, date] | None) -> None:
    """Raise Invalid for a period that ends before it begins, or for a date and a period at once."""
    if span is None:
        return
    if as_of is not None:
        raise invalid_date("as_of", "goes without `from` and `to`")
    if span[0] > span[1]:
        raise invalid_date("from", "must not be after `to`")


@router.get("/reports", response_model=Report)
@lists
async def report(
    _: Admin,
    services: Wired,
    since: Annotated[InstantQuery, Query(alias="from")] = None,
    until: Annotated[InstantQuery, Query(alias="to")] = None,
) -> Response:
    """Counters, volumes per day and type, settlement, lending; the last 30 days by default."""
    span = Span.of(beginning("from", since), end("to", until), clock.now())
    if span.since >= span.until:
        raise invalid_instant("from", "must be before `to`")
    async with services.listings.snapshot() as reader:
        found = await read_report(reader, span, time_zone=services.settings.time_zone)
    return reply(Report.of(found))


@router.get("/jobs", response_model=JobsAnswer)
@lists
async def show_jobs(_: Admin, services: Wired) -> Response:
    """Queues and their depth, the oldest pending transaction, failed jobs."""
    waiting = await backlog(services.listings)
    async with services.listings.read() as reader:
        failed = await failed_jobs(reader.rows, limit=SHOWN_FAILED_JOBS)
    age = (clock.now() - waiting.oldest).total_seconds() if waiting.oldest else None
    return reply(
        JobsAnswer(
            queues=await _queues(services),
            pending_transactions=waiting.pending,
            oldest_pending_at=waiting.oldest,
            oldest_pending_seconds=None if age is None else round(max(age, 0), 3),
            failed_jobs=[FailedJobAnswer.of(job) for job in failed],
        )
    )


async def _queues(services: Services) -> list[QueueAnswer]:
    depths: dict[str, int | None] = dict.fromkeys(QUEUES)
    # Without Redis the rest of the answer is still known, and wanted most.
    with suppress(RedisError):
        depths |= await services.jobs.depths()
    return [QueueAnswer(name=name, depth=depth) for name, depth in depths.items()]


@router.post("/jobs/{job_id}/retry", status_code=202, response_model=Retried)
async def retry_job(job_id: str, _: Admin, actor: ActingUser, services: Wired) -> Response:
    """Queue a failed job again, once."""
    known = expect_id(job_id, JobNotFound)
    async with services.database.unit_of_work() as unit:
        await retry(unit, services.jobs, known, actor, clock.now())
        await unit.commit()
    return reply(Retried(job_id=known), status=202)


@router.get("/audit", response_model=AuditEntries)
@lists
async def read_audit(
    _: Admin,
    services: Wired,
    page: Paging,
    actor_id: UUID | None = None,
    action: Annotated[str | None, Query(max_length=60)] = None,
    subject_type: Annotated[str | None, Query(max_length=60)] = None,
    subject_id: Annotated[str | None, Query(max_length=60)] = None,
    since: Annotated[InstantQuery, Query(alias="from")] = None,
    until: Annotated[InstantQuery, Query(alias="to")] = None,
) -> Response:
    """Who did what, when, from where; the latest first."""
    wanted = AuditFilter(
        actor_id=actor_id,
        action=action,
        subject_type=subject_type,
        subject_id=subject_id,
        since=beginning("from", since),
        until=end("to", until),
    )
    async with services.listings.read() as reader:
        rows = await audit.read(reader.rows, wanted, before_id=page.after_id(), limit=page.fetch)
    shown, next_cursor = page.cut(rows, lambda entry: [entry.id])
    items = [AuditAnswer.model_validate(entry, from_attributes=True) for entry in shown]
    return reply({"items": items, "next_cursor": next_cursor})
