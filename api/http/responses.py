"""Answers: pydantic models and plain values as JSON whose numbers are exact."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec
from pydantic import BaseModel
from starlette.responses import Response

from core.foundation.metrics import stage

JSON: Final = "application/json"


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        fields = type(value).model_fields
        return {
            fields[name].serialization_alias or name: item for name, item in value.__dict__.items()
        }
    raise TypeError(f"{type(value).__name__} has no form in JSON")


_encoder = msgspec.json.Encoder(decimal_format="number", enc_hook=_plain)
# Decimals as exact numbers, times as RFC 3339 in UTC with Z, ids and enums as text.
encode = _encoder.encode


def reply(value: Any, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A JSON answer of a model, a list, a dict or a dataclass."""
    with stage("reply"):
        return Response(encode(value), status_code=status, headers=headers, media_type=JSON)


def no_content() -> Response:
    """204: done, and nothing to say about it."""
    return Response(status_code=204)
