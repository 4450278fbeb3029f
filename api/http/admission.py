"""What a request passes before its body is read: room, its token, its limits.

A body costs memory to read and time to check, so it is read of those alone who may send it: first
the process has room, then the token is checked (or the address's limit, on public routes), then
the caller has no more than so many requests under way, then the body's length is looked at, and
then the route's own queue has a place. Whoever is turned away is so at once, and nothing was done.
"""

from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeVar
from uuid import UUID

from fastapi import Request, Response
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from api.dependencies import Caller, RoleCheck
from api.http.bodies import CLIENT_GONE, limited, unless_gone
from api.middleware.rate_limit import is_public, limit_address
from api.services import Services
from core.foundation.config import Settings

Handle = Callable[[Request], Coroutine[Any, Any, Response]]
Handler = TypeVar("Handler", bound=Callable[..., Any])


class Queue(StrEnum):
    """The queues of their own that a route may stand in."""

    BATCHES = "batches"
    LISTINGS = "listings"


@dataclass(frozen=True, slots=True)
class Terms:
    """What a handler asks of admission, beside what its dependencies ask."""

    queue: Queue | None = None
    large_body: bool = False


def takes_batches(handler: Handler) -> Handler:
    """Decorate a handler of batches: larger bodies, few at a time."""
    return _with(handler, Terms(Queue.BATCHES, large_body=True))


def lists(handler: Handler) -> Handler:
    """Decorate a handler that reads much: from ``services.listings``, in a queue of their own, and
    is stopped when its client hangs up."""
    return _with(handler, Terms(Queue.LISTINGS))


def _with(handler: Handler, terms: Terms) -> Handler:
    vars(handler)["admission"] = terms
    return handler


def admitted(route: APIRoute, handle: Handle) -> Handle:
    """``handle`` for those requests of ``route`` that are let in."""
    checks = list(_role_checks(route.dependant))
    public = is_public(route.endpoint)
    reads_body = route.body_field is not None
    terms: Terms = getattr(route.endpoint, "admission", Terms())

    async def admit(request: Request) -> Response:
        services: Services = request.app.state.services
        services.crowd.enter()
        try:
            if public:
                await limit_address(request)
            caller: Caller | None = None
            for check in checks:
                caller = await check(request)
            if caller is None:
                return await serve(request, services, None)
            services.crowd.enter_as(caller.user_id)
            try:
                return await serve(request, services, caller)
            finally:
                services.crowd.leave_as(caller.user_id)
        finally:
            services.crowd.leave()

    async def serve(request: Request, services: Services, caller: Caller | None) -> Response:
        if reads_body:
            request = await limited(request, _max_bytes(services.settings, terms))
        if terms.queue is None or caller is None:
            return await handle(request)
        if terms.queue is Queue.LISTINGS:
            listing = _in_turn(request, services, caller.user_id, handle)
            return await unless_gone(request, listing) or Response(status_code=CLIENT_GONE)
        async with services.batch_gate.place(caller.user_id):
            return await handle(request)

    return admit


def _role_checks(dependant: Dependant) -> Iterator[RoleCheck]:
    for inner in dependant.dependencies:
        if isinstance(inner.call, RoleCheck):
            yield inner.call
        yield from _role_checks(inner)


def _max_bytes(settings: Settings, terms: Terms) -> int:
    return settings.max_batch_body_bytes if terms.large_body else settings.max_body_bytes


async def _in_turn(request: Request, services: Services, user_id: UUID, handle: Handle) -> Response:
    async with services.listing_turns.turn(user_id):
        return await handle(request)
