"""Strict JSON bodies: what two readers could understand differently is refused.

Numbers become ``int`` or exact ``Decimal``, never a float. Duplicate keys, NaN, Infinity, text that
is not UTF-8, NUL and lone surrogates in strings, and too deep nesting make a body malformed.

A malformed body reaches validation as a ``Malformed`` value instead of an exception, so that who
is not logged in hears that first (401), whatever the body.
"""

import json
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from decimal import Decimal, DecimalException
from typing import Any, Final, NoReturn

from fastapi import Request, Response
from fastapi.routing import APIRoute
from pydantic import BaseModel, ConfigDict, model_validator
from pydantic_core import PydanticCustomError

from core.metrics import stage

MAX_DEPTH: Final = 32


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
            return parse(await self.body())


class StrictRoute(APIRoute):
    """A route that reads its JSON body strictly: ``APIRouter(route_class=StrictRoute)``.

    A body without a Content-Type is taken for JSON. Browsers cannot be tricked into sending one
    with somebody's rights: tokens travel in a header that only scripts of ours set.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **{**options, "strict_content_type": False})

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """FastAPI's handler, given a StrictRequest."""
        handle = super().get_route_handler()

        async def handle_strictly(request: Request) -> Response:
            return await handle(StrictRequest(request.scope, request.receive))

        return handle_strictly


def example(body: dict[str, Any]) -> ConfigDict:
    """The configuration of a body that the documentation shows ``body`` for."""
    return ConfigDict(json_schema_extra={"examples": [body]})


class Body(BaseModel):
    """Base of every request body: unknown fields are refused."""

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
        return value
