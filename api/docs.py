"""The API's documentation: OpenAPI, made whole."""

from typing import Any, Final

from fastapi import APIRouter, FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel

from api import docs_pages
from api.http import headers
from api.http.problems import MEDIA_TYPE, published_codes
from api.http.responses import reply
from api.routes.aliases import ALIASES
from core.foundation.errors import NotFound

DESCRIPTION: Final = """\
A money movement is **submitted**, durably accepted (`202`), settled by a worker, and **polled**:

    POST /transactions/transfer   {"to_account": "1000000019", "amount": 1000}
    GET  /transactions/{id}       → pending | success | failed

`Prefer: wait=N` holds the answer until the transaction is final or N seconds have passed. An
`Idempotency-Key` makes a submission safe to repeat. Money is a JSON number or a decimal string in
major units; in answers it is a number that is exact. Press **Authorize** and log in to try
anything here.

A body is refused where none is declared, and so is an unknown field. `Allow` of a 405 lists what
the path answers. Errors are `application/problem+json` (RFC 9457); `code` never changes once
published.

"""
TAGS: Final = [
    {"name": "Identity", "description": "Registration, login, tokens, the user's own profile"},
    {"name": "Accounts", "description": "Accounts, balances, ledger entries"},
    {"name": "Transactions", "description": "Submit a movement of money and poll it"},
    {"name": "Loans", "description": "Quotes, applications, schedules, payments, recovery"},
    {"name": "Administration", "description": "Users, countries, currencies, reports, jobs, audit"},
    {"name": "Approvals", "description": "Deeds that wait for a second person: four eyes"},
    {"name": "Health", "description": "Probes and metrics"},
    {"name": "Other spellings", "description": "The same handlers under other paths"},
]


class FieldError(BaseModel):
    """One malformed field."""

    field: str
    message: str
    code: str


class Problem(BaseModel):
    """Problem details (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    code: str
    request_id: str | None
    errors: list[FieldError] | None = None


def _described(description: str) -> dict[str, Any]:
    return {
        "description": description,
        "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }


ALWAYS: Final[dict[str, dict[str, Any]]] = {
    "422": _described("The request is malformed"),
    "429": _described("Too many requests"),
    "503": _described("A store is down"),
}
WITH_BODY: Final[dict[str, dict[str, Any]]] = {
    "400": _described("A business rule refuses"),
    "409": _described("The present state does not allow it"),
    "413": _described("The body is too large"),
    "415": _described("The body is not JSON"),
}
WITH_LOGIN: Final[dict[str, dict[str, Any]]] = {
    "401": _described("No token, or a bad one"),
    "403": _described("The role may not"),
}
NOT_FOUND: Final[dict[str, dict[str, Any]]] = {"404": _described("Unknown, or not yours")}
# What a reading operation answers beside what all of them do.
ALSO: Final = {
    ("get", "/loans/{loan_id}/payoff"): {"409": WITH_BODY["409"]},
    ("get", "/loans/{loan_id}/disclosure"): {"409": WITH_BODY["409"]},
    ("get", "/loans/{loan_id}/statement"): {"409": WITH_BODY["409"]},
    ("get", "/loans/{loan_id}/certificate/{year}"): {"409": WITH_BODY["409"]},
    ("get", "/loans/{loan_id}/no-dues"): {"409": WITH_BODY["409"]},
    ("get", "/metrics"): {"404": _described("Closed to who brings no token, in production")},
}


def describe(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI document, made once."""
    if app.openapi_schema is None:
        document = get_openapi(
            title=app.title,
            version=app.version,
            description=DESCRIPTION + _table_of_codes(),
            routes=app.routes,
            tags=TAGS,
        )
        _complete(document)
        app.openapi_schema = document
    return app.openapi_schema


def _table_of_codes() -> str:
    """Every code, folded up: the page opens with the endpoints."""
    rows = [
        f"| `{code}` | {status} | {title} |"
        for code, (status, title) in sorted(published_codes().items())
    ]
    return "\n".join(
        [
            "<details><summary>All codes of errors</summary>",
            "",
            *("| code | status | meaning |", "|---|---|---|", *rows),
            "",
            "</details>",
        ]
    )


def _complete(document: dict[str, Any]) -> None:
    components = document.setdefault("components", {})
    components["headers"] = headers.DOCUMENTED
    schemas = components.setdefault("schemas", {})
    schemas["Problem"] = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    for name, schema in schemas["Problem"].pop("$defs", {}).items():
        schemas[name] = schema
    components.setdefault("securitySchemes", {})["bearer"] = {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "An access token of POST /auth/login",
    }
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            _complete_operation(path, method, operation)
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)


def _complete_operation(path: str, method: str, operation: dict[str, Any]) -> None:
    _without_null(operation)
    responses = dict(ALWAYS)
    if method in {"post", "put", "delete"}:
        responses |= WITH_BODY
    if "security" in operation:
        operation["security"].append({"bearer": []})
        responses |= WITH_LOGIN
    elif ALIASES.get((method.upper(), path), path).startswith("/auth/"):
        responses |= {"401": WITH_LOGIN["401"], "403": WITH_LOGIN["403"]}
    if "parameters" in operation or method != "get":
        responses |= NOT_FOUND
    responses |= ALSO.get((method, path), {})
    given = operation["responses"]
    given.pop("422", None)
    everything = given | {s: r for s, r in responses.items() if s not in given}
    operation["responses"] = {s: _with_headers(s, answer) for s, answer in everything.items()}


def _with_headers(status: str, answer: dict[str, Any]) -> dict[str, Any]:
    names = {"X-Request-ID", *([headers.OF_STATUS[status]] if status in headers.OF_STATUS else [])}
    common = headers.shown(*sorted(names))["headers"]
    return answer | {"headers": answer.get("headers", {}) | common}


def _without_null(operation: dict[str, Any]) -> None:
    """An optional body is an object or absent; FastAPI would describe it as an object or null."""
    for media in operation.get("requestBody", {}).get("content", {}).values():
        parts = media["schema"].get("anyOf", [])
        objects = [part for part in parts if part != {"type": "null"}]
        if len(objects) == 1 < len(parts):
            media["schema"] = objects[0]


def install(app: FastAPI, *, with_pages: bool) -> None:
    """Describe ``app``, and serve ``/problems`` and, ``with_pages``, ``/docs`` and ``/redoc``."""
    app.openapi = lambda: describe(app)  # type: ignore[method-assign]
    router = APIRouter(include_in_schema=False)

    @router.get("/problems")
    async def list_problems() -> object:
        return reply({"items": [_entry(code) for code in sorted(published_codes())]})

    @router.get("/problems/{code}")
    async def show_problem(code: str) -> object:
        if code not in published_codes():
            raise NotFound
        return reply(_entry(code))

    app.include_router(router)
    if with_pages:
        docs_pages.install(app)


def _entry(code: str) -> dict[str, Any]:
    status, title = published_codes()[code]
    return {"code": code, "status": status, "title": title}
