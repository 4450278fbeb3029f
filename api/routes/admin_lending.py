"""Administration of lending: products, the business day's jobs and their runs."""

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal, Optional, get_args
from uuid import UUID

from fastapi import APIRouter, Path, Response
from pydantic import BaseModel, BeforeValidator, Field, create_model
from pydantic.fields import FieldInfo
from redis.exceptions import RedisError

from api.dependencies import ActingUser, Admin, Caller, Wired
from api.http.paging import Paging
from api.http.responses import reply
from api.http.strict_json import Body, StrictRoute, example
from api.schemas.charges import ProductCharge
from api.schemas.fields import Flag, IsoDate, Text200, to_decimal
from api.schemas.terms import Percent
from api.services import Services
from core.audit.log import Actor, record
from core.business_day import runs
from core.business_day.dates import BankClock, business_date
from core.business_day.runs import Run
from core.foundation import outcome
from core.foundation.errors import RunNotFound
from core.foundation.ids import parse_id
from core.foundation.jobs import DRIVE_RUN_ACTOR, LENDING_QUEUE
from core.foundation.logging import describe, get_logger
from core.lending.origination import catalogue
from core.lending.origination.catalogue import Product
from core.lending.origination.charges import MAX_CHARGES
from core.lending.origination.products import ProductTerms
from core.lending.steps import DEFAULT_RECOVERY, EMI_COLLECTION

log = get_logger(__name__)

router = APIRouter(prefix="/admin", tags=["Administration"], route_class=StrictRoute)

ProductCode = Annotated[str, Path(pattern=r"^[a-z0-9][a-z0-9_-]{0,39}$")]


class ProductChange(Body):
    """Changes of a loan product; what is left out stays. New codes begin from the defaults."""

    model_config = example({"max_amount": 50000, "default_rate": 11.5})

    name: Text200 | None = None
    enabled: Flag | None = None


class ProductNamed(BaseModel):
    """A loan product; all its other fields are its terms."""

    code: str
    name: str
    enabled: bool


def _is_decimal(kind: Any) -> bool:
    """Whether a term is a decimal, or may be one."""
    return Decimal in {kind, *(getattr(part, "__origin__", part) for part in get_args(kind))}


def _asked(field: FieldInfo) -> Any:
    """A term's type in a body: as the product has it, numbers as strict as in any other body."""
    kind: Any = field.annotation
    checks = [Field(), *field.metadata]
    if _is_decimal(kind):
        kind, checks = Decimal, [*checks, BeforeValidator(to_decimal)]
    return Optional[Annotated[kind, *checks]]  # noqa: UP045 - a type known at run time


def _answered(field: FieldInfo) -> Any:
    """A term's type in an answer, where decimals are numbers."""
    kind: Any = field.annotation
    if kind is Decimal:
        return Percent
    return Optional[Percent] if _is_decimal(kind) else kind  # noqa: UP045


# Every term of a product may be changed; together they are checked by the product itself.
_changes: dict[str, Any] = {
    name: (_asked(field), None) for name, field in ProductTerms.model_fields.items()
}
_changes["charges"] = (Annotated[list[ProductCharge] | None, Field(max_length=MAX_CHARGES)], None)
_terms: dict[str, Any] = {
    name: (_answered(field), ...) for name, field in ProductTerms.model_fields.items()
}
ProductPut = create_model("ProductPut", __base__=ProductChange, **_changes)
ProductAnswer = create_model("ProductAnswer", __base__=ProductNamed, **_terms)


class Products(BaseModel):
    """A page of loan products, by code."""

    items: list[ProductAnswer]
    next_cursor: str | None


RunStatus = Literal["queued", "running", "completed", "failed"]
JobName = Literal["close-day", "emi-collection", "default-recovery"]


class JobRequest(Body):
    """For which business date, the next one at most; today if left out."""

    model_config = example({"business_date": "2026-11-20"})
    business_date: IsoDate | None = None


class RunStarted(BaseModel):
    """A run to look at."""

    run_id: UUID


class RunAnswer(RunStarted):
    """A run and its progress."""

    job: JobName
    business_date: date
    status: RunStatus
    total: int
    done: int
    succeeded: int
    failed: int
    started_at: datetime | None
    finished_at: datetime | None
    error: str | None


class Runs(BaseModel):
    """A page of runs, the newest first."""

    items: list[RunAnswer]
    next_cursor: str | None


