"""Oversight: the books, reports, jobs, the audit log."""

from contextlib import suppress
from datetime import UTC, datetime, time, timedelta
from typing import Annotated, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Query, Response
from redis.exceptions import RedisError

from api.dependencies import ActingUser, Admin, Wired
from api.http.admission import lists
from api.http.instants import InstantQuery, beginning, end, invalid_instant
from api.http.paging import Paging
from api.http.responses import reply
from api.http.strict_json import StrictRoute
from api.schemas.admin import (
    FailedJobAnswer,
    JobsAnswer,
    QueueAnswer,
    Report,
    Retried,
    SettlementReport,
    TrialBalanceAnswer,
    VolumeRow,
)
from api.schemas.users import (
    AuditAnswer,
    AuditEntries,
)
from api.services import Services
from core.audit import log as audit
from core.audit.log import AuditFilter
from core.business_day.dates import business_date
from core.foundation import clock
from core.foundation.errors import JobNotFound
from core.foundation.ids import parse_id
from core.foundation.jobs import QUEUES
from core.ledger.trial_balance import trial_balance
from core.lending.servicing.portfolio import portfolio
from core.operations.failed_jobs import failed_jobs, take_for_retry
from core.reporting import counters
from core.transactions.backlog import backlog

router = APIRouter(prefix="/admin", tags=["Administration"], route_class=StrictRoute)

REPORT_SPAN: Final = timedelta(days=30)
EARLIEST: Final = datetime.min.replace(tzinfo=UTC) + REPORT_SPAN
SHOWN_FAILED_JOBS: Final = 100


@router.get("/ledger/trial-balance", response_model=TrialBalanceAnswer)
@lists
async def show_trial_balance(_: Admin, services: Wired) -> Response:
    """Every ledger account on its side; debits equal credits in each currency."""
    async with services.listings.raw_connection() as connection:
        balance = await trial_balance(connection)
    return reply(TrialBalanceAnswer.of(balance, now=clock.now()))


@router.get("/reports", response_model=Report)
@lists
async def report(
    _: Admin,
    services: Wired,
    since: Annotated[InstantQuery, Query(alias="from")] = None,
    until: Annotated[InstantQuery, Query(alias="to")] = None,
) -> Response:
    """Counters, volumes per day and type, settlement, lending; the last 30 days by default."""
    now = clock.now()
    last = end("to", until) or now
    first = beginning("from", since) or max(last, EARLIEST) - REPORT_SPAN
    if first >= last:
        raise invalid_instant("from", "must be before `to`")
    async with services.listings.snapshot() as reader:
        totals = await counters.counters(reader, midnight=_midnight(services))
        volumes = await counters.volumes(reader, since=first, until=last)
        settlement = await counters.settlement(reader, since=first, until=last)
        today = await business_date(reader, services.settings.time_zone)
        lending = await portfolio(
            reader,
            since=first.date(),
            until=last.date() if until is not None else today,
            today=today,
        )
    return reply(
        Report(
            total_accounts=totals.total_accounts,
            total_loans=totals.total_loans,
            total_transactions_today=totals.total_transactions_today,
            since=first,
            until=last,
            transactions=[VolumeRow.of(row) for row in volumes],
            settlement=SettlementReport.of(settlement),
            lending=lending,
        )
    )


def _midnight(services: Services) -> datetime:
    zone = ZoneInfo(services.settings.time_zone)
    return datetime.combine(clock.today(services.settings.time_zone), time.min, zone)


@router.get("/jobs", response_model=JobsAnswer)
@lists
async def show_jobs(_: Admin, services: Wired) -> Response:
    """Queues and their depth, the oldest pending transaction, failed jobs."""
    waiting = await backlog(services.listings)
    async with services.listings.unit_of_work() as unit:
        failed = await failed_jobs(unit.session, limit=SHOWN_FAILED_JOBS)
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
    known = parse_id(job_id)
    async with services.database.unit_of_work() as unit:
        job = None if known is None else await take_for_retry(unit.session, known, clock.now())
        if job is None:
            raise JobNotFound
        audit.record(unit.session, actor, "job.retry", subject_type="job", subject_id=known)
        # Queued before it is committed that it was: one queued in vain finds nothing to do, one
        # that was marked and never queued would be lost.
        await unit.session.flush()
        await services.jobs.enqueue(
            job.actor, *job.args, queue=job.queue, request_id=actor.request_id
        )
        await unit.commit()
    return reply(Retried(job_id=job.id), status=202)


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
    async with services.listings.unit_of_work() as unit:
        rows = await audit.read(unit.session, wanted, before_id=page.after_id(), limit=page.fetch)
    shown, next_cursor = page.cut(rows, lambda entry: [entry.id])
    items = [AuditAnswer.model_validate(entry, from_attributes=True) for entry in shown]
    return reply({"items": items, "next_cursor": next_cursor})
