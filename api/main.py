"""The application: ``uvicorn api.main:app``."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from starlette.routing import BaseRoute

from api import docs
from api.http import problems
from api.middleware import addresses, cors
from api.middleware.logging import LastResort, LoggingMiddleware
from api.middleware.rate_limit import limiter
from api.routes import (
    accounting,
    accounts,
    admin,
    admin_lending,
    aliases,
    approvals,
    auth,
    corrections,
    health,
    loan_accruals,
    loan_charges,
    loan_documents,
    loans,
    notifications,
    oversight,
    recovery,
    submissions,
    transactions,
    users,
)
from api.services import running
from core import __version__
from core.foundation import logging
from core.foundation.config import ApiSettings, Settings
from core.foundation.garbage import calm_garbage_collection

HOT_PATHS = {"/transactions/transfer", "/transactions/{transaction_id}"}
ROUTERS = (
    submissions.router,
    transactions.router,
    accounts.router,
    loans.router,
    loan_documents.router,
    recovery.router,
    loan_accruals.router,
    loan_charges.router,
    corrections.router,
    auth.router,
    notifications.router,
    users.router,
    admin_lending.router,
    admin.router,
    approvals.router,
    oversight.router,
    accounting.router,
    health.router,
)


def create_app(settings: Settings) -> FastAPI:
    """The API under ``settings``; its stores are opened when the server starts it."""
    logging.configure(settings, process="api")

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with running(settings) as services:
            app.state.services = services
            calm_garbage_collection()
            yield

    app = FastAPI(
        title="Giro",
        version=__version__,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url="/openapi.json" if settings.shows_docs else None,
    )
    app.state.limiter = limiter
    app.router.routes.extend(_routes())
    docs.install(app, with_pages=settings.shows_docs)
    problems.install(app)
    # The last one added is the outermost.
    app.add_middleware(LastResort)
    cors.install(app, settings)
    app.add_middleware(LoggingMiddleware)
    addresses.install(app, settings)
    return app


def _routes() -> list[BaseRoute]:
    """Every route, in one flat list with the hottest first.

    FastAPI's ``include_router`` would match each request twice, router by router; an eighth of the
    time of a fast request went there. Prefixes and tags are in the routes already.
    """
    routers = (*ROUTERS, aliases.make_router(ROUTERS))
    routes = [route for router in routers for route in router.routes]
    return sorted(routes, key=lambda route: getattr(route, "path", None) not in HOT_PATHS)


app = create_app(ApiSettings())
