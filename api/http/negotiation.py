"""Which form of a resource a client wants: ``Accept``, RFC 9110, 12.5.1."""

from collections.abc import Sequence
from typing import Any, Final

from fastapi import Request, Response

from api.http.responses import JSON

PDF: Final = "application/pdf"
CSV: Final = "text/csv"


def preferred(request: Request, offered: Sequence[str]) -> str:
    """Of the media types ``offered``, the one that the client likes best; the first where it
    says nothing, or nothing that there is."""
    ranges = [_range(part) for part in request.headers.get("accept", "").split(",")]
    liked = {kind: _liking(kind, ranges) for kind in offered}
    best = max(offered, key=lambda kind: liked[kind])
    return best if liked[best] > 0 else offered[0]


def printed(content: bytes, kind: str, filename: str) -> Response:
    """A file to be shown or saved."""
    headers = {"content-disposition": f'inline; filename="{filename}"', "vary": "Accept"}
    return Response(content, media_type=kind, headers=headers)


def also_as(*kinds: str) -> dict[int | str, dict[str, Any]]:
    """The part of a route's description that names other forms of its answer."""
    binary = {"schema": {"type": "string", "format": "binary"}}
    return {200: {"content": {JSON: {}, **dict.fromkeys(kinds, binary)}}}


def _range(part: str) -> tuple[str, float]:
    kind, *parameters = (each.strip().lower() for each in part.split(";"))
    quality = 1.0
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            quality = _number(value)
    return kind, quality


def _number(text: str) -> float:
    try:
        return min(max(float(text), 0.0), 1.0)
    except ValueError:
        return 0.0


def _liking(kind: str, ranges: Sequence[tuple[str, float]]) -> float:
    """The quality that the most exact of the ranges gives ``kind``."""
    for wanted in (kind, f"{kind.partition('/')[0]}/*", "*/*"):
        for named, quality in ranges:
            if named == wanted:
                return quality
    return 0.0
