"""OpenAPI links between operations, worked out of the document itself.

Where an operation answers a field named as another's path parameter (``account_id``), or a list of
things with that field, a link leads from the one to the other.
"""

from typing import Any

Document = dict[str, Any]
METHODS = {"get", "post", "put", "delete"}
ROWS_FOLLOWED = 2


def with_links(document: Document) -> Document:
    """The document, every answer of which names what can be done with it."""
    takers: dict[str, list[str]] = {}
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            for parameter in operation.get("parameters", []):
                if parameter["in"] == "path" and method in METHODS:
                    takers.setdefault(parameter["name"], []).append(operation["operationId"])
                    assert f"{{{parameter['name']}}}" in path
    for operations in document["paths"].values():
        for operation in operations.values():
            for status, answer in operation["responses"].items():
                if status.startswith("2"):
                    answer["links"] = _links(document, answer, takers)
    return document


def _links(
    document: Document, answer: dict[str, Any], takers: dict[str, list[str]]
) -> dict[str, Any]:
    found = {}
    for name, pointers in _fields(document, answer).items():
        for taker in takers.get(name, []):
            for number, pointer in enumerate(pointers):
                found[f"{taker}_{number}"] = {
                    "operationId": taker,
                    "parameters": {f"path.{name}": f"$response.body#/{pointer}"},
                }
    return found


def _fields(document: Document, answer: dict[str, Any]) -> dict[str, list[str]]:
    """The fields of an answer, and of the first rows of a list, each with its pointers."""
    schema = _resolved(document, answer.get("content", {}).get("application/json", {}))
    found = {name: [name] for name in schema.get("properties", {})}
    rows = schema.get("properties", {}).get("items", {})
    row = _resolved(document, {"schema": rows.get("items", {})})
    for name in row.get("properties", {}):
        found[name] = [f"items/{index}/{name}" for index in range(ROWS_FOLLOWED)]
    return found


def _resolved(document: Document, media: dict[str, Any]) -> dict[str, Any]:
    schema: dict[str, Any] = media.get("schema", {})
    name = schema.get("$ref", "").rpartition("/")[2]
    resolved: dict[str, Any] = document["components"]["schemas"][name] if name else schema
    return resolved
