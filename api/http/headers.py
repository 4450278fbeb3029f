"""The headers of answers, as the documentation names them."""

from typing import Any, Final


def _header(description: str, *, always: bool = False, **schema: Any) -> dict[str, Any]:
    return {"description": description, "required": always, "schema": {"type": "string"} | schema}


DOCUMENTED: Final[dict[str, dict[str, Any]]] = {
    "X-Request-ID": _header("The request's id: the client's own, or one of ours", always=True),
    "Location": _header("Where to find what was made", always=True),
    "Retry-After": _header("Seconds until another try makes sense", pattern=r"^[0-9]+$"),
    "Preference-Applied": _header("`wait=N`, where the answer was held back as preferred"),
    "Idempotent-Replayed": _header("`true` where the key had made this before", enum=["true"]),
    "WWW-Authenticate": _header("How to authenticate", always=True, enum=["Bearer"]),
}
# What answers of a status carry, whatever the operation.
OF_STATUS: Final = {"401": "WWW-Authenticate", "429": "Retry-After", "503": "Retry-After"}


def shown(*names: str) -> dict[str, Any]:
    """The part of an answer's description that names these headers."""
    return {"headers": {name: {"$ref": f"#/components/headers/{name}"} for name in names}}
