"""The other spellings: one table, the same handlers.

Some clients know these paths from older documents; a new one should use the first column's.
"""

from collections.abc import Iterable
from typing import Final

from fastapi import APIRouter
from fastapi.routing import APIRoute

from api.http.strict_json import StrictRoute

# (method, other spelling) -> the path whose handler answers.
ALIASES: Final = {
    ("POST", "/register"): "/auth/register",
    ("POST", "/logon"): "/auth/login",
    ("GET", "/overview"): "/users/overview",
    ("POST", "/accounts/open"): "/accounts",
    ("POST", "/transfers"): "/transactions/transfer",
    ("POST", "/deposits"): "/transactions/deposit",
    ("POST", "/payments"): "/transactions/payment",
}


def make_router(routers: Iterable[APIRouter]) -> APIRouter:
    """A router that serves every alias by the handler of its path in ``routers``."""
    known = {
        (method, route.path): route
        for router in routers
        for route in router.routes
        if isinstance(route, APIRoute)
        for method in route.methods or ()
    }
    aliases = APIRouter(tags=["Other spellings"], route_class=StrictRoute)
    for (method, spelling), path in ALIASES.items():
        route = known[method, path]
        aliases.add_api_route(
            spelling,
            route.endpoint,
            methods=[method],
            status_code=route.status_code,
            response_model=route.response_model,
            responses=route.responses,
            openapi_extra=route.openapi_extra,
            summary=f"The same as {method} {path}",
        )
    return aliases
