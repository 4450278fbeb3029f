"""Administration: users, countries, currencies, the books, reports, jobs, the audit log."""

from contextlib import suppress
from datetime import datetime, time, timedelta
from typing import Annotated, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Path, Query, Response
from redis.exceptions import RedisError

from api.dependencies import ActingUser, Admin, Held
from api.instants import InstantQuery, beginning, end
from api.paging import Paging
from api.responses import reply
from api.schemas.admin import (
    Currencies,
    CurrencyAnswer,
    CurrencyChange,
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
    Countries,
    CountryAnswer,
    CountryChange,
    NewUser,
    StandingChange,
    UserAnswer,
    Users,
)
from api.services import Services
from api.strict_json import StrictRoute
from core import clock, money
from core.audit import log as audit
from core.audit.log import AuditFilter
from core.database import driver
from core.errors import CountryNotFound, CurrencyNotFound, JobNotFound, UserNotFound
from core.identity import countries, users
from core.identity.models import Role, UserStatus
from core.identity.users import PersonalData, UserFilter
from core.ids import parse_id
from core.jobs import QUEUES
from core.ledger import currencies
from core.ledger.models import Currency
from core.ledger.trial_balance import trial_balance
from core.lending.business_day.dates import business_date
from core.lending.portfolio import portfolio
from core.platform.failed_jobs import failed_jobs, take_for_retry
from core.reporting import counters
from core.transactions.backlog import backlog

router = APIRouter(prefix="/admin", tags=["Administration"], route_class=StrictRoute)

REPORT_SPAN: Final = timedelta(days=30)
SHOWN_FAILED_JOBS: Final = 100
CountryCode = Annotated[str, Path(max_length=16)]
CurrencyPath = Annotated[str, Path(max_length=16)]


@router.post("/users", status_code=201, response_model=UserAnswer)
async def make_user(body: NewUser, _: Admin, actor: ActingUser, held: Held) -> Response:
    """Make a user of any role."""
    person = PersonalData(**body.model_dump(exclude={"email", "password", "role"}))
    user = await users.register(
        held.database,
        held.passwords,
        email=body.email,
        password=body.password,
        person=person,
        actor=actor,
        role=body.role,
    )
    return reply(UserAnswer.of(user), status=201)


@router.get("/users", response_model=Users)
async def list_users(
    _: Admin,
    held: Held,
    page: Paging,
    role: Role | None = None,
    status: UserStatus | None = None,
    email: Annotated[str | None, Query(max_length=254, description="A part of it")] = None,
) -> Response:
    """All users, the newest first."""
    async with held.database.unit_of_work() as session:
        rows = await users.list_users(
            session,
            UserFilter(role=role, status=status, email=email),
            before_id=page.after_id(),
            limit=page.fetch,
        )
    shown, next_cursor = page.cut(rows, lambda user: [user.id])
    return reply({"items": [UserAnswer.of(user) for user in shown], "next_cursor": next_cursor})


@router.get("/users/{user_id}", response_model=UserAnswer)
async def show_user(user_id: str, _: Admin, held: Held) -> Response:
    """One user."""
    async with held.database.unit_of_work() as session:
        user = await users.find_user(session, _user_id(user_id))
    return reply(UserAnswer.of(user))


@router.put("/users/{user_id}", response_model=UserAnswer)
async def change_user(
    user_id: str, body: StandingChange, _: Admin, actor: ActingUser, held: Held
) -> Response:
    """Change role or status; the user's tokens end."""
    async with held.database.unit_of_work() as session:
        user = await users.change_standing(
            session, _user_id(user_id), role=body.role, status=body.status, actor=actor
        )
        await session.commit()
    return reply(UserAnswer.of(user))


def _user_id(text: str) -> UUID:
    known = parse_id(text)
    if known is None:
        raise UserNotFound
    return known


@router.get("/countries", response_model=Countries)
async def list_countries(_: Admin, held: Held) -> Response:
    """All countries, and whether the bank serves their residents."""
    async with held.database.unit_of_work() as session:
        rows = await countries.list_countries(session)
    return reply({"items": [CountryAnswer.of(row) for row in rows], "next_cursor": None})


@router.put("/countries/{code}", response_model=CountryAnswer)
async def set_country(
    code: CountryCode, body: CountryChange, _: Admin, actor: ActingUser, held: Held
) -> Response:
    """Serve a country's residents, or no more; a new code needs a name."""
    code = code.upper()
    if len(code) != 2 or not (code.isascii() and code.isalpha()):
        raise CountryNotFound
    async with held.database.unit_of_work() as session:
        country = await countries.set_country(
            session, code, allowed=body.allowed, name=body.name, actor=actor
        )
        await session.commit()
    return reply(CountryAnswer.of(country))