@router.get("/loan-products", response_model=Products)
async def list_products(_: Admin, services: Wired, page: Paging) -> Response:
    """The loan products with their terms, by code."""
    async with services.database.read() as reader:
        rows = await catalogue.list_products(reader, after_code=page.after_code(), limit=page.fetch)
    shown, next_cursor = page.cut(rows, lambda product: [product.code])
    return reply({"items": [_product(product) for product in shown], "next_cursor": next_cursor})


@router.put("/loan-products/{code}", response_model=ProductAnswer)
async def put_product(
    code: ProductCode,
    body: ProductPut,
    _: Admin,
    actor: ActingUser,
    services: Wired,
) -> Response:
    """Change a loan product, or make a new one; loans keep the terms they were made with."""
    changes: dict[str, Any] = body.model_dump(exclude_unset=True)
    logged = body.model_dump(exclude_unset=True, mode="json")
    name, enabled = changes.pop("name", None), changes.pop("enabled", None)
    async with services.database.unit_of_work() as unit:
        product = await catalogue.put(unit.connection, code, changes, name=name, enabled=enabled)
        record(
            unit.session,
            actor,
            "loan_product.put",
            subject_type="loan_product",
            subject_id=code,
            details=logged,
        )
        await unit.commit()
    return reply(_product(product))


@router.post("/jobs/emi-collection", status_code=202, response_model=RunStarted)
async def collect_emis(
    caller: Admin, actor: ActingUser, services: Wired, body: JobRequest | None = None
) -> Response:
    """Collect the instalments that are due by a business date; twice collects nothing twice."""
    return await _start(services, EMI_COLLECTION, body, caller, actor)


@router.post("/jobs/default-recovery", status_code=202, response_model=RunStarted)
async def recover_defaults(
    caller: Admin, actor: ActingUser, services: Wired, body: JobRequest | None = None
) -> Response:
    """Classify overdue loans, open recovery cases for those in default, and set money off."""
    return await _start(services, DEFAULT_RECOVERY, body, caller, actor)


@router.get("/jobs/runs", response_model=Runs)
async def list_runs(
    _: Admin, services: Wired, page: Paging, status: RunStatus | None = None
) -> Response:
    """The runs of the business day, the newest first: all, or those of one status."""
    async with services.database.read() as reader:
        found = await runs.latest(
            reader, status=status, before_id=page.after_id(), limit=page.fetch
        )
    shown, next_cursor = page.cut(found, lambda run: [run.id])
    return reply({"items": [_run(run) for run in shown], "next_cursor": next_cursor})


@router.get("/jobs/runs/{run_id}", response_model=RunAnswer)
async def show_run(run_id: str, _: Admin, services: Wired) -> Response:
    """How far a run has come."""
    known = parse_id(run_id)
    if known is None:
        raise RunNotFound
    async with services.database.read() as reader:
        run = await runs.find(reader, known)
    return reply(_run(run))


async def _start(
    services: Services, job: str, body: JobRequest | None, caller: Caller, actor: Actor
) -> Response:
    async with services.database.unit_of_work() as unit:
        connection = unit.connection
        day = body.business_date if body else None
        day = day or await business_date(connection, services.settings.time_zone)
        bank_clock = BankClock.of(services.settings)
        run_id = await runs.start(connection, job, day, bank_clock, caller.user_id)
        record(
            unit.session,
            actor,
            "job.start",
            subject_type="run",
            subject_id=run_id,
            details={"job": job, "business_date": day.isoformat()},
        )
        await outcome.commit(services.database, unit, runs.trace(run_id))
    try:
        await services.jobs.enqueue(
            DRIVE_RUN_ACTOR, str(run_id), queue=LENDING_QUEUE, request_id=actor.request_id
        )
    except RedisError as error:  # the scheduler goes on with runs that nobody works on
        log.warning("run_not_rung", run_id=str(run_id), error=describe(error))
    return reply({"run_id": run_id}, status=202)


def _product(product: Product) -> dict[str, Any]:
    terms = product.terms.model_dump()
    return {"code": product.code, "name": product.name, "enabled": product.enabled, **terms}


def _run(run: Run) -> dict[str, Any]:
    return {
        "run_id": run.id,
        "job": run.job,
        "business_date": run.business_date,
        "status": run.status,
        "total": run.total,
        "done": run.done,
        "succeeded": run.succeeded,
        "failed": run.failed,
        "started_at": run.started_at,
        "finished_at": run.finished_at,
        "error": run.error,
    }
