"""Strict JSON bodies: what two readers could understand differently is refused.

Numbers become ``int`` or exact ``Decimal``, never a float. Duplicate keys, NaN, Infinity, text that
is not UTF-8, NUL and lone surrogates in strings, and too deep nesting make a body malformed. A body
is an object; where it may be left out it is an object or absent, and where a route declares none,
anything but nothing and ``{}`` is refused.

A malformed body reaches validation as a ``Malformed`` value instead of an exception, so that who
is not logged in hears that first (401), whatever the body.
"""

import json
from collections.abc import Callable, Coroutine
from copy import copy
from dataclasses import dataclass, replace
from decimal import Decimal, DecimalException
from typing import Any, Final, NoReturn

from fastapi import Request, Response
from fastapi.routing import APIRoute
from pydantic import BaseModel, ConfigDict, model_validator
from pydantic_core import PydanticCustomError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import Scope

from api.http.admission import admitted
from core.foundation.errors import UnexpectedBody
from core.foundation.metrics import stage

MAX_DEPTH: Final = 32
# No body of ours has as many fields; each one that is not known would be an error to report.
MAX_FIELDS: Final = 100
# Room for an empty object and the white space around it; whatever is longer says something.
EMPTY_OBJECT_BYTES: Final = 64


@dataclass(frozen=True, slots=True)
class Malformed:
    """Why a body cannot be read."""

    reason: str


class NotStrictError(ValueError):
    """Valid JSON for some readers, and not for us."""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise NotStrictError("a key occurs twice in one object")
    if len(found) > MAX_FIELDS:
        raise NotStrictError(f"an object has more than {MAX_FIELDS} fields")
    return found


def _refuse_constant(name: str) -> NoReturn:
    raise NotStrictError(f"{name} is not JSON")


_decoder = json.JSONDecoder(
    object_pairs_hook=_object, parse_float=Decimal, parse_constant=_refuse_constant
)


def parse(body: bytes) -> Any:
    """The value that ``body`` spells, or ``Malformed``."""
    try:
        text = body.decode("utf-8")
        value = _decoder.decode(text)
        if b"\\u" in body:
            _refuse_unstorable(text, value)
        _refuse_depth(value, MAX_DEPTH)
    except (ValueError, DecimalException, RecursionError) as error:
        return Malformed(_reason(error))
    return value


def _reason(error: Exception) -> str:
    if isinstance(error, NotStrictError):
        return str(error)
    if isinstance(error, json.JSONDecodeError):
        return f"the body is not JSON: {error.msg} at character {error.pos}"
    if isinstance(error, UnicodeDecodeError):
        return "the body is not UTF-8"
    if isinstance(error, RecursionError):
        return "the body is nested too deeply"
    return "a number in the body has too many digits"


def _refuse_unstorable(text: str, value: Any) -> None:
    # Only an escape can bring a NUL or a lone surrogate into a string of valid JSON.
    if "\\u0000" in text or "\\ud" in text or "\\uD" in text:
        rendered = json.dumps(value, ensure_ascii=False, default=str)
        if "\\u0000" in rendered or any("\ud800" <= char <= "\udfff" for char in rendered):
            raise NotStrictError("a string holds a NUL or half a surrogate pair")


def _refuse_depth(value: Any, limit: int) -> None:
    if not isinstance(value, dict | list):
        return
    if limit == 0:
        raise RecursionError
    for child in value.values() if isinstance(value, dict) else value:
        _refuse_depth(child, limit - 1)


class StrictRequest(Request):
    """A request whose ``json()`` is strict."""

    async def json(self) -> Any:
        """The body's value, or ``Malformed``."""
        with stage("read_body"):
            value = parse(await self.body())
        # Validation would take null for a body that is not there.
        return Malformed("the body must be an object, not null") if value is None else value


class StrictRoute(APIRoute):
    """A route that reads its JSON body strictly: ``APIRouter(route_class=StrictRoute)``.

    A body without a Content-Type is taken for JSON. Browsers cannot be tricked into sending one
    with somebody's rights: tokens travel in a header that only scripts of ours set.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **{**options, "strict_content_type": False})

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """FastAPI's handler, given a StrictRequest, or refusing a body that is not declared."""
        handle = super().get_route_handler()
        if self.body_field is None:
            return admitted(self, _refusing_bodies(self, handle))

        async def handle_strictly(request: Request) -> Response:
            return await handle(StrictRequest(request.scope, request.receive))

        return admitted(self, handle_strictly)


Handle = Callable[[Request], Coroutine[Any, Any, Response]]


def _refusing_bodies(route: APIRoute, handle: Handle) -> Handle:
    """``handle`` for requests without a body; for others all of the route's checks, then 422."""
    refusing = copy(route)
    refusing.dependant = replace(route.dependant, call=_refuse_body)
    refuse = APIRoute.get_route_handler(refusing)

    async def handle_bare(request: Request) -> Response:
        if _announces_body(request.scope) and not await _is_empty(request):
            return await refuse(request)
        return await handle(request)

    return handle_bare


async def _refuse_body(**_parameters: Any) -> Response:
    raise UnexpectedBody


def _announces_body(scope: Scope) -> bool:
    """Whether a body follows: without one of these two headers there is none (RFC 9112, 6.3)."""
    for name, value in scope["headers"]:
        if (name == b"content-length" and value != b"0") or name == b"transfer-encoding":
            return True
    return False


async def _is_empty(request: Request) -> bool:
    """Whether the body is nothing or ``{}``, as many clients send it; read no more than needed."""
    body = b""
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > EMPTY_OBJECT_BYTES:
                return False
    except ClientDisconnect as error:
        raise HTTPException(400) from error
    return not body or parse(body) == {}


def example(body: dict[str, Any], **more: Any) -> ConfigDict:
    """The configuration of a body that the documentation shows ``body`` for; ``more`` is what else
    its schema says."""
    return ConfigDict(json_schema_extra={"examples": [body], **more})


class Body(BaseModel):
    """Base of every request body: an object, whose unknown fields are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=False)

    @model_validator(mode="before")
    @classmethod
    def _refuse_unreadable(cls, value: Any) -> Any:
        if isinstance(value, Malformed):
            raise PydanticCustomError("malformed_json", "{reason}", {"reason": value.reason})
        if isinstance(value, bytes):
            raise PydanticCustomError(
                "unsupported_media_type", "The body must be sent as application/json"
            )
        # FastAPI validates with `from_attributes`, by which any Python object would be a body
        # without fields: a Decimal, say, which is what 1.5 is read as.
        if not isinstance(value, dict | cls):
            raise PydanticCustomError("not_an_object", "must be an object")
        return value