@router.get("/currencies", response_model=Currencies)
async def list_currencies(_: Admin, held: Held) -> Response:
    """All currencies, and whether accounts may be opened in them."""
    async with held.database.unit_of_work() as session:
        rows = await currencies.list_currencies(session)
    return reply({"items": [_currency(row) for row in rows], "next_cursor": None})


@router.put("/currencies/{code}", response_model=CurrencyAnswer)
async def set_currency(
    code: CurrencyPath, body: CurrencyChange, _: Admin, actor: ActingUser, held: Held
) -> Response:
    """Allow new accounts in a currency, or no more."""
    if not (len(code) == 3 and code.isascii()):
        raise CurrencyNotFound
    async with held.database.unit_of_work() as session:
        currency = await currencies.set_enabled(session, code.upper(), enabled=body.enabled)
        audit.record(
            session,
            actor,
            "currency.set",
            subject_type="currency",
            subject_id=currency.code,
            details={"enabled": body.enabled},
        )
        await session.commit()
    return reply(_currency(currency))


def _currency(row: Currency) -> CurrencyAnswer:
    return CurrencyAnswer(
        code=row.code, name=row.name, decimals=money.exponent(row.code), enabled=row.enabled
    )


@router.get("/ledger/trial-balance", response_model=TrialBalanceAnswer)
async def show_trial_balance(_: Admin, held: Held) -> Response:
    """Every ledger account on its side; debits equal credits in each currency."""
    async with held.database.raw_connection() as connection:
        balance = await trial_balance(connection)
    return reply(TrialBalanceAnswer.of(balance, now=clock.now()))


@router.get("/reports", response_model=Report)
async def report(
    _: Admin,
    held: Held,
    since: Annotated[InstantQuery, Query(alias="from")] = None,
    until: Annotated[InstantQuery, Query(alias="to")] = None,
) -> Response:
    """Counters, volumes per day and type, settlement, lending; the last 30 days by default."""
    now = clock.now()
    first = beginning("from", since) or now - REPORT_SPAN
    last = end("to", until) or now
    async with held.database.snapshot() as session:
        connection = await driver(session)
        totals = await counters.counters(connection, midnight=_midnight(held))
        volumes = await counters.volumes(connection, since=first, until=last)
        settlement = await counters.settlement(connection, since=first, until=last)
        today = await business_date(connection, held.settings.time_zone)
        lending = await portfolio(
            connection,
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


def _midnight(held: Services) -> datetime:
    zone = ZoneInfo(held.settings.time_zone)
    return datetime.combine(clock.today(held.settings.time_zone), time.min, zone)


@router.get("/jobs", response_model=JobsAnswer)
async def show_jobs(_: Admin, held: Held) -> Response:
    """Queues and their depth, the oldest pending transaction, failed jobs."""
    waiting = await backlog(held.database)
    async with held.database.unit_of_work() as session:
        failed = await failed_jobs(session, limit=SHOWN_FAILED_JOBS)
    age = (clock.now() - waiting.oldest).total_seconds() if waiting.oldest else None
    return reply(
        JobsAnswer(
            queues=await _queues(held),
            pending_transactions=waiting.pending,
            oldest_pending_at=waiting.oldest,
            oldest_pending_seconds=None if age is None else round(max(age, 0), 3),
            failed_jobs=[FailedJobAnswer.of(job) for job in failed],
        )
    )


async def _queues(held: Services) -> list[QueueAnswer]:
    depths: dict[str, int | None] = dict.fromkeys(QUEUES)
    # Without Redis the rest of the answer is still known, and wanted most.
    with suppress(RedisError):
        depths |= await held.jobs.depths()
    return [QueueAnswer(name=name, depth=depth) for name, depth in depths.items()]


@router.post("/jobs/{job_id}/retry", status_code=202, response_model=Retried)
async def retry_job(job_id: str, _: Admin, actor: ActingUser, held: Held) -> Response:
    """Queue a failed job again, once."""
    known = parse_id(job_id)
    async with held.database.unit_of_work() as session:
        job = None if known is None else await take_for_retry(session, known, clock.now())
        if job is None:
            raise JobNotFound
        audit.record(session, actor, "job.retry", subject_type="job", subject_id=known)
        await session.commit()
    await held.jobs.enqueue(job.actor, *job.args, queue=job.queue, request_id=actor.request_id)
    return reply(Retried(job_id=job.id), status=202)


@router.get("/audit", response_model=AuditEntries)
async def read_audit(
    _: Admin,
    held: Held,
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
    async with held.database.unit_of_work() as session:
        rows = await audit.read(session, wanted, before_id=page.after_id(), limit=page.fetch)
    shown, next_cursor = page.cut(rows, lambda entry: [entry.id])
    items = [AuditAnswer.model_validate(entry, from_attributes=True) for entry in shown]
    return reply({"items": items, "next_cursor": next_cursor})
