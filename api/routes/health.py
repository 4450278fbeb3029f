"""Probes and metrics."""

import asyncio
from hmac import compare_digest
from typing import Final, Literal

from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import BaseModel

from api.dependencies import Wired
from api.http import problems
from api.http.responses import reply
from api.http.strict_json import StrictRoute
from api.services import Services
from core.foundation.errors import NotFound, Unavailable
from core.foundation.jobs import BELL_KEY
from core.foundation.logging import describe, get_logger
from core.identity import users

log = get_logger(__name__)
router = APIRouter(tags=["Health"], route_class=StrictRoute)

PROBE_TIMEOUT_SECONDS: Final = 1.5


class Health(BaseModel):
    """The process answers."""

    status: Literal["ok"] = "ok"


class Readiness(BaseModel):
    """The stores answer, too."""

    status: Literal["ready"] = "ready"
    stores: dict[str, Literal["up", "down"]]


@router.head("/health", response_model=None)
@router.get("/health", response_model=Health)
async def health() -> Response:
    """Whether this process is alive, whatever its stores do."""
    return reply({"status": "ok"})


@router.head("/health/ready", response_model=None)
@router.get("/health/ready", response_model=Readiness)
async def ready(request: Request, services: Wired) -> Response:
    """Whether work can be done: 503 says which store is down."""
    database, redis = await asyncio.gather(_database_state(services), _redis_state(services))
    stores = {"database": database, "redis": redis}
    down = [name for name, state in stores.items() if state == "down"]
    if not down:
        return reply({"status": "ready", "stores": stores})
    return problems.problem(
        request.scope,
        status=503,
        code=Unavailable.code,
        title=Unavailable.title,
        detail=f"down: {', '.join(down)}",
        headers={"retry-after": str(problems.RETRY_AFTER_OUTAGE_SECONDS)},
        extra={"stores": stores},
    )


async def _database_state(services: Services) -> str:
    try:
        async with asyncio.timeout(PROBE_TIMEOUT_SECONDS):
            async with services.probe.read() as reader:
                await users.probe(reader)
    except Exception as error:  # noqa: BLE001 - whatever it is, the database is not ready
        log.warning("not_ready", store="database", error=describe(error))
        return "down"
    return "up"


async def _redis_state(services: Services) -> str:
    try:
        async with asyncio.timeout(PROBE_TIMEOUT_SECONDS):
            await services.redis.exists(BELL_KEY)
    except Exception as error:  # noqa: BLE001 - whatever it is, Redis is not ready
        log.warning("not_ready", store="redis", error=describe(error))
        return "down"
    return "up"


@router.get("/metrics", response_class=Response)
async def metrics(request: Request, services: Wired) -> Response:
    """Prometheus metrics of this process; where they are closed, for METRICS_TOKEN's bearer."""
    if not (
        services.settings.shows_metrics or _brings_token(request, services.settings.metrics_token)
    ):
        raise NotFound
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)


def _brings_token(request: Request, token: str) -> bool:
    said = request.headers.get("authorization", "").encode()
    return bool(token) and compare_digest(said, f"Bearer {token}".encode())
